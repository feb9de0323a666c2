"""What a camera sends, at what rate, and what the broker asks of it."""

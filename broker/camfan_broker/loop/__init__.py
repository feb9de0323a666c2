"""What runs the broker: one poll, its delays, and what a turn may take."""

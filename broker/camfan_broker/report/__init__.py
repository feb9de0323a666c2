"""What the broker says of itself: status, metrics, health."""

"""One connection for each broker that a subscriber reads from."""

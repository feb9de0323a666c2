"""The camera node: takes frames from one source and publishes them, whatever the source does."""

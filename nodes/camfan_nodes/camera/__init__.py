"""The camera node: takes pictures from one source and publishes them, whatever the source does."""

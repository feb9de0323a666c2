"""The camera node: captures frames from one source and publishes them."""

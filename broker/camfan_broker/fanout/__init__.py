"""Frames on the PUB socket, for readers that only subscribe."""

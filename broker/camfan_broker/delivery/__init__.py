"""Frames on the ROUTER socket, to readers with a credit: `latest` and `every`."""

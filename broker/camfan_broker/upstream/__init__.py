"""Cameras of other sites: their frames, fetched and numbered as there."""

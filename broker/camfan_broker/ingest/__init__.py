"""Frames from cameras, each checked before it counts."""

"""Frames that a camera keeps while the link is down, in memory and on disk."""

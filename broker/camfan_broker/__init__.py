"""The broker: every frame of a site passes through this one process.

It routes, remembers and counts. It never decodes a picture, never touches a disk, and never waits
for anybody: `loop.py` is the one thread that owns the sockets.
"""

"""The broker: every frame of a site passes through this one process.

It routes, remembers and counts. It never decodes a picture, never touches a disk, and never waits
for a client: one thread owns the sockets (`broker.py`).
"""

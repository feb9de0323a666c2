"""The broker: every frame of a site passes through this process.

It routes, stores and counts frames. It does not decode a JPEG, write to a disk, or wait for a
client. One thread owns the sockets (`broker.py`).
"""

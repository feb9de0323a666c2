"""The recorder: every frame of its cameras on disk, as it came, and an index of where it lies.

Nothing here decodes, changes or drops a frame, and nothing here holds up another node.
"""

"""Intervals of recordings as one file: video, original JPEGs, time-lapse, animated picture.

Used by commands and by servers: progress is reported to a function, and a function is asked
whether to stop. Needs PyAV, but for archives of JPEGs.
"""

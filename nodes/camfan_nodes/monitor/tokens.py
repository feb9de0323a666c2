"""Colours, and what each of them is for. Colour carries state and nothing else; no green."""

from __future__ import annotations

Colour = tuple[int, int, int]

PAGE: Colour = (0x0B, 0x0C, 0x0D)
CAPTION: Colour = (0x14, 0x16, 0x18)
RAISED: Colour = (0x1D, 0x20, 0x23)
TRACK: Colour = (0x2B, 0x2F, 0x33)
LINE: Colour = (0x2A, 0x2E, 0x32)
PICTURE: Colour = (0x00, 0x00, 0x00)  # beside a picture that does not fill its box

TEXT: Colour = (0xF1, 0xF3, 0xF4)
SECOND: Colour = (0xB6, 0xBD, 0xC3)
QUIET: Colour = (0x8F, 0x97, 0x9E)

WARN: Colour = (0xF4, 0xB7, 0x40)  # late, stale, unsure, held: may recover by itself
BAD: Colour = (0xFF, 0x7D, 0x6E)  # lost, offline, full: a person must act
NOTE: Colour = (0x66, 0xB5, 0xFF)  # motion now
FOCUS: Colour = (0xFF, 0xFF, 0xFF)

VEIL = 0.42  # brightness left in a stale picture
HATCH = 26  # of 255: how much white a hatch line adds


def css(colour: Colour) -> str:
    """`#f4b740`, as rich and style sheets write it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)

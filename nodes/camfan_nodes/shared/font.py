"""A tiny bitmap font: capitals, digits and what a clock and a camera's name need.

Seven rows of five dots a glyph; an unknown character is a blank. Nothing here knows frames.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

WIDTH = 6  # dots from one glyph to the next
HEIGHT = 8  # dots from one line to the next

_GLYPHS = {  # one hex digit pair a row, the lower five bits from left to right
    "0": "0E11131519110E", "1": "040C040404040E", "2": "0E11010204081F", "3": "1F02040201110E",
    "4": "02060A121F0202", "5": "1F101E0101110E", "6": "0608101E11110E", "7": "1F010204080808",
    "8": "0E11110E11110E", "9": "0E11110F01020C", "A": "0E11111F111111", "B": "1E11111E11111E",
    "C": "0E11101010110E", "D": "1C12111111121C", "E": "1F10101E10101F", "F": "1F10101E101010",
    "G": "0E11101711110F", "H": "1111111F111111", "I": "0E04040404040E", "J": "0702020202120C",
    "K": "11121418141211", "L": "1010101010101F", "M": "111B1515111111", "N": "11111915131111",
    "O": "0E11111111110E", "P": "1E11111E101010", "Q": "0E11111115120D", "R": "1E11111E141211",
    "S": "0F10100E01011E", "T": "1F040404040404", "U": "1111111111110E", "V": "11111111110A04",
    "W": "11111115151B11", "X": "11110A040A1111", "Y": "1111110A040404", "Z": "1F01020408101F",
    "-": "0000001F000000", "_": "0000000000001F", ":": "00040400040400", ".": "00000000000404",
    "#": "0A0A1F0A1F0A0A", "/": "00010204081000",
}  # fmt: skip


@lru_cache(maxsize=512)
def glyph(character: str, scale: int) -> npt.NDArray[np.uint8]:
    """White on black, `HEIGHT` by `WIDTH` dots, each dot `scale` pixels wide."""
    rows = bytes.fromhex(_GLYPHS.get(character.upper(), "00" * 7))
    dots = np.zeros((HEIGHT, WIDTH), np.uint8)
    dots[:7, :5] = [[255 * (row >> (4 - x) & 1) for x in range(5)] for row in rows]
    return dots.repeat(scale, axis=0).repeat(scale, axis=1)


def write(plane: npt.NDArray[np.uint8], text: str, x: int, y: int, scale: int) -> None:
    """Draw text, black ground included, with its top left at (x, y); cut at the right edge."""
    high, wide = HEIGHT * scale, WIDTH * scale
    for character in text:
        room = plane[y : y + high, x : x + wide]
        room[:] = glyph(character, scale)[: room.shape[0], : room.shape[1]]
        x += wide

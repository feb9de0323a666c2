"""Tiny JPEGs, each seed another picture."""

from __future__ import annotations

import struct
from functools import lru_cache

import numpy as np
import simplejpeg
from numpy.typing import NDArray


@lru_cache(maxsize=256)
def jpeg(width: int = 64, height: int = 48, seed: int = 0) -> bytes:
    """A whole JPEG of coarse random blocks."""
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    picture = blocks.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]
    encoded: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(picture), quality=80, colorspace="BGR", colorsubsampling="420"
    )
    return encoded


def without_tables(data: bytes) -> bytes:
    """The JPEG without its Huffman tables, as many webcams send it."""
    at, kept = 2, data[:2]
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        kept += b"" if data[at + 1] == 0xC4 else data[at:end]
        at = end
    return kept + data[at:]


def with_orientation(data: bytes, way: int, order: str = "<") -> bytes:
    """The same JPEG with an EXIF orientation, as phones write it; `order`: as of `struct`."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, way, 0)
    tiff = head + struct.pack(order + "IH", 8, 1) + entry + bytes(4)
    content = b"Exif\0\0" + tiff
    return data[:2] + b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content + data[2:]


CORNERS = "red green blue white"  # top left, top right, bottom left, bottom right
_COLOURS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0), "white": (255,) * 3}
_SEEN = {  # where a decoder finds row 0 and column 0 of what is stored, by orientation
    1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left"),
    5: ("left", "top"), 6: ("right", "top"), 7: ("right", "bottom"), 8: ("left", "bottom"),
}  # fmt: skip


def cornered(width: int = 96, height: int = 64) -> NDArray[np.uint8]:
    """A BGR picture with CORNERS on black."""
    image = np.zeros((height, width, 3), np.uint8)
    rows, columns = slice(0, height // 4), slice(0, width // 4)
    last_rows, last_columns = slice(-(height // 4), None), slice(-(width // 4), None)
    red, green, blue, white = CORNERS.split()
    image[rows, columns], image[rows, last_columns] = _COLOURS[red], _COLOURS[green]
    image[last_rows, columns] = _COLOURS[blue]
    image[last_rows, last_columns] = _COLOURS[white]
    return image


def stored_turned(image: NDArray[np.uint8], way: int) -> bytes:
    """A JPEG that shows `image` where its EXIF orientation is applied."""
    row0, column0 = _SEEN[way]
    stored = image.swapaxes(0, 1) if row0 in ("left", "right") else image
    stored = stored[::-1] if row0 in ("bottom", "right") else stored
    stored = stored[:, ::-1] if column0 in ("bottom", "right") else stored
    encoded: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(stored), quality=90, colorspace="BGR", colorsubsampling="444"
    )
    return with_orientation(encoded, way, "<>"[way % 2])


def corners_of(image: NDArray[np.uint8]) -> str:
    """Which colours the corners of a BGR picture have, in the order of CORNERS."""
    found = []
    for row, column in ((4, 4), (4, -5), (-5, 4), (-5, -5)):
        pixel = image[row, column].astype(int)
        found.append(min(_COLOURS, key=lambda name: abs(pixel - _COLOURS[name]).sum()))
    return " ".join(found)


def scan_bomb(width: int, height: int, scans: int) -> bytes:
    """A grey progressive JPEG of this many scans: the first has the DC values, all others nothing.

    An empty scan says of all its blocks at once that they have no coefficients (EOBRUN, ITU-T T.81,
    section G.1.2.2), so it costs some bytes, and a decoder the work of a whole picture.
    """
    blocks = -(-width // 8) * -(-height // 8)
    head = b"\xff\xd8" + _segment(0xDB, b"\0" + b"\x10" * 64)
    head += _segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\0")
    one_code = b"\x01" + bytes(15)  # a Huffman table with a single code, of one bit: 0
    head += _segment(0xC4, b"\0" + one_code + b"\0") + _segment(0xC4, b"\x10" + one_code + b"\xe0")
    dc = _segment(0xDA, b"\x01\x01\0\0\0\0") + bytes(-(-blocks // 8))
    runs = "".join("0" + "1" * 14 for _ in range(-(-blocks // 32767)))
    data = int(runs.ljust(-(-len(runs) // 8) * 8, "0"), 2).to_bytes(-(-len(runs) // 8), "big")
    data = data.replace(b"\xff", b"\xff\0")
    first = _segment(0xDA, b"\x01\x01\0\x01\x3f\x0d") + data
    refining = _segment(0xDA, b"\x01\x01\0\x01\x3f\x10") + data
    return head + dc + first + refining * (scans - 2) + b"\xff\xd9"


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data

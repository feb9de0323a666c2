"""A number inside an image that survives JPEG: black and white cells in the bottom left corner.

36 cells in a row: white, black, 32 bits (highest first), and two bits of checksum. The benchmarks
and tests read them back with `read_number`, to see which frame an image really is.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BITS = 32
CELLS = 2 + BITS + 2

_SHIFTS = np.arange(BITS - 1, -1, -1, dtype=np.uint64)


def cell_size(width: int) -> int:
    """Side of a cell, in pixels, in images of this width: as JPEG's own blocks if they fit."""
    return next((side for side in (16, 8, 4) if side * CELLS <= width), 0)


def draw_number(plane: npt.NDArray[np.uint8], number: int) -> None:
    """Write `number` modulo 2**32 into a grey image, unless it is narrower than 4 * CELLS."""
    side = cell_size(plane.shape[1])
    if side:
        row = np.repeat(_cells(number), side)
        plane[-side:, : row.size] = row


def read_number(grey: npt.NDArray[np.uint8]) -> int | None:
    """The number in a grey image of full size; None when there is none to be read."""
    side = cell_size(grey.shape[1])
    if not side or grey.shape[0] < side:
        return None
    margin = side // 4
    band = grey[grey.shape[0] - side + margin : grey.shape[0] - margin, : CELLS * side]
    cells = band.reshape(band.shape[0], CELLS, side)[:, :, margin : side - margin]
    bits = cells.mean(axis=(0, 2)) > 127
    number = int((bits[2 : 2 + BITS].astype(np.uint64) << _SHIFTS).sum())
    return number if np.array_equal(bits, _cells(number) > 0) else None


def _cells(number: int) -> npt.NDArray[np.uint8]:
    number &= 2**BITS - 1
    check = (number.bit_count() + 1) % 4  # +1: an all-black row is not a number
    bits = f"10{number:0{BITS}b}{check:02b}".encode()
    return np.where(np.frombuffer(bits, np.uint8) == ord("1"), 255, 0).astype(np.uint8)

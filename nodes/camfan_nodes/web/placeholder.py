"""The picture shown when there is no new frame: grey, hatched, and with the reason in words.

It cannot be mistaken for a live one, not even by a program that looks at a single frame.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import simplejpeg

from camfan import Frame
from camfan_nodes.shared.font import HEIGHT, WIDTH, glyph

GROUND, STRIPE, PLATE = 48, 60, 12
BRIGHTER = 28  # the stripes over an old picture
QUALITY = 70


def placeholder(width: int, height: int, lines: list[str]) -> bytes:
    """A JPEG of this size with the lines in its middle; the first one stands large."""
    plane = np.where(_hatch(width, height), STRIPE, GROUND).astype(np.uint8)
    return _with_lines(plane, lines)


def old_picture(frame: Frame, lines: list[str]) -> bytes:
    """The picture without colours, darkened and hatched, with the lines in its middle.

    If it cannot be decoded: the placeholder of its size.
    """
    try:
        grey = simplejpeg.decode_jpeg(frame.jpeg, colorspace="GRAY", strict=False)[:, :, 0]
    except (ValueError, RuntimeError, MemoryError):
        return placeholder(frame.width, frame.height, lines)
    dark = grey // 2
    height, width = dark.shape
    return _with_lines(np.where(_hatch(width, height), dark + BRIGHTER, dark), lines)


def _hatch(width: int, height: int) -> npt.NDArray[np.bool_]:
    rows, columns = np.indices((height, width), sparse=True)
    hatched: npt.NDArray[np.bool_] = ((rows + columns) // max(4, height // 40)) % 4 == 0
    return hatched


def _with_lines(plane: npt.NDArray[np.uint8], lines: list[str]) -> bytes:
    """In 4:2:0 as cameras use it: some readers keep the format of the first frame."""
    height, width = plane.shape
    scales = [
        _scale(line, width, height, 2 if index == 0 else 1) for index, line in enumerate(lines)
    ]
    high = sum(HEIGHT * scale + scale * 4 for scale in scales)
    y = max(0, (height - high) // 2)
    for line, scale in zip(lines, scales, strict=True):
        _centred(plane, line, y, scale)
        y += HEIGHT * scale + scale * 4
    encoded: bytes = simplejpeg.encode_jpeg(
        np.repeat(plane[:, :, None], 3, axis=2),
        quality=QUALITY,
        colorspace="BGR",
        colorsubsampling="420",
    )
    return encoded


def _scale(line: str, width: int, height: int, size: int) -> int:
    fits = width * 9 // 10 // max(1, WIDTH * len(line))
    return max(1, min(fits, size * max(1, height // 160)))


def _centred(plane: npt.NDArray[np.uint8], line: str, y: int, scale: int) -> None:
    wide, high = WIDTH * scale * len(line), HEIGHT * scale
    x = max(0, (plane.shape[1] - wide) // 2)
    edge = 3 * scale
    plane[max(0, y - edge) : y + high + edge - scale, max(0, x - edge) : x + wide + edge] = PLATE
    for character in line:
        room = plane[y : y + high, x : x + WIDTH * scale]
        room[:] = np.maximum(room, glyph(character, scale)[: room.shape[0], : room.shape[1]])
        x += WIDTH * scale

"""Raw webcam pixels (YUYV 4:2:2) to the planes that JPEG wants (4:2:0, full range)."""

from __future__ import annotations

import numpy as np

from camfan_nodes.camera.source import Plane, Planes


def _stretch(low: int, high: int, middle: float) -> bytes:
    """A table from studio range to full range, about a middle value that stays."""
    scale = 255 / (high - low)
    levels = (np.arange(256) - middle) * scale + (128 if middle == 128 else 0)
    return bytes(np.clip(np.rint(levels), 0, 255).astype(np.uint8))


_LUMA = _stretch(16, 235, 16)
_CHROMA = _stretch(16, 240, 128)


def planes_of(data: bytes, width: int, height: int, line_bytes: int, *, full: bool) -> Planes:
    """Planes of one picture; `full`: the pixels are full range already."""
    rows = np.frombuffer(data, np.uint8, count=line_bytes * height).reshape(height, line_bytes)
    pixels = rows[:, : 2 * width]
    y = np.ascontiguousarray(pixels[:, 0::2])
    chroma = _half_height(np.ascontiguousarray(pixels[:, 1::2]))  # u and v take turns
    if full:
        u, v = chroma[:, 0::2], chroma[:, 1::2]
        return Planes(y, np.ascontiguousarray(u), np.ascontiguousarray(v))
    chroma = _mapped(chroma, _CHROMA)
    u, v = chroma[:, 0::2], chroma[:, 1::2]
    return Planes(_mapped(y, _LUMA), np.ascontiguousarray(u), np.ascontiguousarray(v))


def _half_height(chroma: Plane) -> Plane:
    """The mean of each two lines; an odd last line stays as it is."""
    pairs = chroma.shape[0] // 2
    upper, lower = chroma[0 : 2 * pairs : 2], chroma[1 : 2 * pairs : 2]
    mean: Plane = (upper & lower) + ((upper ^ lower) >> 1)
    return np.concatenate((mean, chroma[2 * pairs :]))


def _mapped(plane: Plane, table: bytes) -> Plane:
    return np.frombuffer(plane.tobytes().translate(table), np.uint8).reshape(plane.shape)

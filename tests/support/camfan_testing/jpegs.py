"""Tiny JPEGs, each seed another picture."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import simplejpeg


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

"""JPEGs of an exact size, and the frames that are made of them.

A real picture, encoded as a camera encodes, at the best quality that fits; what then lacks to the
exact size is a comment between the tables and the scan, where no parser of sizes comes by.
"""

from __future__ import annotations

import secrets
import time
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import simplejpeg

from camfan_wire.header import Header, encode_header

Bgr = npt.NDArray[np.uint8]

_SCAN = b"\xff\xda"
_COMMENT = b"\xff\xfe"
_COMMENT_MAX = 65_533  # bytes of text in one


@lru_cache(maxsize=64)
def picture(width: int = 1280, height: int = 720, seed: int = 0) -> Bgr:
    """A scene with soft areas, edges and grain, as a camera sees one: (height, width, 3), BGR."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    ground = 90 + 60 * np.sin(x / 97 + seed) + 50 * np.cos(y / 61)
    image = np.stack([ground, ground * 0.9 + 12, ground * 0.8 + 30], axis=2)
    for _ in range(40):
        left, top = random.integers(0, width), random.integers(0, height)
        wide, high = random.integers(10, width // 4), random.integers(10, height // 4)
        image[top : top + high, left : left + wide] += random.normal(0, 40, 3)
    image += random.normal(0, 4, (height, width, 1))
    return image.clip(0, 255).astype(np.uint8)


@lru_cache(maxsize=64)
def jpeg_of_size(size: int, seed: int = 0) -> bytes:
    """A whole JPEG of exactly `size` bytes: 1280x720, or 640x360 below 50 kB."""
    width, height = (1280, 720) if size >= 50_000 else (640, 360)
    image = picture(width, height, seed)
    fitting = b""
    low, high = 1, 100
    while low <= high:
        quality = (low + high) // 2
        encoded = simplejpeg.encode_jpeg(
            image, quality=quality, colorspace="BGR", colorsubsampling="420"
        )
        if len(encoded) == size or len(encoded) <= size - 4:
            fitting, low = encoded, quality + 1
        else:
            high = quality - 1
    if not fitting:
        raise ValueError(f"{width}x{height} pixels do not fit into {size} bytes")
    return _padded(fitting, size)


def _padded(jpeg: bytes, size: int) -> bytes:
    at = jpeg.index(_SCAN)
    comments = []
    missing = size - len(jpeg)
    while missing:
        # The last two comments share what is left, so that no rest is too short for one.
        text = min(missing - 4, _COMMENT_MAX)
        if 0 < missing - 4 - text < 4:
            text -= 4
        comments.append(_COMMENT + (text + 2).to_bytes(2, "big") + bytes(text))
        missing -= 4 + text
    return jpeg[:at] + b"".join(comments) + jpeg[at:]


class Stream:
    """The frames of one camera, one after the other.

    `captured` is this machine's monotonic clock, which all processes of a run share; a real camera
    writes its wall clock there.
    """

    def __init__(self, camera: str, jpeg: bytes) -> None:
        self.camera = camera
        self.jpeg = jpeg
        self.run = secrets.token_hex(8)
        self.sequence = 0
        self._width, self._height = simplejpeg.decode_jpeg_header(jpeg)[1::-1]

    def next(self) -> tuple[bytes, bytes, bytes]:
        """Topic, header and JPEG of the next frame."""
        header = Header(
            version=1,
            camera=self.camera,
            run=self.run,
            sequence=self.sequence,
            captured=time.monotonic_ns(),
            offset=None,
            error=None,
            width=self._width,
            height=self._height,
            size=len(self.jpeg),
        )
        self.sequence += 1
        return header.topic, encode_header(header), self.jpeg

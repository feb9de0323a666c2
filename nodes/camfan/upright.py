"""Turns images upright that carry an EXIF orientation: a frame must be published without one."""

from __future__ import annotations

from typing import cast

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from camfan.errors import ImageError
from camfan_wire.exif import UPRIGHT, orientation
from camfan_wire.jpeg import picture_size
from camfan_wire.scans import check_scans

Pixels = NDArray[np.uint8]


def upright(jpeg: bytes, *, quality: int = 90) -> bytes:
    """The JPEG as it is meant to be seen, without an EXIF orientation: ready to be published.

    The very same bytes if it has none. An image that is turned is decoded and encoded again, in
    `quality` (1 to 100), and loses its metadata. Raises WireError if it is not one whole JPEG, and
    ImageError if it cannot be decoded.
    """
    way = orientation(jpeg)
    if way == UPRIGHT:
        return jpeg
    width, height = picture_size(jpeg)  # first: a small file may claim to be a huge image
    check_scans(jpeg, width * height)
    try:
        image = simplejpeg.decode_jpeg(jpeg, colorspace="BGR", strict=False)
    except (ValueError, RuntimeError, MemoryError) as exc:
        raise ImageError(f"a JPEG that cannot be decoded: {exc}") from exc
    return cast(
        bytes,
        simplejpeg.encode_jpeg(
            turned_upright(image, way), quality=quality, colorspace="BGR", colorsubsampling="420"
        ),
    )


def turned_upright(pixels: Pixels, way: int) -> Pixels:
    """The pixels of an image with this EXIF orientation as they are meant to be seen."""
    if way >= 5:  # stored by columns
        pixels = pixels.swapaxes(0, 1)
    if way in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if way in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)

"""From an array of pixels to a JPEG that may be published."""

from __future__ import annotations

from typing import cast

import numpy as np
import simplejpeg

from camfan.frame import Image
from camfan_wire.jpeg import MAX_PIXELS

MAX_SIDE = 65_535  # of a JPEG


def check_image(image: object) -> Image:
    """An image that can be encoded. Raises TypeError and ValueError."""
    if not isinstance(image, np.ndarray):
        raise TypeError(f"an image is a numpy array, not {type(image).__name__}")
    if image.dtype != np.uint8:
        raise TypeError(
            f"an image has dtype uint8, values 0 to 255, not {image.dtype}; "
            "convert it, for instance with .astype(np.uint8)"
        )
    if image.ndim != 2 and image.shape[2:] != (3,):
        hint = "; drop alpha with image[:, :, :3]" if image.shape[2:] == (4,) else ""
        raise ValueError(
            "an image has the shape (height, width, 3), in the order blue, green, red, or "
            f"(height, width), grey; not {image.shape}{hint}"
        )
    height, width = image.shape[:2]
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE) or height * width > MAX_PIXELS:
        raise ValueError(
            f"an image has 1 to {MAX_SIDE} pixels a side and at most {MAX_PIXELS} in all; "
            f"this one is {width}x{height}"
        )
    return image


def encode_image(image: Image, quality: int) -> bytes:
    """A JPEG of an image that `check_image` has accepted; in any memory layout."""
    image = np.ascontiguousarray(image)
    if image.ndim == 2:
        jpeg = simplejpeg.encode_jpeg(
            image[:, :, np.newaxis], quality=quality, colorspace="GRAY", colorsubsampling="Gray"
        )
    else:
        jpeg = simplejpeg.encode_jpeg(
            image, quality=quality, colorspace="BGR", colorsubsampling="420"
        )
    return cast("bytes", jpeg)

"""What a picture is in this package, and the operations of OpenCV on it, with their types."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]  # (height, width), as decoded
Picture = NDArray[np.float32]  # (height, width), grey levels 0 to 255, as worked with
Mask = NDArray[np.uint8]  # (height, width), 1 or 0

LINES = 180  # height a picture is brought to, if it is more than a tenth higher
ENOUGH = 0.9  # of LINES: decoding at the next scale would cost more than it shows


def prepared(gray: Gray) -> Picture:
    """The picture as the detector sees it: small, and without the finest noise."""
    height, width = gray.shape
    if height > LINES * 1.1:
        size = (max(1, round(width * LINES / height)), LINES)
        gray = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.blur(gray, (3, 3)), np.float32)


def mean_around(picture: Picture, window: int) -> Picture:
    """Per pixel, the mean of the window around it."""
    return np.asarray(cv2.blur(picture, (window, window)), np.float32)


def most_around(picture: Picture) -> Picture:
    """Per pixel, the greatest of its nine neighbours."""
    return np.asarray(cv2.dilate(picture, np.ones((3, 3), np.uint8)), np.float32)


def distance(one: Picture, other: Picture) -> Picture:
    """Per pixel, how far apart the two are."""
    return np.asarray(cv2.absdiff(one, other), np.float32)


def despeckled(mask: Mask) -> Mask:
    """Without single pixels."""
    return np.asarray(cv2.medianBlur(mask, 3), np.uint8)


def joined(mask: Mask) -> Mask:
    """Patches less than five pixels apart made one, and all a pixel wider.

    Head, coat and legs of one person are one patch; and since a threshold lies inside the true
    edge by about a pixel, the outline is given back.
    """
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return np.asarray(cv2.dilate(closed, np.ones((3, 3), np.uint8)), np.uint8)


def decoding_scale(height: int) -> Fraction:
    """The smallest scale a JPEG can be decoded at that still gives about LINES lines."""
    eighths = next((n for n in range(1, 9) if height * n >= 8 * ENOUGH * LINES), 8)
    return Fraction(eighths, 8)

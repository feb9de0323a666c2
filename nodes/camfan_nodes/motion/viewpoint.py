"""Whether the whole picture has slid: the camera was turned or pushed.

Phase correlation (Kuglin and Hines, "The phase correlation image alignment method", 1975) names a
shift; it is believed only when most of the difference is gone after undoing it, so that a lorry
that fills half of the picture is not taken for a camera that moves.
"""

from __future__ import annotations

import cv2
import numpy as np

from camfan_nodes.motion.pictures import Picture

LEAST_SIDE = 32  # pixels; smaller pictures have nothing to align
LEAST_SHIFT = 1.5  # pixels
MOST_SHIFT = 0.4  # of the picture, each way
LEFT_OVER = 0.5  # of the difference, at most, after undoing the shift


def has_slid(picture: Picture, before: Picture) -> bool:
    """Whether `picture` is `before`, moved sideways."""
    height, width = picture.shape
    if min(height, width) < LEAST_SIDE:
        return False
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    # Copies: where the size suits its Fourier transform, phaseCorrelate writes into what it reads.
    (right, down), _ = cv2.phaseCorrelate(before.copy(), picture.copy(), window)
    if abs(right) > MOST_SHIFT * width or abs(down) > MOST_SHIFT * height:
        return False
    if max(abs(right), abs(down)) < LEAST_SHIFT:
        return False
    return _difference_left(picture, before, round(right), round(down)) < LEFT_OVER


def _difference_left(picture: Picture, before: Picture, right: int, down: int) -> float:
    """Mean difference after the shift was undone, as a share of what it was, on what both show."""
    height, width = picture.shape
    now = picture[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]
    then = before[max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)]
    unmoved = float(np.mean(cv2.absdiff(picture, before)))
    return float(np.mean(cv2.absdiff(now, then))) / max(unmoved, 1e-6)

"""Whether the pattern of two pictures is the same, whatever the light did to either.

Within a small window light is one gain and one offset. What a window of one picture leaves
unexplained by the best gain and offset on the other (the residual of a linear regression, in grey
levels) is a change of what is there; what it explains is a change of light. The idea is that of
the shadow test by normalised cross-correlation (Jacques, Jung and Musse, "Background subtraction
and shadow detection in grayscale video sequences", SIBGRAPI 2005), with a residual in place of
the correlation because the correlation of two flat windows is only noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from camfan_nodes.motion.pictures import Picture, distance, mean_around

WINDOW = 9  # pixels, each way
ROOM = 4.0  # grey levels², keeps a flat window from explaining everything
LIGHT_SHARE = 0.3  # of a change of brightness that may stay unexplained: no light is quite linear
SAME = 0.5  # correlation from which two windows show the same thing
TEXTURE = 4.0  # grey levels of standard deviation from which a window shows anything


def moved_by(picture: Picture, before: Picture) -> Picture:
    """Per pixel, the grey levels around it that no change of light explains; 0 at the least."""
    mean, mean_before = _mean(picture), _mean(before)
    own, own_before, common = _moments(picture, mean, before, mean_before)
    explained = np.square(np.maximum(common, 0))
    left = own - explained / (own_before + ROOM)
    left_before = own_before - explained / (own + ROOM)
    residual = np.sqrt(np.maximum(np.maximum(left, left_before), 0))
    moved: Picture = residual - np.float32(LIGHT_SHARE) * distance(mean, mean_before)
    return moved


def texture(picture: Picture) -> NDArray[np.bool_]:
    """The pixels around which there is something to be seen."""
    mean = _mean(picture)
    return (_mean(picture * picture) - mean * mean) > TEXTURE**2


def kept(picture: Picture, before: Picture, where: NDArray[np.bool_]) -> float:
    """Share of the given pixels whose surroundings show the same pattern in both pictures."""
    looked_at = np.count_nonzero(where)
    if not looked_at:
        return 1.0
    own, own_before, common = _moments(picture, _mean(picture), before, _mean(before))
    scale = np.sqrt(np.maximum(own, ROOM) * np.maximum(own_before, ROOM))
    return float(np.count_nonzero((common > SAME * scale) & where) / looked_at)


def _mean(picture: Picture) -> Picture:
    return mean_around(picture, WINDOW)


def _moments(
    picture: Picture, mean: Picture, before: Picture, mean_before: Picture
) -> tuple[Picture, Picture, Picture]:
    """Variance of either within each window, and their covariance."""
    return (
        _mean(picture * picture) - mean * mean,
        _mean(before * before) - mean_before * mean_before,
        _mean(picture * before) - mean * mean_before,
    )

"""Which pixels are looked at, which of them count, and what the zones are called.

A mask is never looked at, not even to tell how bright the scene is. Zones, where there are any,
are the only places where something may count as motion.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from camfan_nodes.motion.pictures import Mask

Points = tuple[tuple[float, float], ...]  # corners, 0 to 1 from the top left


class Areas:
    """Zones and masks of one camera, drawn for one size of picture."""

    def __init__(
        self, shape: tuple[int, int], zones: Mapping[str, Points], masks: Mapping[str, Points]
    ) -> None:
        self._zones = {name: _drawn(shape, [zone]) for name, zone in zones.items()}
        self.looked_at: Mask = (1 - _drawn(shape, list(masks.values()))).astype(np.uint8)
        self.looked_at_pixels = int(np.count_nonzero(self.looked_at))
        self.everywhere = not masks
        inside = _drawn(shape, list(zones.values())) if zones else np.ones(shape, np.uint8)
        self.counted: Mask = self.looked_at & inside

    def names(self, shown: Mask) -> tuple[str, ...]:
        """The zones that hold at least one pixel of what is shown."""
        return tuple(name for name, zone in self._zones.items() if bool((zone & shown).any()))


def _drawn(shape: tuple[int, int], polygons: list[Points]) -> Mask:
    height, width = shape
    canvas = np.zeros(shape, np.uint8)
    scale = np.array([width, height], np.float64)
    for polygon in polygons:
        # A corner at x = 1 is the right edge of the last pixel, so pixel centres lie at +0.5.
        corners = np.rint(np.array(polygon, np.float64) * scale - 0.5).astype(np.int32)
        cv2.fillPoly(canvas, [corners], 1)
    return canvas

"""Parts of an image that must not be visible, painted black before it is encoded.

Polygons are in shares of the published image, 0 to 1 from its top left. Every pixel that a
polygon touches is painted, and every chroma sample that belongs to such a pixel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from camfan_nodes.camera.source import Bgr, Plane, Planes

Polygon = Sequence[tuple[float, float]]
Mask = npt.NDArray[np.bool_]

BLACK_CHROMA = 128


class Paint:
    """The black shapes of one camera. Masks are made once for each size of image."""

    def __init__(self, polygons: Iterable[Polygon]) -> None:
        self._polygons = tuple(polygons)
        self._masks: dict[tuple[int, int], tuple[_Brush, _Brush]] = {}

    def __bool__(self) -> bool:
        return bool(self._polygons)

    def on_planes(self, planes: Planes) -> Planes:
        luma, chroma = self._brushes(planes.y.shape[0], planes.y.shape[1])
        return Planes(
            luma.stroke(planes.y, 0),
            chroma.stroke(planes.u, BLACK_CHROMA),
            chroma.stroke(planes.v, BLACK_CHROMA),
        )

    def on_bgr(self, image: Bgr) -> Bgr:
        luma, _ = self._brushes(image.shape[0], image.shape[1])
        flat = luma.keep[..., None]
        image = image if image.flags.writeable else image.copy()
        part = image[luma.rows, luma.columns]
        np.bitwise_and(part, flat, out=part)
        return image

    def _brushes(self, height: int, width: int) -> tuple[_Brush, _Brush]:
        if (height, width) not in self._masks:
            mask = np.zeros((height, width), np.bool_)
            for polygon in self._polygons:
                mask |= touched(polygon, height, width)
            self._masks[height, width] = (_Brush(mask), _Brush(_halved(mask)))
        return self._masks[height, width]


class _Brush:
    """A mask cut down to the rectangle in which it paints anything."""

    def __init__(self, mask: Mask) -> None:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        self.rows = slice(rows[0], rows[-1] + 1) if rows.size else slice(0, 0)
        self.columns = slice(columns[0], columns[-1] + 1) if columns.size else slice(0, 0)
        self.keep = np.where(mask[self.rows, self.columns], 0, 255).astype(np.uint8)

    def stroke(self, plane: Plane, colour: int) -> Plane:
        plane = plane if plane.flags.writeable else plane.copy()
        part = plane[self.rows, self.columns]
        np.bitwise_and(part, self.keep, out=part)
        if colour:
            np.bitwise_or(part, np.bitwise_and(~self.keep, np.uint8(colour)), out=part)
        return plane


def touched(polygon: Polygon, height: int, width: int) -> Mask:
    """The pixels of an image that a polygon covers, and those beside its edge."""
    x = (np.arange(width) + 0.5) / width
    y = ((np.arange(height) + 0.5) / height)[:, None]
    inside = np.zeros((height, width), np.bool_)
    for (x1, y1), (x2, y2) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if y1 == y2:
            continue
        crosses = (y1 > y) != (y2 > y)
        inside ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return _grown(inside)


def _grown(mask: Mask) -> Mask:
    """One pixel wider on every side, corners included."""
    padded = np.pad(mask, 1)
    wide = padded[:, :-2] | padded[:, 1:-1] | padded[:, 2:]
    return wide[:-2] | wide[1:-1] | wide[2:]


def _halved(mask: Mask) -> Mask:
    """Half the size each way; set where any of the four pixels is."""
    height, width = mask.shape
    even = np.pad(mask, ((0, height % 2), (0, width % 2)))
    return even[0::2, 0::2] | even[0::2, 1::2] | even[1::2, 0::2] | even[1::2, 1::2]

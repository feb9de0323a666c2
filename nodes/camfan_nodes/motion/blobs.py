"""Which patches of a picture moved, where they are, and how clearly they stand out.

A patch counts when it is large enough and when enough of it has changed its pattern since the last
half second: what stands still, a stopped car or a light left on, is a patch but no motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from camfan_nodes.motion.background import Background, Difference, Objects
from camfan_nodes.motion.pictures import Mask, Picture, joined
from camfan_nodes.motion.structure import WINDOW, moved_by
from camfan_nodes.motion.zones import Areas

GROWTH = 25  # pixels, at most, that one becomes when patches are joined and widened
MOVED = 0.5  # of the threshold, that the pattern must have changed by
MOVED_SHARE = 0.05  # of a patch; a person waves an arm
MOVED_LEAST = 0.5  # of the least area
INSIDE = 0.25  # of a patch, that suffices to be in a zone; the least area always does

Box = tuple[float, float, float, float]  # x, y, width, height, each 0 to 1


@dataclass(frozen=True, slots=True)
class Blob:
    """One patch that moved, all of it, whether or not all of it lies in a zone."""

    box: Box
    area: float  # share of the picture
    contrast: float  # 1 is just above the threshold


@dataclass(frozen=True, slots=True)
class Found:
    blobs: tuple[Blob, ...]  # the largest first
    objects: Objects
    counted: Mask  # pixels of the blobs that lie inside the zones


@dataclass(frozen=True, slots=True)
class _Patch:
    where: tuple[slice, slice]
    shape: Mask  # within `where`
    pixels: int


def find(
    picture: Picture, background: Background, seen: Difference, areas: Areas, least: float
) -> Found:
    """Blobs of at least `least` (share of the picture), and what every pixel belongs to."""
    moving, still, counted = (np.zeros_like(seen.changed) for _ in range(3))
    blobs: list[Blob] = []
    least_pixels = max(1.0, least * picture.size)
    patches = _patches(seen.changed, areas, least_pixels)
    moved = _moved(picture, background, seen, patches)
    for patch in patches:
        where, shape = patch.where, patch.shape
        if not _has_moved(shape & moved[where], patch.pixels, least_pixels):
            still[where] |= shape
            continue
        moving[where] |= shape
        inside = shape & areas.counted[where]
        pixels = int(np.count_nonzero(inside))
        needed = min(least_pixels, INSIDE * patch.pixels)
        if pixels >= needed and _has_moved(inside & moved[where], pixels, needed):
            counted[where] |= inside
            blobs.append(_blob(patch, seen))
    blobs.sort(key=lambda blob: -blob.area)
    return Found(tuple(blobs), Objects(1 - (moving | still), moving, still), counted)


def _patches(changed: Mask, areas: Areas, least_pixels: float) -> list[_Patch]:
    if np.count_nonzero(changed) * GROWTH < least_pixels:
        return []
    grown = joined(changed) & areas.looked_at
    left, top, width, height = cv2.boundingRect(grown)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        grown[top : top + height, left : left + width], connectivity=8
    )
    patches = []
    for label in range(1, count):
        x, y, wide, high, pixels = (int(value) for value in stats[label])
        if pixels >= least_pixels:
            shape = (labels[y : y + high, x : x + wide] == label).view(np.uint8)
            where = (slice(top + y, top + y + high), slice(left + x, left + x + wide))
            patches.append(_Patch(where, shape, pixels))
    return patches


def _moved(
    picture: Picture, background: Background, seen: Difference, patches: Sequence[_Patch]
) -> Mask:
    """The pixels whose surroundings have another pattern; looked for around the patches only."""
    mask = np.zeros_like(seen.changed)
    if patches:
        around = tuple(
            slice(
                max(0, min(patch.where[axis].start for patch in patches) - WINDOW),
                max(patch.where[axis].stop for patch in patches) + WINDOW,
            )
            for axis in (0, 1)
        )
        changed_by = moved_by(picture[around], background.recent[around])
        moved = changed_by > seen.threshold[around] * np.float32(MOVED)
        mask[around] = moved.view(np.uint8) & seen.changed[around]
    return mask


def _has_moved(moved: Mask, pixels: int, least_pixels: float) -> bool:
    needed = max(MOVED_LEAST * least_pixels, MOVED_SHARE * pixels)
    return bool(np.count_nonzero(moved) >= needed)


def _blob(patch: _Patch, seen: Difference) -> Blob:
    height, width = seen.changed.shape
    rows, columns = patch.where
    stands_out = (patch.shape & seen.changed[patch.where]).view(bool)
    ratio = seen.distance[patch.where][stands_out] / seen.threshold[patch.where][stands_out]
    return Blob(
        box=(
            columns.start / width,
            rows.start / height,
            (columns.stop - columns.start) / width,
            (rows.stop - rows.start) / height,
        ),
        area=patch.pixels / (width * height),
        contrast=float(ratio.mean()),
    )

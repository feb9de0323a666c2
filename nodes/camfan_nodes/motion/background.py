"""What a camera sees when nothing happens: an expected grey and a usual deviation per pixel.

A running mean and a running mean absolute deviation (the one-Gaussian model of Wren et al.,
"Pfinder", PAMI 1997, with the deviation that outliers move less). Noise, leaves and water make
their own pixels' deviation large and so their own threshold high; a still wall keeps a low one.
Beside it a short memory of the last half second, to tell what moves from what has stopped
(Collins et al., "A System for Video Surveillance and Monitoring", CMU-RI-TR-00-12, 2000).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from camfan_nodes.motion.lighting import SAMPLES, Light, fit
from camfan_nodes.motion.pictures import Mask, Picture, despeckled, distance, most_around
from camfan_nodes.motion.zones import Areas

DEVIATIONS = 4.0  # mean absolute deviations: 3.2 standard deviations of Gaussian noise
FIRST_DEVIATION = 2.0  # grey levels, until measured
LEAST_DEVIATION = 0.5  # grey levels: a picture has whole ones
USUAL_SHARE = 0.8  # of the first frames, that show what is usual
MOST_DEVIATION = 60.0  # grey levels one frame may add: a passing headlight is not noise
LIGHT_ERROR = 0.35  # of the correction for light, that may be wrong: cameras are not linear
FOLLOW_S = 10.0  # time constant of the mean where nothing happens
OBJECT_S = 60.0  # and behind something that moves
DEVIATION_S = 15.0  # time constant of the deviation
RECENT_S = 0.3  # time constant of the short memory
LONGEST_STEP_S = 1.0  # one frame never teaches more than this


@dataclass(frozen=True, slots=True)
class Difference:
    """How one picture differs from the background, in the light of that picture."""

    threshold: Picture  # grey levels
    distance: Picture  # grey levels, never negative
    changed: Mask  # distance > threshold, and looked at


class Background:
    """Starts as its first picture, and knows what is usual after `begin`."""

    def __init__(self, picture: Picture, areas: Areas) -> None:
        self.mean = picture.copy()
        self.recent = picture.copy()
        self.deviation = np.full_like(picture, FIRST_DEVIATION)
        self._areas = areas
        self._sample = _sample(areas)

    def follow_light(self, picture: Picture) -> tuple[Light, Picture]:
        """Adapts background and memory to the light of this picture; the light and its effect."""
        light = self._light(self.mean, self.recent, picture)
        relit = light.on(self.mean)
        effect = distance(relit, self.mean)
        self.mean = relit
        self.recent = light.on(self.recent)
        return light, effect

    def compare(self, picture: Picture, effect: Picture, least: float) -> Difference:
        """Where the picture differs by at least `least` grey levels and more than usual."""
        usual = most_around(self.deviation)  # leaves reach a pixel further
        threshold = np.maximum(usual * np.float32(DEVIATIONS), np.float32(least))
        threshold += np.float32(LIGHT_ERROR) * effect
        apart = distance(picture, self.mean)
        changed = (apart > threshold).view(np.uint8)
        if not self._areas.everywhere:
            changed &= self._areas.looked_at
        return Difference(threshold, apart, despeckled(changed))

    def begin(self, pictures: Sequence[Picture]) -> None:
        """Know the background from these pictures, whatever passes by in them.

        The median of a pixel ignores a person present for less than half of the time; the
        deviation leaves out the frames that lie farthest from it, and keeps leaves in the wind.
        """
        last = pictures[-1]
        lit = np.stack([self._light(picture, picture, last).on(picture) for picture in pictures])
        self.mean = np.median(lit, axis=0).astype(np.float32)
        distances = np.sort(np.abs(lit - self.mean), axis=0)
        usual = distances[: max(1, round(len(pictures) * USUAL_SHARE))].mean(axis=0)
        self.deviation = np.maximum(usual, np.float32(LEAST_DEVIATION))
        self.recent = lit[-3:].mean(axis=0)

    def learn_around(
        self, picture: Picture, objects: Objects, step_s: float, *, still_s: float, calm: bool
    ) -> None:
        """Learn, slowly behind what moves; what stands still is absorbed with `still_s`.

        While the light changes (not `calm`) nothing is learned about noise.
        """
        if calm:
            self._learn_deviation(picture, _weight(step_s, DEVIATION_S), 1 - objects.still)
        weights = (
            (objects.quiet, _weight(step_s, FOLLOW_S)),
            (objects.moving, _weight(step_s, OBJECT_S)),
            (objects.still, _weight(step_s, still_s)),
        )
        for mask, weight in weights:
            cv2.accumulateWeighted(picture, self.mean, weight, mask)
        self._remember(picture, step_s)

    def fall_back(self) -> None:
        """The background is worth nothing: what was seen half a second ago must do."""
        np.copyto(self.mean, self.recent)

    def start_over(self, picture: Picture) -> None:
        """This picture is the background from now on; what is known of the noise stays."""
        np.copyto(self.mean, picture)
        np.copyto(self.recent, picture)

    def _light(self, *pictures: Picture) -> Light:
        background, before, after = (picture.ravel()[self._sample] for picture in pictures)
        return fit(background, before, after)

    def _learn_deviation(self, picture: Picture, weight: float, where: Mask | None) -> None:
        apart = np.minimum(distance(picture, self.mean), np.float32(MOST_DEVIATION))
        cv2.accumulateWeighted(apart, self.deviation, weight, where)
        np.maximum(self.deviation, np.float32(LEAST_DEVIATION), out=self.deviation)

    def _remember(self, picture: Picture, step_s: float) -> None:
        cv2.accumulateWeighted(picture, self.recent, _weight(step_s, RECENT_S))


@dataclass(frozen=True, slots=True)
class Objects:
    """Every pixel is in one of three masks: nothing there, something moving, something still."""

    quiet: Mask
    moving: Mask
    still: Mask


def _weight(step_s: float, constant_s: float) -> float:
    return 1 - math.exp(-min(step_s, LONGEST_STEP_S) / constant_s)


def _sample(areas: Areas) -> NDArray[np.intp]:
    """Pixels that are looked at, spread evenly over them."""
    looked_at = np.flatnonzero(areas.looked_at)
    # A fixed seed: the same footage gives the same events, always.
    generator = np.random.default_rng(0)
    return np.sort(generator.permutation(looked_at)[:SAMPLES])

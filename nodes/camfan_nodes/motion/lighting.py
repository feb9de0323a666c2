"""What light did to a picture: a gain and an offset that hold for nearly all of it.

A cloud, an automatic exposure or a lamp changes a picture so that
`picture = gain * background + offset` for every pixel that shows no object. The two numbers are
found by least trimmed squares (Rousseeuw, "Least Median of Squares Regression", JASA 1984), which
does not care what up to half of the pixels do. Nothing here decides what is motion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from camfan_nodes.motion.pictures import Picture

Values = Picture  # or a sample of one

SAMPLES = 1024  # pixels that take part in a fit
FEWEST_SAMPLES = 16
ROUNDS = 3  # of trimming; the fit has settled by then
MOST_MISS = np.float32(12.0)  # grey levels
NOTHING = 1.0  # grey levels that half of the pixels may miss by, without a change of light
WORTH = 0.9  # of the cost of no change at all
STIFFNESS = 16.0  # grey levels², pulls the gain of a picture without contrast to 1
GAINS = (0.05, 20.0)  # beyond this nothing of the background is left to compare with


@dataclass(frozen=True, slots=True)
class Light:
    """How bright a picture is beside its background."""

    gain: float = 1.0
    offset: float = 0.0

    def on(self, picture: Values) -> Values:
        """The picture as it would look in this light."""
        return picture * np.float32(self.gain) + np.float32(self.offset)


UNCHANGED = Light()


def fit(background: Values, before: Values, picture: Values) -> Light:
    """The light that turns most values of the background into those of the picture.

    All three are one-dimensional: the same pixels of the background, of the picture before and of
    this one, the first two in the same light. From one picture to the next fewer pixels show
    something new; over the whole background no error adds up; whichever explains more is taken,
    and neither if it explains hardly more than no change at all.
    """
    if background.size < FEWEST_SAMPLES:
        return UNCHANGED
    if _median(_miss(UNCHANGED, background, picture)) < NOTHING:
        return UNCHANGED
    found = (_trimmed(background, picture), _trimmed(before, picture))
    best = min(found, key=lambda light: _cost(light, background, picture))
    worth = _cost(best, background, picture) < WORTH * _cost(UNCHANGED, background, picture)
    return best if worth and GAINS[0] <= best.gain <= GAINS[1] else UNCHANGED


def _trimmed(background: Values, picture: Values) -> Light:
    guesses = (UNCHANGED, _by_quartiles(background, picture))
    light = min(guesses, key=lambda one: _median(_miss(one, background, picture)))
    for _ in range(ROUNDS):
        miss = _miss(light, background, picture)
        kept = miss <= max(2.5 * _median(miss), 2.0)
        light = _least_squares(background[kept], picture[kept])
    return light


def _cost(light: Light, background: Values, picture: Values) -> float:
    """Mean miss, in grey levels, where a pixel that shows something else counts as MOST_MISS."""
    return float(np.minimum(_miss(light, background, picture), MOST_MISS).mean())


def _miss(light: Light, background: Values, picture: Values) -> Values:
    miss: Values = np.abs(picture - light.on(background))
    return miss


def _by_quartiles(background: Values, picture: Values) -> Light:
    low, middle, high = _quartiles(background)
    low_now, middle_now, high_now = _quartiles(picture)
    gain = (high_now - low_now + 4.0) / (high - low + 4.0)  # 4: two flat pictures have gain 1
    return Light(gain, middle_now - gain * middle)


def _quartiles(values: Values) -> tuple[float, float, float]:
    at = (values.size // 4, values.size // 2, 3 * values.size // 4)
    ordered = np.partition(values, at)
    return float(ordered[at[0]]), float(ordered[at[1]]), float(ordered[at[2]])


def _median(values: Values) -> float:
    middle = values.size // 2
    return float(np.partition(values, middle)[middle])


def _least_squares(background: Values, picture: Values) -> Light:
    mean, mean_now = float(background.mean()), float(picture.mean())
    apart, apart_now = background - mean, picture - mean_now
    together = float((apart * apart_now).mean())
    gain = (together + STIFFNESS) / (float((apart * apart).mean()) + STIFFNESS)
    return Light(gain, mean_now - gain * mean)

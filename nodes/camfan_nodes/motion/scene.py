"""What happens to a whole scene: its light changes, or the camera is turned.

Neither is motion, and each spoils the background. During unrest it cannot be decided what
it was; one second of rest later the picture is laid beside the one from before: the same pattern
in another brightness was light, another pattern is another view.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camfan_nodes.motion.cover import Cover
from camfan_nodes.motion.detector_clock import Tick
from camfan_nodes.motion.event_steps import EventStep, Kind, State
from camfan_nodes.motion.events import Numbers, moment
from camfan_nodes.motion.lamp import Lamp
from camfan_nodes.motion.lighting import Light
from camfan_nodes.motion.pictures import Picture
from camfan_nodes.motion.structure import kept, texture
from camfan_nodes.motion.zones import Areas

CALM_S = 1.0  # without a change of light, until unrest is over
STIRRED = 2.0  # grey levels, on average, from which one frame's change of light is unrest
LIGHTING = 10.0  # grey levels, on average, from which a change of light is worth an event
KEPT = 0.35  # of the texture, that the same view shows again
LEAST_TEXTURE = 0.02  # of the picture; with less there is nothing to know a view by
LOOK_S = 1.0  # between two looks at the texture
FADED = 0.5  # the gain, at most, of a light that goes out


@dataclass(slots=True)
class _Unrest:
    start_ns: int
    before: Picture  # the background before it began
    last_ns: int
    calm_s: float = 0.0
    effect: float = 0.0  # grey levels, summed over the frames
    gain: float = 1.0
    overturned: bool = False  # the background was given up
    steady_s: float | None = None  # since it last was; None: it has been reported
    told: bool = False  # it was a change of light, and that has been reported


class WholeFrame:
    """Follows changes of the whole picture, frame by frame; returns the events they make."""

    def __init__(self, numbers: Numbers, areas: Areas) -> None:
        self._numbers = numbers
        self._looked_at = areas.looked_at.view(bool)
        self._pixels = max(1, areas.looked_at_pixels)
        self._unrest: _Unrest | None = None
        self._lamp = Lamp(numbers)
        self._cover = Cover(numbers)
        self._faded = False
        self._looked_s = 0.0

    @property
    def calm(self) -> bool:
        return self._unrest is None

    def followed(
        self, tick: Tick, time_ns: int, light: Light, brighter: float, before: Picture
    ) -> Iterator[EventStep]:
        """A frame whose light the background followed.

        `brighter` is by how many grey levels, on average; `before` is the background as it was.
        """
        if abs(brighter) > STIRRED:
            unrest = self._stirred(time_ns, before)
            unrest.effect += abs(brighter)
            unrest.gain *= light.gain
            if unrest.effect >= LIGHTING and not unrest.overturned:
                unrest.told = True
                yield from self._lamp.changed(unrest.start_ns, time_ns, time_ns)
        elif self._unrest is not None:
            self._unrest.calm_s += tick.step_s
        if self._unrest is not None and self._unrest.steady_s is not None:
            self._unrest.steady_s += tick.step_s

    def overturned(self, time_ns: int, before: Picture) -> None:
        """A frame that had too little in common with the background."""
        unrest = self._stirred(time_ns, before)
        unrest.overturned, unrest.steady_s = True, 0.0

    def settle(self, tick: Tick, time_ns: int, picture: Picture) -> Iterator[EventStep]:
        """Last of all in a frame: what is over, and what it was."""
        yield from self._lamp.steady(tick.step_s, time_ns)
        if self._unrest is not None:
            if (self._unrest.steady_s or 0.0) >= CALM_S:
                yield from self._view_judged(self._unrest, time_ns, picture)
            if self._unrest.calm_s >= CALM_S:
                yield from self._light_judged(self._unrest, time_ns, picture)
                self._unrest = None
        step_s = tick.now_s - self._looked_s
        if step_s >= LOOK_S:
            self._looked_s = tick.now_s
            share = int(np.count_nonzero(self._texture(picture))) / self._pixels
            faded = self._faded or (self._unrest is not None and _fades(self._unrest))
            yield from self._cover.look(share, step_s, time_ns, faded=faded)

    def close(self, time_ns: int) -> Iterator[EventStep]:
        """End what is open."""
        self._unrest = None
        yield from self._lamp.close(time_ns)
        yield from self._cover.close(time_ns)

    def _stirred(self, time_ns: int, before: Picture) -> _Unrest:
        if self._unrest is None:
            self._unrest = _Unrest(time_ns, before.copy(), time_ns)
        self._unrest.last_ns = time_ns
        self._unrest.calm_s = 0.0
        return self._unrest

    def _view_judged(self, unrest: _Unrest, time_ns: int, picture: Picture) -> Iterator[EventStep]:
        unrest.steady_s = None
        if self._other_view(picture, unrest.before):
            unrest.before = picture.copy()
            number = self._numbers.next()
            yield _change("camera-moved", "start", number, unrest, time_ns)
            yield _change("camera-moved", "end", number, unrest, time_ns)

    def _light_judged(self, unrest: _Unrest, time_ns: int, picture: Picture) -> Iterator[EventStep]:
        self._faded = _fades(unrest)
        if not unrest.told and self._brighter(picture, unrest.before) >= LIGHTING:
            yield from self._lamp.changed(unrest.start_ns, unrest.last_ns, time_ns)

    def _other_view(self, picture: Picture, before: Picture) -> bool:
        """Whether neither picture's texture is found again in the other."""
        shown_before, shown = self._texture(before), self._texture(picture)
        least = LEAST_TEXTURE * self._pixels
        if min(np.count_nonzero(shown_before), np.count_nonzero(shown)) < least:
            return False
        return max(kept(picture, before, where) for where in (shown_before, shown)) < KEPT

    def _brighter(self, picture: Picture, before: Picture) -> float:
        """By how many grey levels, on average, or darker."""
        return abs(float((picture - before).sum(where=self._looked_at))) / self._pixels

    def _texture(self, picture: Picture) -> NDArray[np.bool_]:
        shown: NDArray[np.bool_] = texture(picture) & self._looked_at
        return shown


def _fades(unrest: _Unrest) -> bool:
    return unrest.gain < FADED and not unrest.overturned


def _change(kind: Kind, state: State, number: int, unrest: _Unrest, time_ns: int) -> EventStep:
    return moment(
        kind, state, number, start_ns=unrest.start_ns, last_ns=unrest.last_ns, time_ns=time_ns
    )

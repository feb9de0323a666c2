"""The motion detector: grey pictures and their times in, changes out.

No clock, no thread, no camera, no randomness: the same pictures give the same changes. It never
raises on a picture, whatever is in it; a picture of another size is another scene to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from camfan_config.types import Motion
from camfan_nodes.motion.background import Background, Difference
from camfan_nodes.motion.blobs import Found, find
from camfan_nodes.motion.detector_clock import DetectorClock, Tick
from camfan_nodes.motion.event_steps import EventStep
from camfan_nodes.motion.events import MotionEvents, Numbers, Sighting
from camfan_nodes.motion.pictures import Gray, Picture, prepared
from camfan_nodes.motion.scene import WholeFrame
from camfan_nodes.motion.viewpoint import has_slid
from camfan_nodes.motion.zones import Areas, Points

WARM_S = 2.0  # of learning before anything can be motion
WARM_FRAMES = 6
OVERTURNED = 0.5  # of the picture changed: the background is worth nothing
LIGHT_FRAMES = 2  # overturned in a row; a lamp takes no longer to light up
UNREST_S = 1.0  # time constant for what is new and at rest while the light changes
SUSPECT = 0.15  # of the picture changed: worth asking whether the camera moved


class _WarmUp:
    """The first pictures, from which the background begins."""

    def __init__(self, picture: Picture) -> None:
        self._pictures = [picture]
        self._seconds = 0.0

    @property
    def done(self) -> bool:
        return not self._pictures

    def add(self, picture: Picture, tick: Tick, background: Background) -> None:
        self._pictures.append(picture)
        self._seconds += tick.step_s
        if self._seconds >= WARM_S and len(self._pictures) >= WARM_FRAMES:
            background.begin(self._pictures)
            self._pictures.clear()


@dataclass(frozen=True, slots=True)
class _SizeState:
    """All that belongs to one size of picture."""

    shape: tuple[int, int]
    warm: _WarmUp
    areas: Areas
    background: Background
    scene: WholeFrame


class Detector:
    """One camera's motion."""

    def __init__(
        self,
        settings: Motion,
        *,
        zones: Mapping[str, Points] | None = None,
        masks: Mapping[str, Points] | None = None,
    ) -> None:
        self._settings = settings
        self._zones = dict(zones or {})
        self._masks = dict(masks or {})
        self._numbers = Numbers()
        self._pace = DetectorClock(settings.fps)
        self._events = MotionEvents(
            self._numbers,
            frames=settings.start_frames,
            window=settings.start_window,
            end_after_s=settings.end_after,
        )
        self._view: _SizeState | None = None
        self._last_ns = 0
        self._overturned = 0  # frames in a row, without the camera having moved
        self.found: Found | None = None  # in the last picture; None: it was not looked for

    def feed(self, gray: Gray, time_ns: int) -> list[EventStep]:
        """One grey picture, captured at `time_ns`, in the order in which they were captured."""
        tick = self._pace.tick(time_ns)
        if tick is None or not gray.size:
            return []
        self.found = None
        picture = prepared(gray)
        changes: list[EventStep] = []
        if tick.cut:
            changes += self._events.close(time_ns)
        self._last_ns = time_ns
        if self._view is None or self._view.shape != picture.shape:
            changes += self.close()
            self._begin(picture)
        else:
            changes += self._look(self._view, picture, tick, time_ns)
        return changes

    def close(self) -> list[EventStep]:
        """End every event that is open: no more pictures will come."""
        changes = list(self._events.close(self._last_ns))
        if self._view is not None:
            changes += self._view.scene.close(self._last_ns)
        return changes

    def _begin(self, picture: Picture) -> None:
        shape = (picture.shape[0], picture.shape[1])
        areas = Areas(shape, self._zones, self._masks)
        self._view = _SizeState(
            shape,
            _WarmUp(picture),
            areas,
            Background(picture, areas),
            WholeFrame(self._numbers, areas),
        )

    def _look(
        self, view: _SizeState, picture: Picture, tick: Tick, time_ns: int
    ) -> Iterator[EventStep]:
        if not view.warm.done:
            view.warm.add(picture, tick, view.background)
            return
        before = view.background.mean
        light, effect = view.background.follow_light(picture)
        brighter = float((view.background.mean - before).mean())
        seen = view.background.compare(picture, effect, self._settings.threshold)
        if self._is_overturned(view, picture, seen):
            view.scene.overturned(time_ns, before)
            sighting = self._unfounded_sighting(view, picture, tick, time_ns)
        else:
            self._overturned = 0
            yield from view.scene.followed(tick, time_ns, light, brighter, before)
            sighting = self._sighting(view, picture, seen, tick, time_ns)
        yield from self._events.frame(tick.now_s, time_ns, sighting)
        yield from view.scene.settle(tick, time_ns, picture)

    def _is_overturned(self, view: _SizeState, picture: Picture, seen: Difference) -> bool:
        share = int(np.count_nonzero(seen.changed)) / max(1, view.areas.looked_at_pixels)
        if share > SUSPECT and has_slid(picture, view.background.recent):
            self._overturned = 0
            return True
        self._overturned += share > OVERTURNED
        return share > OVERTURNED

    def _unfounded_sighting(
        self, view: _SizeState, picture: Picture, tick: Tick, time_ns: int
    ) -> Sighting | None:
        """Motion without a background: something near the camera, once it is too long for light."""
        sighting = None
        if self._overturned > LIGHT_FRAMES:
            view.background.fall_back()
            no_effect = np.zeros_like(picture)
            seen = view.background.compare(picture, no_effect, self._settings.threshold)
            sighting = self._sighting(view, picture, seen, tick, time_ns)
        view.background.start_over(picture)
        return sighting

    def _sighting(
        self, view: _SizeState, picture: Picture, seen: Difference, tick: Tick, time_ns: int
    ) -> Sighting | None:
        found = find(picture, view.background, seen, view.areas, self._settings.min_area)
        calm = view.scene.calm
        still_s = self._settings.absorb_after / 2 if calm else UNREST_S
        view.background.learn_around(
            picture, found.objects, tick.step_s, still_s=still_s, calm=calm
        )
        self.found = found
        if not found.blobs:
            return None
        return Sighting(time_ns, found.blobs, view.areas.names(found.counted))

"""When motion becomes an event: after k of n frames, until it has been quiet for a while."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from camfan_nodes.motion.blobs import Blob
from camfan_nodes.motion.event_steps import EventStep, Kind, State

UPDATE_S = 1.0  # between two updates of one event
MOST_BOXES = 16  # of one frame; the largest


@dataclass(frozen=True, slots=True)
class Sighting:
    """Motion in one frame."""

    time_ns: int
    blobs: tuple[Blob, ...]  # at least one
    zones: tuple[str, ...]

    @property
    def area(self) -> float:
        return sum(blob.area for blob in self.blobs)

    @property
    def score(self) -> float:
        """One half at the threshold, three quarters at twice the threshold, and so on."""
        clearest: float = max(blob.contrast for blob in self.blobs)
        return float(1 - 0.5**clearest)


class Numbers:
    """1, 2, 3 … for the events of one detector."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        self._last += 1
        return self._last


@dataclass(slots=True)
class _MotionEvent:
    number: int
    start_ns: int
    last: Sighting
    peak: Sighting
    zones: tuple[str, ...]
    score: float
    seen_s: float  # the detector's own clock
    told_s: float

    def sees(self, sighting: Sighting) -> None:
        self.last = sighting
        if sighting.area > self.peak.area:
            self.peak = sighting
        self.zones += tuple(zone for zone in sighting.zones if zone not in self.zones)
        self.score = max(self.score, sighting.score)

    def change(self, state: State, time_ns: int) -> EventStep:
        shown = self.peak if state == "end" else self.last
        return EventStep(
            kind="motion",
            state=state,
            number=self.number,
            time_ns=time_ns,
            start_ns=self.start_ns,
            last_ns=self.last.time_ns,
            peak_ns=self.peak.time_ns,
            boxes=tuple(blob.box for blob in shown.blobs[:MOST_BOXES]),
            area=shown.area,
            zones=self.zones,
            score=self.score,
        )


class MotionEvents:
    """Turns sightings, and their absence, into events; one at a time."""

    def __init__(self, numbers: Numbers, *, frames: int, window: int, end_after_s: float) -> None:
        self._numbers = numbers
        self._frames = frames
        self._end_after_s = end_after_s
        self._window: deque[Sighting | None] = deque(maxlen=max(frames, window))
        self._event: _MotionEvent | None = None

    def frame(self, now_s: float, time_ns: int, sighting: Sighting | None) -> Iterator[EventStep]:
        """One frame at `now_s` of a clock that never goes back, with or without motion."""
        if self._event is not None and now_s - self._event.seen_s >= self._end_after_s:
            yield from self.close(time_ns)
        if self._event is None:
            yield from self._wait(now_s, sighting)
        elif sighting is not None:
            self._event.sees(sighting)
            self._event.seen_s = now_s
            if now_s - self._event.told_s >= UPDATE_S:
                self._event.told_s = now_s
                yield self._event.change("update", time_ns)

    def close(self, time_ns: int) -> Iterator[EventStep]:
        """End the event that is open, if one is, with the last frame it was seen in."""
        self._window.clear()
        if self._event is not None:
            yield self._event.change("end", time_ns)
            self._event = None

    def _wait(self, now_s: float, sighting: Sighting | None) -> Iterator[EventStep]:
        self._window.append(sighting)
        seen = [one for one in self._window if one is not None]
        if sighting is None or len(seen) < self._frames:
            return
        first = seen[0]
        self._event = _MotionEvent(
            self._numbers.next(),
            first.time_ns,
            first,
            first,
            first.zones,
            first.score,
            now_s,
            now_s,
        )
        for one in seen[1:]:
            self._event.sees(one)
        self._window.clear()
        yield self._event.change("start", sighting.time_ns)


def moment(
    kind: Kind, state: State, number: int, *, start_ns: int, last_ns: int, time_ns: int
) -> EventStep:
    """A change of the scene as a whole: no place, no size."""
    return EventStep(
        kind=kind,
        state=state,
        number=number,
        time_ns=time_ns,
        start_ns=start_ns,
        last_ns=last_ns,
        peak_ns=start_ns,
    )

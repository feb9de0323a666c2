"""When a frame is due: recorded times played in real time, and rates reduced evenly.

Times are seconds of a clock that is passed in; only `Pacer.reached` sleeps.
"""

from __future__ import annotations

from camfan_nodes.camera.clock import Clock
from camfan_nodes.camera.source import SLICE_S

LATE_S = 0.5  # further behind than this: play on from here, do not rush after it
EARLY = 0.4  # of an interval: a frame this much too early is still the next one


class Thinner:
    """Lets at most `fps` frames a second through, evenly; all of them when it is None."""

    def __init__(self, fps: float | None) -> None:
        self._interval_s = 1 / fps if fps else 0.0
        self._due_s: float | None = None
        self._last_s = 0.0

    def keeps(self, at_s: float, fps: float | None = None) -> bool:
        """Whether the frame of this time is one to keep; `fps` in place of its own, if given.

        Times rise; one that falls restarts.
        """
        interval_s = 1 / fps if fps else self._interval_s
        if not interval_s:
            return True
        if self._due_s is None or at_s < self._due_s - 2 * interval_s:
            self._due_s = self._last_s = at_s
        early_s = min(EARLY * interval_s, (at_s - self._last_s) / 2)
        self._last_s = at_s
        if at_s < self._due_s - early_s:
            return False
        self._due_s += interval_s
        if self._due_s < at_s - interval_s:
            self._due_s = at_s  # a pause is not made up for
        return True


class Pacer:
    """Holds recorded frames back until their time has come."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._origin_s: float | None = None  # monotonic time of recorded time 0

    def has_come(self, at_s: float) -> bool:
        """True if recorded time `at_s` has come; for a reader that skips frames, never too late."""
        now_s = self._clock.monotonic_ns() / 1e9
        if self._origin_s is None:
            self._origin_s = now_s - at_s
        return self._origin_s + at_s <= now_s

    def reached(self, at_s: float) -> bool:
        """Wait for recorded time `at_s`, but no longer than SLICE_S; whether it has come."""
        now_s = self._clock.monotonic_ns() / 1e9
        if self._origin_s is None or now_s - self._origin_s - at_s > LATE_S:
            self._origin_s = now_s - at_s
        left_s = self._origin_s + at_s - now_s
        if left_s > 0:
            self._clock.wait(min(left_s, SLICE_S))
        return left_s <= SLICE_S

"""The detector's own clock: it follows the frames' times but never goes back and never jumps."""

from __future__ import annotations

from dataclasses import dataclass

SOONEST = 0.6  # of an interval; a frame that comes sooner than this is not looked at
LONGEST_S = 60.0  # between two frames; a greater step is one of the clock that set their times


@dataclass(frozen=True, slots=True)
class Tick:
    step_s: float  # since the last frame that was looked at
    now_s: float  # since the first frame
    cut: bool  # the times of the frames before cannot be compared with this one's


class DetectorClock:
    """Decides for each frame whether to look at it, and how much time has passed."""

    def __init__(self, fps: float) -> None:
        self._interval_s = 1 / fps
        self._last_ns: int | None = None
        self._now_s = 0.0

    def tick(self, time_ns: int) -> Tick | None:
        """None: too soon after the last frame that was looked at."""
        if self._last_ns is None:
            self._last_ns = time_ns
            return Tick(0.0, 0.0, cut=False)
        step_s = (time_ns - self._last_ns) / 1e9
        if 0 <= step_s < SOONEST * self._interval_s:
            return None
        cut = not 0 <= step_s <= LONGEST_S
        step_s = self._interval_s if cut else step_s
        self._last_ns = time_ns
        self._now_s += step_s
        return Tick(step_s, self._now_s, cut=cut)

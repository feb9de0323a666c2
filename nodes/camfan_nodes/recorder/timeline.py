"""When a camera's frames happened, in site time.

Inside a segment the intervals are those of the camera's own clock, and time never goes back; each
segment begins at the best estimate there is, the camera's time plus its offset to the broker. A
camera's clock that was set is recognised, by time going back or by an offset that moves with it,
and order and intervals survive it. Time that goes back by less than it may be wrong is an estimate
that became better, as of RTSP.
"""

from __future__ import annotations

from msgspec import Struct

TOLERANCE_NS = 100_000_000  # an offset that moves further than this means something
OVERLAP_NS = 1_000_000_000  # a segment that would begin this little too early begins later
LATEST_NS = 2**62  # the year 2116; clocks that say more, or less than 1970, are held at the edge


class FrameTime(Struct, frozen=True, gc=False):
    """Where a frame lies in time."""

    time_ns: int
    step_ns: int = 0  # how far a clock was set, when this frame shows that one was
    restart: bool = False  # it belongs to a new segment


class Timeline:
    """The times of one camera's frames, in order."""

    def __init__(self) -> None:
        self._offset_ns: int | None = None  # as last believed
        self._captured_ns = 0  # of the last frame, and
        self._time_ns: int | None = None  # its site time, and
        self._interval_ns = 0  # how long after the one before it was

    def start(self, captured_ns: int, offset_ns: int | None) -> int:
        """Site time of the first frame of a segment."""
        if offset_ns is not None:
            self._offset_ns = offset_ns
        time_ns = _within(captured_ns + (self._offset_ns or 0))
        last_ns = self._time_ns
        if last_ns is not None and last_ns - OVERLAP_NS <= time_ns < last_ns:
            time_ns = last_ns
        self._captured_ns, self._time_ns, self._interval_ns = captured_ns, time_ns, 0
        return time_ns

    def follow(self, captured_ns: int, offset_ns: int | None, error_ns: int = 0) -> FrameTime:
        """The moment of a further frame of the same segment; `error_ns` bounds how wrong it is."""
        last_ns = self._time_ns
        if last_ns is None:
            return FrameTime(self.start(captured_ns, offset_ns), restart=True)
        expected_ns = last_ns + self._interval_ns
        time_ns = last_ns + captured_ns - self._captured_ns
        if offset_ns is not None and self._is_news(offset_ns):
            stated_ns, known = captured_ns + offset_ns, self._offset_ns is not None
            self._offset_ns = offset_ns
            wrong_ns = time_ns - stated_ns
            if abs(wrong_ns) > TOLERANCE_NS:
                if abs(stated_ns - expected_ns) < abs(time_ns - expected_ns):
                    return self._keep(captured_ns, stated_ns, wrong_ns)
                step_ns = -wrong_ns if known else 0
                return FrameTime(self.start(captured_ns, offset_ns), step_ns, restart=True)
        back_ns = self._captured_ns - captured_ns
        if back_ns > 0:
            return self._keep(captured_ns, expected_ns, -back_ns if back_ns > error_ns else 0)
        return self._keep(captured_ns, time_ns, 0)

    def _is_news(self, offset_ns: int) -> bool:
        return self._offset_ns is None or abs(offset_ns - self._offset_ns) > TOLERANCE_NS

    def _keep(self, captured_ns: int, time_ns: int, step_ns: int) -> FrameTime:
        last_ns = self._time_ns or 0
        time_ns = max(_within(time_ns), last_ns)
        if not step_ns:
            self._interval_ns = time_ns - last_ns
        self._captured_ns, self._time_ns = captured_ns, time_ns
        return FrameTime(time_ns, step_ns)


def _within(time_ns: int) -> int:
    return min(max(time_ns, 0), LATEST_NS)

"""Which frames of a camera are kept, where a mode keeps only some.

Frames wait in memory until it is known whether an event needs them: those of the time before an
event, and, while one lasts, those after its last sign of life. They leave in the order in which
they came. The wait is bounded by time and by bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from camfan.frame import Frame
from camfan.recording.rows import Mode
from camfan_wire.messages import Gap
from camfan_wire.topics import layer_of

LATE_NS = 3_000_000_000  # how long after it began an event may be reported
LASTING_NS = 30_000_000_000  # frames without news of an event that lasts are kept after this time
MARGIN_NS = 20_000_000  # by how much the times of one frame waver: a frame at an edge is kept
WAITING_BYTES = 64_000_000  # of one camera; beyond, the oldest frame is decided at once
REMEMBERED_NS = 600_000_000_000  # wanted intervals, for frames that come late
Verdict = Literal["wanted", "sampled", "skipped"]  # sampled: kept though nothing happens


@dataclass(slots=True)
class _Wanted:
    """An interval to be kept."""

    start_ns: int
    until_ns: int | None  # None: until it ends
    lasts: bool  # there may be more to come


class Gate:
    """The frames of one camera on their way to the disk."""

    def __init__(self, mode: Mode, before_ns: int) -> None:
        self.mode: Mode = mode
        self._before_ns = before_ns
        self._waiting: deque[tuple[int, Frame | Gap]] = deque()
        self._bytes = 0
        self._newest_ns = 0
        self._newest_s = 0.0
        self._wanted: dict[int, _Wanted] = {}  # by clip

    def add(self, item: Frame | Gap, now_s: float) -> None:
        """A gap keeps its place among the frames. `now_s`: monotonic."""
        time_ns = self._reference(now_s)
        if isinstance(item, Frame):
            time_ns = item.captured + (item.offset or 0)
            self._newest_ns, self._newest_s = max(self._newest_ns, time_ns), now_s
            self._bytes += len(item.jpeg)
        self._waiting.append((time_ns, item))

    def want(self, clip: int, start_ns: int, until_ns: int | None, *, lasts: bool) -> None:
        """What a clip needs; `until_ns` None: until its event ends. `lasts`: it may grow."""
        self._wanted[clip] = _Wanted(start_ns, until_ns, lasts)

    def decided(self, now_s: float) -> Iterator[tuple[Frame | Gap, Verdict]]:
        """Take out what is decided."""
        while self._waiting:
            time_ns, item = self._waiting[0]
            if isinstance(item, Frame):
                wanted = self._is_wanted(time_ns, self._reference(now_s))
                if wanted is None:
                    return
                verdict = self._verdict(item, wanted=wanted)
            else:
                verdict = "wanted"
            self._take_out()
            yield item, verdict

    def rest(self, now_s: float) -> Iterator[tuple[Frame | Gap, Verdict]]:
        """What is left at the end; without what only an event to come would have needed."""
        yield from self.decided(now_s)
        while self._waiting and self._lasting:
            _, item = self._waiting[0]
            self._take_out()
            yield item, "wanted"

    def _reference(self, now_s: float) -> int:
        """The time of a frame that came now."""
        return self._newest_ns + int((now_s - self._newest_s) * 1e9)

    def _verdict(self, frame: Frame, *, wanted: bool) -> Verdict:
        if wanted:
            return "wanted"
        sampled = self.mode == "activity" and layer_of(frame.sequence) == 0
        return "sampled" if sampled else "skipped"

    @property
    def _lasting(self) -> bool:
        return any(wanted.lasts for wanted in self._wanted.values())

    def _take_out(self) -> None:
        _, item = self._waiting.popleft()
        if isinstance(item, Frame):
            self._bytes -= len(item.jpeg)
        if not self._waiting:
            old_ns = self._newest_ns - REMEMBERED_NS
            for clip, one in list(self._wanted.items()):
                if not one.lasts and one.until_ns is not None and one.until_ns < old_ns:
                    del self._wanted[clip]

    def _is_wanted(self, time_ns: int, now_ns: int) -> bool | None:
        """None: it is too early to say."""
        begun = [one for one in self._wanted.values() if one.start_ns <= time_ns + MARGIN_NS]
        if any(one.until_ns is None or time_ns <= one.until_ns + MARGIN_NS for one in begun):
            return True
        full, age_ns = self._bytes > WAITING_BYTES, now_ns - time_ns
        if any(one.lasts for one in begun):
            return True if full or age_ns > LASTING_NS else None
        passed = len(begun) < len(self._wanted)  # by the start of an event
        waited = age_ns > self._before_ns + LATE_NS
        return False if passed or waited or full else None

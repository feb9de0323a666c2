"""When the frames of an RTP stream were taken, as far as that can be known here.

Every frame has a stamp of the camera's own clock, which starts anywhere. Two things tie it to
ours. No frame is taken after it arrives: so the smallest distance that was ever seen between
arrival and stamp bounds all frames, also those that waited on the way. And a sender report says
which stamp belonged to the moment at which it was sent. The camera's date is never believed.

Many senders stamp a frame when it leaves the encoder. Their reports show no delay, and nothing
says how old the frame was by then: that is admitted as the error. All is monotonic nanoseconds,
handed in.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

UNKNOWN_NS = 2_000_000_000  # in an encoder and on the network, where no report says it
UNKNOWN_JPEG_NS = 1_000_000_000  # an encoder of single frames does not look ahead
ALONE_NS = 10_000_000_000  # a single frame may have been kept for long
REORDER_PICTURES = 50  # kept by an encoder that sends them out of order: x264 looks at 40
MAX_REORDER_NS = 10_000_000_000
REPORT_NS = 250_000_000  # from exposure to stamp, and of a report on the network
SHOWN_NS = 20_000_000  # a report that shows less delay is about sending
MAX_HELD_NS = 10_000_000_000  # a report that shows more is about another clock
KEEPING_NS = 2_000_000_000  # how long a server may take to send what it had kept
STUCK_PICTURES = 8  # without a newer stamp: more than any reordering
BACK_NS = 2_000_000_000  # a stamp so far back: the clock was set
LOST_NS = 30_000_000_000  # behind by so much: no queue, but another clock
MAX_RESETS = 3  # then the stamps say nothing
BLOCK_NS = 2_000_000_000
BLOCKS = 4  # in a row, each slower than the one before: a clock that runs slow
REPORTS = 12  # that are remembered

_DRIFT = 2000  # two clocks drift apart by at most 1/2000: 500 ppm


@dataclass(frozen=True, slots=True)
class CaptureTime:
    """The latest time that it can be, which is the likeliest, and how much off that may be."""

    at_ns: int
    error_ns: int


@dataclass(frozen=True, slots=True)
class _SenderReport:
    """Our clock minus the stamps, as one report bounds it."""

    earliest_ns: int
    latest_ns: int
    at_ns: int  # when it came

    def latest_by(self, now_ns: int) -> int:
        return self.latest_ns + (now_ns - self.at_ns) // _DRIFT

    def earliest_by(self, now_ns: int) -> int:
        return self.earliest_ns - (now_ns - self.at_ns) // _DRIFT


class CaptureTimes:
    """One connection. Call `note` for each frame as it begins to arrive, in their order."""

    def __init__(self, unknown_ns: int = UNKNOWN_NS) -> None:
        self.kept = False  # the newest frame belongs to those that the server had kept
        self.lookahead: int | None = None  # frames that the encoder says it keeps
        self._unknown_ns = unknown_ns
        self._back_ns = 0  # how far stamps go back: the encoder sends frames out of order
        self._interval_ns = 0  # between two stamps, about
        self._ahead_ns: int | None = None  # smallest arrival minus stamp
        self._noted_ns = 0
        self._lag_ns = 0  # how much longer than the fastest picture the last one took
        self._first_ns: int | None = None
        self._newest_ns = 0  # stamp
        self._last_ns = 0  # stamp
        self._oldest_ns = 0  # stamp
        self._stamps = 0
        self._stuck = 0
        self._resets = 0
        self._believed = True
        self._live = False
        self._pictures = 0
        self._reports: deque[_SenderReport] = deque(maxlen=REPORTS)
        self._pace = _DelayTrend()

    def note(self, stamp_ns: int | None, now_ns: int) -> None:
        """A frame begins to arrive."""
        self._pictures += 1
        if stamp_ns is None or not self._believed:
            self.kept = False
            return
        if self._ahead_ns is None or self._first_ns is None:
            self._first_ns, self._newest_ns = now_ns, stamp_ns - 1
            self._last_ns = self._oldest_ns = stamp_ns
            self._ahead_ns = now_ns - stamp_ns
        if self._broken(stamp_ns, now_ns):
            self._reset(stamp_ns, now_ns)
            return
        ahead_ns = self._ahead_ns + (now_ns - self._noted_ns) // _DRIFT
        fallen_ns = ahead_ns - (now_ns - stamp_ns)
        self._notice_kept(fallen_ns, stamp_ns, now_ns)
        self._measure(stamp_ns)
        self._ahead_ns = min(ahead_ns, now_ns - stamp_ns)
        self._lag_ns = now_ns - stamp_ns - self._ahead_ns
        self._noted_ns, self._last_ns = now_ns, stamp_ns
        if not self._reports and self._pace.slows(now_ns - stamp_ns, now_ns):
            self._believed = False

    def report(self, stamp_ns: int, after_ns: int, before_ns: int) -> None:
        """A sender report was read between two moments; `stamp_ns` belongs to when it was sent.

        It may have waited to be read for as long as the frame before it did.
        """
        earliest_ns = after_ns - stamp_ns - self._lag_ns
        self._reports.append(_SenderReport(earliest_ns, before_ns - stamp_ns, before_ns))

    def of(self, stamp_ns: int | None, arrived_ns: int) -> CaptureTime:
        """When the frame with this stamp, which came at `arrived_ns`, was taken."""
        if stamp_ns is None or not self._believed or self._ahead_ns is None:
            return CaptureTime(arrived_ns, self._unknown_ns + self._looking_ahead_ns())
        if (offset := self._reported()) is not None:
            return CaptureTime(min(stamp_ns + offset.at_ns, arrived_ns), offset.error_ns)
        taken_ns = min(stamp_ns + self._ahead_ns, arrived_ns)
        if self._pictures < 2:
            return CaptureTime(taken_ns, ALONE_NS)
        error_ns = self._unknown_ns + self._looking_ahead_ns() + arrived_ns - taken_ns
        return CaptureTime(taken_ns, error_ns)

    def _looking_ahead_ns(self) -> int:
        """How long an encoder that looks ahead may keep a frame."""
        pictures = self.lookahead
        if pictures is None:
            pictures = REORDER_PICTURES if self._back_ns else 0
        return min(pictures * self._interval_ns, MAX_REORDER_NS)

    def _reported(self) -> CaptureTime | None:
        """Our clock minus the stamps, from the best report; None without one that shows a delay."""
        if not self._reports or self._ahead_ns is None:
            return None
        now_ns = self._noted_ns
        best = min(self._reports, key=lambda report: report.latest_by(now_ns))
        least_ns = max(SHOWN_NS + self._back_ns, (self.lookahead or 0) * self._interval_ns)
        latest_ns = best.latest_by(now_ns)
        if not least_ns <= self._ahead_ns - latest_ns <= MAX_HELD_NS:
            return None
        earliest_ns = max(
            earliest
            for report in self._reports
            if (earliest := report.earliest_by(now_ns)) <= latest_ns or report is best
        )
        return CaptureTime(latest_ns, max(latest_ns - earliest_ns, 0) + REPORT_NS)

    def _broken(self, stamp_ns: int, now_ns: int) -> bool:
        """Whether the stamps are no longer those of the same clock."""
        self._stuck = 0 if stamp_ns > self._newest_ns else self._stuck + 1
        self._newest_ns = max(self._newest_ns, stamp_ns)
        assert self._ahead_ns is not None
        return (
            self._stuck >= STUCK_PICTURES
            or stamp_ns < self._newest_ns - BACK_NS
            or now_ns - stamp_ns - self._ahead_ns > LOST_NS
        )

    def _measure(self, stamp_ns: int) -> None:
        """What the stamps show of the encoder: its interval, and whether it sends out of order."""
        self._stamps += 1
        if stamp_ns < self._last_ns:
            self._back_ns = max(self._back_ns, self._newest_ns - stamp_ns)
        self._interval_ns = (self._newest_ns - self._oldest_ns) // max(self._stamps - 1, 1)

    def _reset(self, stamp_ns: int, now_ns: int) -> None:
        self._resets += 1
        self._believed = self._resets < MAX_RESETS
        self._ahead_ns, self._noted_ns = now_ns - stamp_ns, now_ns
        self._newest_ns = self._last_ns = self._oldest_ns = stamp_ns
        self._stuck = self._stamps = self._back_ns = 0
        self._reports.clear()
        self._pace = _DelayTrend()
        self.kept = False

    def _notice_kept(self, fallen_ns: int, stamp_ns: int, now_ns: int) -> None:
        """What comes faster than it was taken was kept somewhere, and is old."""
        assert self._first_ns is not None
        step_ns = stamp_ns - self._last_ns
        if self._pictures < 2:
            return
        self.kept = not self._live and 0 < step_ns < 2 * fallen_ns
        self._live = not self.kept or now_ns - self._first_ns > KEEPING_NS
        self.kept = self.kept and not self._live


class _DelayTrend:
    """Notices stamps that advance more slowly than time, block after block."""

    def __init__(self) -> None:
        self._until_ns = 0
        self._least_ns: int | None = None
        self._before_ns: int | None = None
        self._slower = 0

    def slows(self, apart_ns: int, now_ns: int) -> bool:
        """`apart_ns`: arrival minus stamp."""
        if self._least_ns is None:
            self._until_ns, self._least_ns = now_ns + BLOCK_NS, apart_ns
        self._least_ns = min(self._least_ns, apart_ns)
        if now_ns < self._until_ns:
            return False
        before_ns, self._before_ns = self._before_ns, self._least_ns
        rises = before_ns is not None and self._least_ns - before_ns > BLOCK_NS // 100
        self._slower = self._slower + 1 if rises else 0
        self._least_ns = None
        return self._slower >= BLOCKS

"""What a camera node knows of itself: counts, rates and its state.

Written by the capturing thread, read by the one that reports. Unknown is None, never 0.
"""

from __future__ import annotations

import threading
from collections import deque

from camfan import Report
from camfan.ring.ring import CaptureCounts
from camfan_config.site.pace import Pace
from camfan_nodes.camera.clock import Clock
from camfan_nodes.camera.source import SourceCounts
from camfan_wire.figures import MachineFigures, PublisherFigures
from camfan_wire.states import CameraState, state_of

WINDOW_NS = 10_000_000_000  # rates are over this long


class Rate:
    """How often something happens, and how much of it, over the last WINDOW_NS."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int, int]] = deque()  # when (ns), how much, how often

    def add(self, now_ns: int, amount: int, times: int = 1) -> None:
        self._seen.append((now_ns, amount, times))
        self._forget(now_ns)

    def _forget(self, now_ns: int) -> None:
        while self._seen and self._seen[0][0] < now_ns - WINDOW_NS:
            self._seen.popleft()

    def read(self, now_ns: int) -> tuple[float | None, float | None]:
        """Per second: times, amount. None while fewer than two were seen."""
        self._forget(now_ns)
        if len(self._seen) < 2:
            return None, None
        first_ns, first, first_times = self._seen[0]
        since_ns = max(self._seen[-1][0], now_ns - self._mean_gap_ns()) - first_ns
        if since_ns <= 0:
            return None, None
        amount = sum(amount for _, amount, _ in self._seen) - first
        times = sum(times for _, _, times in self._seen) - first_times
        return times * 1e9 / since_ns, amount * 1e9 / since_ns

    def _mean_gap_ns(self) -> int:
        return (self._seen[-1][0] - self._seen[0][0]) // (len(self._seen) - 1)


class NodeFigures:
    """All figures of one camera node."""

    def __init__(
        self,
        camera: str,
        counts: SourceCounts,
        clock: Clock,
        *,
        restart_reason: str | None = None,
        caveat: str | None = None,
    ) -> None:
        """`caveat` is the message of the status while there is no worse one."""
        self._camera = camera
        self._counts = counts
        self._clock = clock
        self._restart_reason = restart_reason
        self._caveat = caveat
        self._started_ns = clock.monotonic_ns()
        self._lock = threading.Lock()
        self._incoming, self._outgoing = Rate(), Rate()
        self._encode_ns: int | None = None
        self._openings = 0
        self._pace = Pace()
        self._good_ns: int | None = None  # when the source last gave a frame
        self._ended = False
        self.trouble: str | None = None  # what is wrong now
        self.last_error: str | None = None
        self.size: tuple[int, int] | None = None

    def opened(self) -> None:
        with self._lock:
            self._openings += 1

    def failed(self, sentence: str, pace: Pace) -> None:
        """The source gives nothing; after a time that follows from `pace` the camera is offline."""
        with self._lock:
            self._pace, self.trouble, self.last_error = pace, sentence, sentence
            self.size = None

    @property
    def state(self) -> CameraState:
        """The camera as its own node sees it."""
        since_ns = self._started_ns if self._good_ns is None else self._good_ns
        quiet_s = (self._clock.monotonic_ns() - since_ns) / 1e9
        if self.trouble is None:
            quiet_s = 0.0  # the loop reports a silence that is too long
        elif self._good_ns is not None:
            quiet_s = max(quiet_s, self._pace.stale_s)
        came = self._good_ns is not None
        return state_of(self._pace.limits, quiet_s, came=came, ended=self._ended)

    def refused(self, sentence: str) -> None:
        """One frame that was not a JPEG, or could not be decoded."""
        with self._lock:
            self.last_error = sentence

    def skipped(self, frames: int) -> None:
        """Frames that no subscriber wanted: the source is live."""
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            self._incoming.add(now_ns, 0, frames)
            self._flows(now_ns)

    def published(self, jpeg_bytes: int, encode_ns: int | None, *, sent: bool) -> None:
        """One frame; `encode_ns` is None for a JPEG that passed through."""
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            self._incoming.add(now_ns, 0)
            if encode_ns is not None:
                mean_ns = self._encode_ns or encode_ns
                self._encode_ns = (15 * mean_ns + encode_ns) // 16
            if sent:
                self._outgoing.add(now_ns, jpeg_bytes)
            self._flows(now_ns)

    def _flows(self, now_ns: int) -> None:
        self._good_ns, self.trouble, self._ended = now_ns, None, False

    def ended(self) -> None:
        with self._lock:
            self.trouble, self._ended = None, True

    def sentence(self, counts: CaptureCounts) -> str:
        """One line for a person: `live, 14.9 fps, 1280x720, 301 sent, 0 unsent`."""
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            fps, _ = self._incoming.read(now_ns)
            rate = "" if fps is None else f", {fps:.1f} fps"
            size = f", {self.size[0]}x{self.size[1]}" if self.size else ""
            sent = f"{counts.sent} sent, {counts.unsent} unsent"
            idle = f", {counts.unwanted} not wanted" if counts.unwanted else ""
            return f"{self.state}{rate}{size}, {sent}{idle}"

    def report(self, machine: MachineFigures) -> Report:
        """The status of the node, with the figures of the machine beside its own."""
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            fps_in, _ = self._incoming.read(now_ns)
            fps_sent, bytes_per_s = self._outgoing.read(now_ns)
            width, height = self.size or (None, None)
            figures = PublisherFigures(
                uptime_s=round((now_ns - self._started_ns) / 1e9),
                restart_reason=self._restart_reason,
                fps_in=_rounded(fps_in),
                fps_sent=_rounded(fps_sent),
                bytes_per_s=None if bytes_per_s is None else round(bytes_per_s),
                encode_ms=_rounded(None if self._encode_ns is None else self._encode_ns / 1e6),
                width=width,
                height=height,
                unreadable=self._counts.unreadable,
                source_dropped=self._counts.dropped,
                reopened=max(0, self._openings - 1),
                last_error=self.last_error,
            )
            return Report(
                self.state, self.trouble or self._caveat, machine=machine, publisher=figures
            )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)

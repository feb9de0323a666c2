"""What became of every frame of this run, and the last frames themselves, bounded by bytes.

One thread publishes, others read: counts that add up at any moment, and frames for subscribers that
missed them. Frames are shared, never copied.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import dataclass, replace

from camfan.ring.absences import MAX_KEPT, NOT_WANTED, OVERRUN, Absence, Absences, EncodingDecision
from camfan_wire.header import Header

OVERHEAD_BYTES = 1024  # of one stored frame, beside its JPEG


@dataclass(slots=True, eq=False)
class StoredFrame:
    """One frame in the ring."""

    header: Header
    jpeg: bytes
    wall_minus_monotonic_ns: int  # clocks of this machine when it was published
    error_ns: int = 0  # bound of the error of `captured` on this machine's clock
    sent: bool = False  # when it was published
    late: bool = False  # it was sent later, to repair a loss

    @property
    def bytes(self) -> int:
        return len(self.jpeg) + OVERHEAD_BYTES


@dataclass(slots=True)
class CaptureCounts:
    """captured = sent + unsent + unwanted + uplink + refused, at any moment."""

    captured: int = 0  # numbered
    sent: int = 0  # handed to the network when they were published
    unsent: int = 0  # made, but the broker was away or the link full; in the ring if it has room
    unwanted: int = 0  # not made: no subscriber wanted them
    uplink: int = 0  # not made: the link cannot carry them
    refused: int = 0  # not a JPEG within the limits
    late: int = 0  # frames sent later to repair a loss; part of those sent or unsent


@dataclass(frozen=True, slots=True)
class RingSpan:
    """What a ring holds."""

    frames: int = 0
    bytes: int = 0
    seconds: float = 0.0  # from its oldest frame to its newest
    oldest: int | None = None  # sequence


class MemoryRing:
    """The newest `limit_bytes` of frames of one run, and why other sequences have no frame."""

    def __init__(self, run: str, limit_bytes: int) -> None:
        self.run = run
        self.limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._frames: deque[StoredFrame] = deque()
        self._bytes = 0
        self._never_sent: deque[tuple[int, int]] = deque(
            maxlen=MAX_KEPT
        )  # and are no longer in memory
        self._absences = Absences()
        self._counts = CaptureCounts()
        self.newest_captured: int | None = None  # of the newest frame, ns of the wall clock

    @property
    def sequence(self) -> int:
        """Of the next frame."""
        return self._counts.captured

    @property
    def unwanted(self) -> int:
        return self._counts.unwanted

    @property
    def counts(self) -> CaptureCounts:
        """As they are now; a copy."""
        with self._lock:
            return replace(self._counts)

    def append(self, stored: StoredFrame, decision: EncodingDecision) -> bool:
        """Keep the next frame, not sent yet, and drop the oldest; True if `decision` changed."""
        with self._lock:
            changed = self._absences.note(stored.header.sequence, decision)
            self._counts.captured += 1
            self._counts.unsent += 1
            self._frames.append(stored)
            self.newest_captured = stored.header.captured
            self._bytes += stored.bytes
            while self._bytes > self.limit_bytes:
                self._forget(self._frames.popleft())
        return changed

    def _forget(self, stored: StoredFrame) -> None:
        self._bytes -= stored.bytes
        if stored.sent or stored.late or not self.limit_bytes:
            return
        sequence = stored.header.sequence
        if self._never_sent and self._never_sent[-1][1] == sequence - 1:
            sequence = self._never_sent.pop()[0]
        self._never_sent.append((sequence, stored.header.sequence))

    def was_sent(self, sequence: int) -> bool | None:
        """Whether a frame that is no longer in memory was sent; None if that is forgotten."""
        with self._lock:
            never = self._never_sent
            if not self.limit_bytes or (len(never) == MAX_KEPT and sequence < never[0][0]):
                return None
            index = bisect_right(never, sequence, key=lambda pair: pair[0]) - 1
            return index < 0 or never[index][1] < sequence

    def leave_out(self, pictures: int, decision: EncodingDecision) -> bool:
        """Number frames that are not made because of `decision`; True if that is a change."""
        with self._lock:
            counts = self._counts
            changed = self._absences.note(counts.captured, decision)
            for _ in range(pictures):
                if decision.reason(counts.captured) == NOT_WANTED:
                    counts.unwanted += 1
                else:
                    counts.uplink += 1
                counts.captured += 1
        return changed

    def refuse(self, decision: EncodingDecision) -> bool:
        """Number a frame that cannot be published; True if `decision` is a change."""
        with self._lock:
            counts = self._counts
            changed = self._absences.note(counts.captured, decision)
            self._absences.refuse(counts.captured, counts.captured)
            counts.captured += 1
            counts.refused += 1
        return changed

    def mark_sent(self, stored: StoredFrame) -> None:
        """The frame was handed to the network."""
        with self._lock:
            stored.sent = True
            self._counts.sent += 1
            self._counts.unsent -= 1

    def mark_repaired(self, stored: StoredFrame) -> None:
        """The frame was sent to repair a loss."""
        with self._lock:
            stored.late = True
            self._counts.late += 1

    def span(self) -> RingSpan:
        with self._lock:
            if not self._frames:
                return RingSpan()
            oldest, newest = self._frames[0].header, self._frames[-1].header
            seconds = (newest.captured - oldest.captured) / 1e9
            return RingSpan(len(self._frames), self._bytes, seconds, oldest.sequence)

    @property
    def oldest(self) -> int:
        """The first sequence in memory; that of the next frame if memory is empty."""
        with self._lock:
            return self._frames[0].header.sequence if self._frames else self._counts.captured

    def first_since(self, monotonic_ns: int) -> int:
        """The first sequence in memory that may have been captured since then."""
        with self._lock:
            for stored in reversed(self._frames):
                if stored.header.captured - stored.wall_minus_monotonic_ns < monotonic_ns:
                    return stored.header.sequence + 1
            return self._frames[0].header.sequence if self._frames else self._counts.captured

    def find(self, sequence: int) -> StoredFrame | None:
        with self._lock:
            index = bisect_left(self._frames, sequence, key=_sequence)
            found = index < len(self._frames) and self._frames[index].header.sequence == sequence
            return self._frames[index] if found else None

    def items(
        self, first: int, stop: int | None = None
    ) -> tuple[list[Absence], StoredFrame | None]:
        """From `first` on and before `stop`: why frames are missing, and the next frame."""
        with self._lock:
            index = bisect_left(self._frames, first, key=_sequence)
            stored = self._frames[index] if index < len(self._frames) else None
            end = self._counts.captured if stored is None else stored.header.sequence
            if stop is not None and end >= stop:
                stored, end = None, stop
            return self._absences.explain(first, end - 1, OVERRUN), stored

    def explain(self, first: int, last: int) -> list[Absence]:
        """Why there are no frames from `first` to `last` in memory."""
        with self._lock:
            return self._absences.explain(first, last, OVERRUN)


def _sequence(stored: StoredFrame) -> int:
    return stored.header.sequence

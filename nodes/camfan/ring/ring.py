"""What became of every picture of this run, and the last of its frames, bounded by bytes.

One thread publishes, others read: counts that add up at any moment, and frames for whoever did not
get them. Frames are shared, never copied.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import dataclass, replace

from camfan.ring.absences import MAX_KEPT, NOT_WANTED, OVERRUN, Absence, Absences, Making
from camfan_wire.header import Header

OVERHEAD_BYTES = 1024  # of one kept frame, beside its JPEG


@dataclass(slots=True, eq=False)
class Kept:
    """One frame in the ring."""

    header: Header
    jpeg: bytes
    apart_ns: int  # wall minus monotonic clock when it was published
    error_ns: int = 0  # how far `captured` may be off, whatever is known of the site's clock
    sent: bool = False  # it left at once
    late: bool = False  # it was sent afterwards, to repair

    @property
    def bytes(self) -> int:
        return len(self.jpeg) + OVERHEAD_BYTES


@dataclass(slots=True)
class Counts:
    """captured = sent + unsent + unwanted + uplink + refused, at any moment."""

    captured: int = 0  # numbered
    sent: int = 0  # handed to the network when they were published
    unsent: int = 0  # made, but the broker was away or the link full; in the ring, if it reaches
    unwanted: int = 0  # not made: nobody wanted them
    uplink: int = 0  # not made: the link does not carry them
    refused: int = 0  # no JPEG within the limits
    late: int = 0  # frames sent afterwards, to repair; of those sent or unsent
    sent_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """What a ring holds."""

    frames: int = 0
    bytes: int = 0
    seconds: float = 0.0  # from its oldest picture to its newest
    oldest: int | None = None  # sequence


class Ring:
    """Frames of one run, the newest `limit_bytes` of them, and the reasons for all that lacks."""

    def __init__(self, run: str, limit_bytes: int) -> None:
        self.run = run
        self.limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._kept: deque[Kept] = deque()
        self._bytes = 0
        self._never_left: deque[tuple[int, int]] = deque(maxlen=MAX_KEPT)  # and are here no more
        self._absences = Absences()
        self._counts = Counts()

    @property
    def sequence(self) -> int:
        """Of the next picture."""
        return self._counts.captured

    @property
    def unwanted(self) -> int:
        return self._counts.unwanted

    @property
    def counts(self) -> Counts:
        """As they are now; a copy."""
        with self._lock:
            return replace(self._counts)

    def append(self, kept: Kept, making: Making) -> bool:
        """The next picture is a frame, not sent yet; True if `making` is news. The oldest go."""
        with self._lock:
            changed = self._absences.note(kept.header.sequence, making)
            self._counts.captured += 1
            self._counts.unsent += 1
            self._kept.append(kept)
            self._bytes += kept.bytes
            while self._bytes > self.limit_bytes:
                self._forget(self._kept.popleft())
        return changed

    def _forget(self, kept: Kept) -> None:
        self._bytes -= kept.bytes
        if kept.sent or kept.late or not self.limit_bytes:
            return
        sequence = kept.header.sequence
        if self._never_left and self._never_left[-1][1] == sequence - 1:
            sequence = self._never_left.pop()[0]
        self._never_left.append((sequence, kept.header.sequence))

    def left_before(self, sequence: int) -> bool | None:
        """Whether a frame that is in memory no more had left; None if that is forgotten."""
        with self._lock:
            never = self._never_left
            if not self.limit_bytes or (len(never) == MAX_KEPT and sequence < never[0][0]):
                return None
            index = bisect_right(never, sequence, key=lambda pair: pair[0]) - 1
            return index < 0 or never[index][1] < sequence

    def leave_out(self, pictures: int, making: Making) -> bool:
        """The next pictures are not made, for the reasons that `making` has; True if it is news."""
        with self._lock:
            counts = self._counts
            changed = self._absences.note(counts.captured, making)
            for _ in range(pictures):
                if making.reason(counts.captured) == NOT_WANTED:
                    counts.unwanted += 1
                else:
                    counts.uplink += 1
                counts.captured += 1
        return changed

    def refuse(self, making: Making) -> bool:
        """The next picture is none; True if `making` is news."""
        with self._lock:
            counts = self._counts
            changed = self._absences.note(counts.captured, making)
            self._absences.refuse(counts.captured, counts.captured)
            counts.captured += 1
            counts.refused += 1
        return changed

    def left(self, kept: Kept) -> None:
        """The frame was handed to the network."""
        with self._lock:
            kept.sent = True
            self._counts.sent += 1
            self._counts.unsent -= 1
            self._counts.sent_bytes += len(kept.jpeg)

    def left_late(self, kept: Kept) -> None:
        """The frame was sent to repair."""
        with self._lock:
            kept.late = True
            self._counts.late += 1

    def span(self) -> Span:
        with self._lock:
            if not self._kept:
                return Span()
            oldest, newest = self._kept[0].header, self._kept[-1].header
            seconds = (newest.captured - oldest.captured) / 1e9
            return Span(len(self._kept), self._bytes, seconds, oldest.sequence)

    @property
    def oldest(self) -> int:
        """The first sequence that is in memory; that of the next picture if none is."""
        with self._lock:
            return self._kept[0].header.sequence if self._kept else self._counts.captured

    def first_since(self, monotonic_ns: int) -> int:
        """The first sequence that may have been captured since then, as far as memory reaches."""
        with self._lock:
            for kept in reversed(self._kept):
                if kept.header.captured - kept.apart_ns < monotonic_ns:
                    return kept.header.sequence + 1
            return self._kept[0].header.sequence if self._kept else self._counts.captured

    def find(self, sequence: int) -> Kept | None:
        with self._lock:
            index = bisect_left(self._kept, sequence, key=_sequence)
            found = index < len(self._kept) and self._kept[index].header.sequence == sequence
            return self._kept[index] if found else None

    def tell(self, first: int, stop: int | None = None) -> tuple[list[Absence], Kept | None]:
        """What there is from `first` on and before `stop`: why nothing, and then the next frame."""
        with self._lock:
            index = bisect_left(self._kept, first, key=_sequence)
            kept = self._kept[index] if index < len(self._kept) else None
            end = self._counts.captured if kept is None else kept.header.sequence
            if stop is not None and end >= stop:
                kept, end = None, stop
            return self._absences.explain(first, end - 1, OVERRUN), kept

    def explain(self, first: int, last: int) -> list[Absence]:
        """Why there are no frames from `first` to `last` in memory."""
        with self._lock:
            return self._absences.explain(first, last, OVERRUN)


def _sequence(kept: Kept) -> int:
    return kept.header.sequence

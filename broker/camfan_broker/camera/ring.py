"""The last frames of one camera, bounded by bytes.

Frames are shared with the sockets that send them, never copied. An entry keeps its index for life,
so a reader's place in the ring is one number.
"""

from __future__ import annotations

from collections import deque

import zmq
from msgspec import Struct

from camfan_wire.header import Header

OVERHEAD_BYTES = 1024  # of one entry, beside its JPEG and header
RESTARTED = "camera-restarted"


class RunSegment(Struct, frozen=True, gc=False):
    """Frames of one run in sequence, until another run begins or goes on."""

    behind: int = -1  # the sequence before its first one
    why: str = RESTARTED  # what became of the run before it

    def continues(self, sequence: int) -> bool:
        """The run had begun before, and this sequence belongs to that part."""
        return 0 <= self.behind >= sequence


class RingEntry(Struct, frozen=True, gc=False):
    """One accepted frame, as it is sent on."""

    header: Header
    topic: zmq.Frame  # shared by its entriess layer
    text: bytes  # the header, as the camera wrote it
    jpeg: zmq.Frame
    received_ns: int  # monotonic
    bytes: int
    numbered: int = 0  # frames that the camera has numbered so far, this one included
    lost: int = 0  # of those, how many did not come
    segment: RunSegment = RunSegment()  # shared by its entries


class FrameRing:
    """Entries with indices `first` to `end - 1`."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.first = 0
        self.end = 0  # the index that the next entry will have
        self.bytes = 0
        self._entries: deque[RingEntry] = deque()

    def append(self, entry: RingEntry) -> None:
        """Add the newest; the oldest go until the rest fits. The newest always stays."""
        self._entries.append(entry)
        self.end += 1
        self.bytes += entry.bytes
        while self.bytes > self.limit_bytes and len(self._entries) > 1:
            self.bytes -= self._entries.popleft().bytes
            self.first += 1

    def __getitem__(self, index: int) -> RingEntry:
        return self._entries[index - self.first]

    def newest(self) -> RingEntry | None:
        return self._entries[-1] if self._entries else None

    def index_after(self, run: str, sequence: int) -> int | None:
        """The index of the first entry after a position; None if its run is not in the ring.

        The position may be older than what the ring has of its run. A run may have gone on after
        another one: what came between is after the position as well.
        """
        found = None
        for index in range(self.end - 1, self.first - 1, -1):
            header = self[index].header
            if header.run != run:
                if found is not None and not self[found].segment.continues(sequence):
                    return found
                continue
            if header.sequence <= sequence:
                return index + 1
            found = index
        return self.first if found and self[found].segment.continues(sequence) else found

    def find(self, run: str, sequence: int) -> RingEntry | None:
        """The entry of a position, if it is in the ring."""
        for entry in reversed(self._entries):
            if entry.header.sequence == sequence and entry.header.run == run:
                return entry
        return None

    def index_of_arrival(self, monotonic_ns: int) -> int:
        """The index of the first entry that came at or after a time."""
        index = self.end
        while index > self.first and self[index - 1].received_ns >= monotonic_ns:
            index -= 1
        return index

    def index_at_time(self, site_ns: int) -> int:
        """The index of the first entry that may have been captured at or after a site time.

        A camera knows the site's clock to within the `error` in its headers.
        """
        index = self.end
        while index > self.first:
            header = self[index - 1].header
            latest = header.captured + (header.offset or 0) + (header.error or 0)
            if latest < site_ns:
                break
            index -= 1
        return index

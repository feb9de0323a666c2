"""What cameras send late, kept for the readers that miss it, and for no longer.

All backlogs of a broker share one `RepairMemory`: what is over its bound goes, first where
nobody has read for the longest time, and who still wanted it asks again.
"""

from __future__ import annotations

from collections import deque

from camfan_broker.camera.ring import RingEntry
from camfan_wire.header import Position
from camfan_wire.messages import Gap

GAP_BYTES = 200  # about; of one in memory

Item = RingEntry | Gap


class RepairMemory:
    """What is kept of all backlogs, and what has been asked for, in bytes. Of the loop's thread."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.bytes = 0
        self._asked = 0  # under way, as far as one can tell before it is here
        self._backlogs: list[Backlog] = []

    def open(
        self, start: Position, before: Position, now: int, since_ns: int | None = None
    ) -> Backlog:
        """A new backlog; `close` gives back what it holds."""
        backlog = Backlog(start, before, now, since_ns)
        self._backlogs.append(backlog)
        return backlog

    def close(self, backlog: Backlog) -> None:
        """Nobody reads there now; whoever comes back to it finds that it lost everything."""
        self.bytes -= backlog.clear()
        if backlog in self._backlogs:
            self._backlogs.remove(backlog)

    def reopen(self, backlog: Backlog) -> None:
        """Somebody has come back."""
        if backlog not in self._backlogs:
            self._backlogs.append(backlog)

    def keep(self, backlog: Backlog, item: Item) -> None:
        self.bytes += backlog.append(item)
        while self.bytes > self.limit_bytes:
            others = (b for b in self._backlogs if b is not backlog and len(b))
            victim = min(others, key=lambda b: b.used_ns, default=backlog)
            if victim is backlog and len(backlog) == 1:
                return  # it is larger than all that may be kept
            self.bytes -= victim.drop_oldest()

    def fitting(self, size: int) -> int:
        """How many frames of this size may be asked for now; one, if nothing else is under way.

        Half of all is for what is under way, the other half for what is here.
        """
        return max((self.limit_bytes // 2 - self._asked) // size, 0 if self._asked else 1)

    def asked(self, size: int) -> None:
        self._asked += size

    def answered(self, size: int) -> None:
        """A request of this size is over."""
        self._asked -= size


class Backlog:
    """What a camera has behind `start`, as far as it has told, for all readers that miss it."""

    def __init__(
        self, start: Position, before: Position, now: int, since_ns: int | None = None
    ) -> None:
        self.start = start
        self.since_ns = since_ns  # site clock: nothing that was captured before
        self.before = before
        self.first = 0  # the index of the oldest item that is kept
        self.bytes = 0
        self.last = start  # as far as the camera has told
        self.done = False  # all that lies before `before` has been told
        self.failed = False  # the camera cannot be asked
        self.made_ns = now
        self.wanted_ns = 0  # since when a reader waits for more; 0: none does
        self.used_ns = now
        self._items: deque[Item] = deque()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def waits(self) -> bool:
        """The camera is to be asked for more of it."""
        return self.wanted_ns > 0 and not self.done and not self.failed

    @property
    def end(self) -> int:
        return self.first + len(self._items)

    def at(self, place: int) -> Item | None:
        """The item with this index; None if it has not come, or is kept no longer."""
        return self._items[place - self.first] if self.first <= place < self.end else None

    def place_of(self, position: Position) -> int | None:
        """The index behind a position; None if it is not one of this backlog's."""
        if position == self.start and self.first == 0 and self.since_ns is None:
            return 0
        for index, item in enumerate(self._items, self.first):
            if _end_of(item) == position:
                return index + 1
        return None

    def append(self, item: Item) -> int:
        """The bytes that it takes."""
        self._items.append(item)
        self.last = _end_of(item) or self.last
        size = _size(item)
        self.bytes += size
        return size

    def drop_oldest(self) -> int:
        """The bytes that this gives back."""
        size = _size(self._items.popleft())
        self.first += 1
        self.bytes -= size
        return size

    def clear(self) -> int:
        """The bytes that this gives back."""
        size, self.bytes = self.bytes, 0
        self.first = self.end
        self._items.clear()
        return size


def _end_of(item: Item) -> Position | None:
    """The position of a frame, or of the last one of a gap; None if that is not known."""
    if isinstance(item, Gap):
        return None if item.last is None else Position(item.run, item.last)
    return item.header.position


def _size(item: Item) -> int:
    return GAP_BYTES if isinstance(item, Gap) else item.bytes

"""Late frames, kept for the readers that miss them, and no longer.

All backlogs of a broker share one `RepairMemory`. When it is full, the backlog that was read the
longest time ago loses its oldest items; a reader that still wants them asks again.
"""

from __future__ import annotations

from collections import deque

from camfan_broker.camera.ring import RingEntry
from camfan_wire.header import Position
from camfan_wire.messages import Gap

GAP_BYTES = 200  # about, of a gap in memory

Item = RingEntry | Gap


class RepairMemory:
    """Bytes of all backlogs, and of what was asked for. Belongs to the loop's thread."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.bytes = 0
        self._asked = 0  # under way, as estimated
        self._backlogs: list[Backlog] = []

    def open(
        self, start: Position, before: Position, now: int, since_ns: int | None = None
    ) -> Backlog:
        """A new backlog; `close` gives back what it holds."""
        backlog = Backlog(start, before, now, since_ns)
        self._backlogs.append(backlog)
        return backlog

    def close(self, backlog: Backlog) -> None:
        """Drop what it holds; a reader that comes back finds nothing."""
        self.bytes -= backlog.clear()
        if backlog in self._backlogs:
            self._backlogs.remove(backlog)

    def reopen(self, backlog: Backlog) -> None:
        """A reader has come back."""
        if backlog not in self._backlogs:
            self._backlogs.append(backlog)

    def keep(self, backlog: Backlog, item: Item) -> None:
        self.bytes += backlog.append(item)
        while self.bytes > self.limit_bytes:
            others = (b for b in self._backlogs if b is not backlog and len(b))
            victim = min(others, key=lambda b: b.used_ns, default=backlog)
            if victim is backlog and len(backlog) == 1:
                return  # one item is larger than the limit
            self.bytes -= victim.drop_oldest()

    def fitting(self, size: int) -> int:
        """How many frames of this size may be asked for now; one, if nothing else is under way.

        Half of the limit is for what is under way, the other half for what has come.
        """
        return max((self.limit_bytes // 2 - self._asked) // size, 0 if self._asked else 1)

    def asked(self, size: int) -> None:
        self._asked += size

    def answered(self, size: int) -> None:
        """A request of this size is over."""
        self._asked -= size


class Backlog:
    """What a camera has sent of what lies behind `start`, for all readers that miss it."""

    def __init__(
        self, start: Position, before: Position, now: int, since_ns: int | None = None
    ) -> None:
        self.start = start
        self.since_ns = since_ns  # site clock: without what was captured before
        self.before = before
        self.first = 0  # the index of the oldest item that is kept
        self.bytes = 0
        self.last = start  # the end of what the camera has sent
        self.done = False  # all that lies before `before` has come
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

    def index_behind(self, position: Position) -> int | None:
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

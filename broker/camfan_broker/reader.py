"""What each subscriber still has to get, in its mode, from the rings.

Nothing here sends: `delivery.py` asks a `Reader` what is next, and sends it.
"""

from __future__ import annotations

from dataclasses import dataclass

from camfan_broker.camera import Camera
from camfan_broker.ring import Entry
from camfan_wire.header import Position
from camfan_wire.messages import MAX_CREDIT, Gap, Subscribe


@dataclass(slots=True)
class Cursor:
    """How far one subscriber is with one camera."""

    camera: Camera
    next: int  # index into the ring of the entry that comes next
    last: Position | None = None  # what it had last
    resolved: bool = True  # False: it resumes from `last` as soon as the ring has something
    due_ns: int = 0  # not before this monotonic time (max_fps)
    turn: int = 0  # when it was served last; the smallest is served next


@dataclass(slots=True)
class Counts:
    """What became of the frames a subscriber asked for."""

    delivered: int = 0
    delivered_bytes: int = 0
    skipped: int = 0  # `latest`: a newer one went instead
    lost: int = 0  # `every`: told as gaps


class Reader:
    """One subscription: which cameras, in which mode, how far, and how much credit.

    `before` is what it replaces. In `latest` a camera that stays goes on where it was: what the
    subscriber has is not sent again.
    """

    def __init__(
        self, wishes: Subscribe, cameras: list[Camera], before: Reader | None = None
    ) -> None:
        self.wishes = wishes
        self.credit = wishes.credit
        self.cursors = {camera.name: _start(wishes, camera) for camera in cameras}
        self.counts = Counts()
        if before is not None:
            self._go_on(before)
        self._interval_ns = int(1e9 / wishes.max_fps) if wishes.max_fps else 0
        self._turn: int = before._turn if before else 0

    def _go_on(self, before: Reader) -> None:
        self.counts = before.counts
        if self.wishes.mode == before.wishes.mode == "latest":
            kept = before.cursors.keys() & self.cursors.keys()
            self.cursors |= {name: before.cursors[name] for name in kept}

    def add_credit(self, frames: int) -> None:
        self.credit = min(self.credit + frames, MAX_CREDIT)

    def add_camera(self, camera: Camera) -> None:
        self.cursors.setdefault(camera.name, _start(self.wishes, camera))

    def held(self) -> int:
        """Frames in the rings that this subscriber will still get (`every`)."""
        if self.wishes.mode == "latest":
            return 0
        return sum(
            c.camera.ring.end - max(c.next, c.camera.ring.first)
            for c in self.cursors.values()
            if c.resolved
        )

    def next(self, now: int) -> tuple[Cursor, Gap | Entry] | None:
        """What to send now, given credit; None if nothing, or nothing before `next_due`."""
        if self.wishes.mode == "latest":
            return self._next_latest(now)
        return self._next_every()

    def next_due(self) -> int | None:
        """When something that waits for its time (max_fps) may go, monotonic ns."""
        if not self._interval_ns or not self.credit:
            return None
        waiting = [c.due_ns for c in self.cursors.values() if c.next < c.camera.ring.end]
        return min(waiting, default=None)

    def sent(self, cursor: Cursor, entry: Entry, now: int) -> None:
        """Note that an entry went out."""
        ring = cursor.camera.ring
        if self.wishes.mode == "latest":
            self.counts.skipped += ring.end - 1 - cursor.next
            cursor.next = ring.end
            if self._interval_ns:
                # Counted from when it was due, so that frames that come a little late do not lower
                # the rate; from now, if that is long ago.
                late = now - cursor.due_ns < self._interval_ns // 2
                cursor.due_ns = (cursor.due_ns if late else now) + self._interval_ns
        else:
            cursor.next += 1
        cursor.last = entry.header.position
        self._turn += 1
        cursor.turn = self._turn
        self.credit -= 1
        self.counts.delivered += 1
        self.counts.delivered_bytes += entry.bytes

    def told(self, cursor: Cursor, gap: Gap) -> None:
        """Note that a gap was told."""
        if gap.last is not None:
            self.counts.lost += gap.last - gap.first + 1
            cursor.last = Position(gap.run, gap.last)
        else:  # the next run starts here; what it lacks at its start is the next gap
            cursor.last = Position(cursor.camera.ring[cursor.next].header.run, -1)

    def _next_latest(self, now: int) -> tuple[Cursor, Entry] | None:
        best: Cursor | None = None
        for cursor in self.cursors.values():
            if cursor.next >= cursor.camera.ring.end or cursor.due_ns > now:
                continue
            if best is None or cursor.turn < best.turn:
                best = cursor
        if best is None:
            return None
        newest = best.camera.ring.newest()
        return None if newest is None else (best, newest)

    def _next_every(self) -> tuple[Cursor, Gap | Entry] | None:
        best: Cursor | None = None
        best_ns = 0
        for cursor in self.cursors.values():
            ring = cursor.camera.ring
            if not cursor.resolved and not _resolve(cursor):
                continue
            if cursor.next >= ring.end:
                continue
            received_ns = ring[max(cursor.next, ring.first)].received_ns
            if best is None or received_ns < best_ns:
                best, best_ns = cursor, received_ns
        return None if best is None else (best, _next_of(best))


def _start(wishes: Subscribe, camera: Camera) -> Cursor:
    ring = camera.ring
    newest = max(ring.first, ring.end - 1)  # a newcomer gets the last picture at once
    if wishes.mode == "latest":
        return Cursor(camera, newest)
    since = wishes.since.get(camera.name)
    if since is not None:
        return Cursor(camera, ring.first, last=since, resolved=False)
    if wishes.since_time is not None:
        return Cursor(camera, ring.index_at_time(wishes.since_time))
    return Cursor(camera, newest)


def _resolve(cursor: Cursor) -> bool:
    """Find the place in the ring where a resumed subscriber goes on, once there is a ring."""
    ring, last = cursor.camera.ring, cursor.last
    if last is None or ring.first == ring.end:
        return False
    index = ring.index_after(last.run, last.sequence)
    cursor.next = ring.first if index is None else index
    cursor.resolved = True
    return True


def _next_of(cursor: Cursor) -> Gap | Entry:
    """The next entry in order, or the gap that lies before it."""
    ring, last = cursor.camera.ring, cursor.last
    overrun = cursor.next < ring.first
    cursor.next = max(cursor.next, ring.first)
    entry = ring[cursor.next]
    header = entry.header
    if last is None:
        return entry
    if last.run != header.run:
        if cursor.next == ring.first:  # the end of the old run is not known
            return _gap(cursor, last.run, last.sequence + 1, None, "camera-restarted")
        last = Position(header.run, -1)
    if header.sequence == last.sequence + 1:
        return entry
    if overrun or cursor.next == ring.first > 0:
        reason = "ring-overrun"
    elif cursor.next == 0:
        reason = "broker-restarted"  # the very first frame that this broker has of the camera
    else:
        reason = "not-received"
    return _gap(cursor, header.run, last.sequence + 1, header.sequence - 1, reason)


def _gap(cursor: Cursor, run: str, first: int, last: int | None, reason: str) -> Gap:
    return Gap(camera=cursor.camera.name, run=run, first=first, last=last, reason=reason)

"""What each subscriber still has to get, in its mode: from the rings, and from repairs.

Nothing here sends: `delivery.py` asks a `Reader` what is next, and sends it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from camfan_broker.account import MAX_FPS, NEWER, NOT_WANTED, UNSEEN, Account
from camfan_broker.backlog import Backlog, Item
from camfan_broker.camera import Camera
from camfan_broker.ring import Entry
from camfan_wire.header import Position
from camfan_wire.messages import MAX_CREDIT, Gap, Subscribe

NO_RUN = Position("", -1)
LAST = 2**63  # ns: after everything that has come


@dataclass(slots=True)
class Cursor:
    """How far one subscriber is with one camera."""

    camera: Camera
    account: Account
    next: int  # index into the ring of the entry that comes next
    last: Position | None = None  # what it had last
    unwanted: int = 0  # of the run, as the header of that frame said
    upto: int = 0  # how many of the camera's numbered frames are dealt with
    lost: int = 0  # how many of those never came
    resolved: bool = True  # False: it resumes from `last` as soon as the ring has something
    backlog: Backlog | None = None  # it is being repaired
    place: int = 0  # in the backlog
    asked: Position | None = None  # the camera was asked for all it has before this one
    answered: bool = False  # and has told it
    due_ns: int = 0  # not before this monotonic time (max_fps)
    turn: int = 0  # when it was served last; the smallest is served next


class Reader:
    """One subscription: which cameras, in which mode, how far, and how much credit.

    `accounts` are by camera, and outlive the reader. `before` is the reader that it replaces: in
    `latest` a camera that stays goes on where it was, and what the subscriber has is not resent.
    """

    def __init__(
        self,
        wishes: Subscribe,
        accounts: dict[str, Account],
        cameras: Iterable[Camera] = (),
        before: Reader | None = None,
    ) -> None:
        self.wishes = wishes
        self.accounts = accounts
        self.cursors: dict[str, Cursor] = {}
        self.credit = wishes.credit
        self.window = wishes.window  # bytes that may still be under way
        self._turn = 0
        if before is not None and wishes.mode == before.wishes.mode == "latest":
            self._turn = before._turn
            self.cursors |= {
                c.name: before.cursors[c.name] for c in cameras if c.name in before.cursors
            }
        for camera in cameras:
            self.add_camera(camera)

    @property
    def open(self) -> bool:
        """There is credit."""
        return self.credit > 0 and (self.window is None or self.window > 0)

    def add_credit(self, frames: int, size: int) -> None:
        self.credit = min(self.credit + frames, MAX_CREDIT)
        if self.window is not None:
            self.window = min(self.window + size, self.wishes.window or 0)

    def add_camera(self, camera: Camera) -> None:
        if camera.name not in self.cursors:
            account = self.accounts.setdefault(camera.name, Account())
            self.cursors[camera.name] = _start(self.wishes, camera, account)

    def held(self, camera: str) -> int:
        """Frames that the camera has numbered and that are not dealt with yet."""
        cursor = self.cursors[camera]
        return max(0, cursor.camera.numbered - cursor.upto)

    def next(self, now: int) -> tuple[Cursor, Item] | None:
        """What to send now, given credit; None if nothing, or nothing before `next_due`."""
        if self.wishes.mode == "latest":
            return self._next_latest(now)
        return self._next_every()

    def next_due(self) -> int | None:
        """When something that waits for its time (max_fps) may go, monotonic ns."""
        if self.wishes.max_fps is None or not self.credit:
            return None
        waiting = [c.due_ns for c in self.cursors.values() if c.next < c.camera.ring.end]
        return min(waiting, default=None)

    def sent(self, cursor: Cursor, entry: Entry, now: int) -> None:
        """Note that an entry went out."""
        if self.wishes.mode == "latest":
            self._newest_sent(cursor, entry, now)
        else:
            _frame_sent(cursor, entry)
        self._turn += 1
        cursor.turn = self._turn
        self.credit -= 1
        if self.window is not None:
            self.window -= entry.header.size

    def told(self, cursor: Cursor, gap: Gap) -> None:
        """Note that a gap was told."""
        _move(cursor, cursor.account.gap_told(gap))
        if cursor.backlog is not None and cursor.backlog.at(cursor.place) is gap:
            cursor.place += 1
        # After the end of a run that nobody knows, whatever run comes begins with its 0.
        cursor.last = NO_RUN if gap.last is None else Position(gap.run, gap.last)

    def _newest_sent(self, cursor: Cursor, entry: Entry, now: int) -> None:
        ring, account = cursor.camera.ring, cursor.account
        passed_over = ring.end - 1 - cursor.next
        lost = entry.lost - cursor.lost
        unwanted = entry.numbered - 1 - cursor.upto - passed_over - lost
        if passed_over:
            account.skipped[NEWER if self.wishes.max_fps is None else MAX_FPS] += passed_over
        if lost:
            account.lost[UNSEEN] += lost
        if unwanted:
            account.skipped[NOT_WANTED] += unwanted
        account.newest_went(entry, now=now)
        cursor.next, cursor.upto, cursor.lost = ring.end, entry.numbered, entry.lost
        if self.wishes.max_fps is not None:
            cursor.due_ns = _next_due(cursor.due_ns, now, int(1e9 / self.wishes.max_fps))

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

    def _next_every(self) -> tuple[Cursor, Item] | None:
        """The oldest arrival of all cameras; a camera that is being repaired waits alone."""
        best: tuple[Cursor, Item] | None = None
        best_ns = 0
        for cursor in self.cursors.values():
            ring = cursor.camera.ring
            if cursor.backlog is None:
                if cursor.next >= ring.end and cursor.camera.tail is None:
                    continue
                place = max(cursor.next, ring.first)
                arrived_ns = ring[place].received_ns if place < ring.end else LAST
                if best is not None and arrived_ns >= best_ns:
                    continue
            else:
                arrived_ns = 0
            item = next_item(cursor)
            if item is not None:
                best, best_ns = (cursor, item), arrived_ns
        return best


def next_item(cursor: Cursor) -> Item | None:
    """The next entry of a cursor in mode `every`, or the gap that lies before it; None: wait."""
    resolved = cursor.resolved or _resolve(cursor)
    if cursor.backlog is not None:
        item = _from_backlog(cursor, cursor.backlog)
        if item is not None or cursor.backlog is not None:
            return item
    ring = cursor.camera.ring
    if not resolved or cursor.next >= ring.end:
        return _from_tail(cursor)
    overrun = cursor.next < ring.first
    cursor.next = max(cursor.next, ring.first)
    entry = ring[cursor.next]
    last = cursor.last or _before_what_is_owed(cursor, entry)
    if last is None or _follows(last, entry):
        return entry
    missing = entry.header.sequence - last.sequence - 1
    if last.run == entry.header.run and entry.header.unwanted - cursor.unwanted == missing:
        return _gap(entry, last.sequence + 1, NOT_WANTED)
    if cursor.asked != entry.header.position:
        item = _ask(cursor, last, entry.header.position)
        if item is not None or cursor.backlog is not None:
            return item
    reason = _reason(cursor, overrun=overrun)
    if last.run == entry.header.run:
        return _gap(entry, last.sequence + 1, reason)
    if cursor.answered or last is NO_RUN:
        return entry if entry.header.sequence == 0 else _gap(entry, 0, reason)
    return Gap(
        camera=entry.header.camera,
        run=last.run,
        first=last.sequence + 1,
        last=None,
        reason="camera-restarted",  # the end of the old run is not known
    )


def _before_what_is_owed(cursor: Cursor, entry: Entry) -> Position | None:
    """Where a cursor stands that waited for a camera before that began; None if not before it.

    The first pictures of a run may be taken while its camera is still connecting.
    """
    owed = entry.numbered - 1 - cursor.upto
    return Position(entry.header.run, entry.header.sequence - owed - 1) if owed > 0 else None


def _from_tail(cursor: Cursor) -> Item | None:
    """What the camera has behind the end of the ring, and has not sent by itself."""
    tail, last = cursor.camera.tail, cursor.last
    if tail is None or last is None or cursor.asked == tail:
        return None
    if last.run == tail.run and last.sequence + 1 >= tail.sequence:
        return None
    return _ask(cursor, last, tail)


def _ask(cursor: Cursor, last: Position, before: Position) -> Item | None:
    """Have the camera asked for all it has between two positions; the first of it, if known."""
    cursor.asked, cursor.answered = before, False
    found = cursor.camera.repairs.backlog(last, before)
    if found is None:
        return None
    cursor.backlog, cursor.place = found
    return _from_backlog(cursor, cursor.backlog)


def _from_backlog(cursor: Cursor, backlog: Backlog) -> Item | None:
    """The next repaired item; None if it is still to come, or, with the backlog left, over."""
    item = backlog.at(cursor.place)
    if item is None:
        if cursor.place < backlog.first:  # it is kept no longer
            _leave(cursor)
            cursor.asked = None
        elif not backlog.failed and not backlog.done:
            cursor.camera.repairs.want(backlog)
        else:
            cursor.answered = backlog.done and backlog.before == cursor.asked
            if not cursor.answered and not backlog.failed:
                cursor.asked = None
            _leave(cursor)
        return None
    last = cursor.last
    if isinstance(item, Gap) or last is None or _follows(last, item):
        return item
    if last.run == item.header.run:
        return _gap(item, last.sequence + 1, UNSEEN)
    return item if item.header.sequence == 0 else _gap(item, 0, UNSEEN)


def _leave(cursor: Cursor) -> None:
    """Go on in the ring; if there is still something missing, ask again."""
    cursor.backlog = None
    last = cursor.last
    if last is not None:
        found = cursor.camera.ring.index_after(last.run, last.sequence)
        cursor.next = cursor.next if found is None else max(found, cursor.next)


def _frame_sent(cursor: Cursor, entry: Entry) -> None:
    late = cursor.backlog is not None
    cursor.account.frame_went(entry, late=late)
    cursor.last, cursor.unwanted = entry.header.position, entry.header.unwanted
    if late:
        cursor.place += 1
        _move(cursor, 1)
    else:
        cursor.next += 1
        cursor.upto, cursor.lost = entry.numbered, entry.lost


def _move(cursor: Cursor, frames: int) -> None:
    """So many frames that the ring does not have are dealt with."""
    ring = cursor.camera.ring
    place = max(cursor.next, ring.first)
    known = ring[place].numbered - 1 if place < ring.end else cursor.camera.numbered
    cursor.upto = max(cursor.upto, min(cursor.upto + frames, known))


def _follows(last: Position, entry: Entry) -> bool:
    return last.run == entry.header.run and entry.header.sequence == last.sequence + 1


def _start(wishes: Subscribe, camera: Camera, account: Account) -> Cursor:
    ring = camera.ring
    cursor = Cursor(camera, account, max(ring.first, ring.end - 1))  # the last picture, at once
    since = wishes.since.get(camera.name)
    if wishes.mode == "latest":
        newest = ring.newest()
        if newest is not None and newest.header.position == since:
            cursor.next = ring.end  # which it has
    else:
        if since is not None:
            cursor.next, cursor.last, cursor.resolved = ring.first, since, False
        elif wishes.since_time is not None:
            cursor.next = ring.index_at_time(wishes.since_time)
    _count_from(cursor)
    return cursor


def _resolve(cursor: Cursor) -> bool:
    """Find the place in the ring where a resumed subscriber goes on, once there is a ring."""
    ring, last = cursor.camera.ring, cursor.last
    if last is None or ring.first == ring.end:
        return False
    index = ring.index_after(last.run, last.sequence)
    cursor.next = ring.first if index is None else index
    cursor.resolved = True
    _count_from(cursor)
    return True


def _count_from(cursor: Cursor) -> None:
    """What lies before its place is not this cursor's to account for."""
    camera, ring = cursor.camera, cursor.camera.ring
    if cursor.next < ring.end:
        entry = ring[cursor.next]
        cursor.upto, cursor.lost = entry.numbered - 1, entry.lost
        had, header = cursor.last, entry.header
        if had is not None and had.run == header.run:  # but what it misses before that is
            cursor.upto = max(0, entry.numbered - (header.sequence - had.sequence))
    else:
        cursor.upto, cursor.lost = camera.numbered, camera.lost


def _gap(entry: Entry, first: int, reason: str) -> Gap:
    """The gap from a sequence of the entry's run to right before the entry."""
    header = entry.header
    return Gap(
        camera=header.camera, run=header.run, first=first, last=header.sequence - 1, reason=reason
    )


def _reason(cursor: Cursor, *, overrun: bool) -> str:
    if overrun or cursor.next == cursor.camera.ring.first > 0:
        return "ring-overrun"
    if cursor.next == 0:
        return "broker-restarted"  # the very first frame that this broker has of the camera
    return UNSEEN


def _next_due(due_ns: int, now: int, interval_ns: int) -> int:
    """Counted from when it was due, so that frames that come a little late do not lower the rate;
    from now, if that is long ago.
    """
    late = now - due_ns < interval_ns // 2
    return (due_ns if late else now) + interval_ns

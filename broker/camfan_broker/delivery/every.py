"""Mode `every`: what a cursor gets next, out of the ring, a repair, or as a gap."""

from __future__ import annotations

from camfan_broker.camera.account import NOT_WANTED, UNSEEN
from camfan_broker.camera.backlog import Backlog, Item
from camfan_broker.camera.ring import RingEntry
from camfan_broker.delivery.every_cursor import Cursor, resolve
from camfan_wire.header import Position
from camfan_wire.messages import OTHER_PUBLISHER, Gap

NO_RUN = Position("", -1)


def next_item(cursor: Cursor) -> Item | None:
    """The next entry of a cursor in mode `every`, or the gap that lies before it; None: wait."""
    resolved = cursor.resolved or resolve(cursor)
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
    if last is None and cursor.since_ns is not None and cursor.asked != entry.header.position:
        behind = Position(entry.header.run, -1)
        if entry.header.sequence:
            item = _ask(cursor, behind, entry.header.position, cursor.since_ns)
            if item is not None or cursor.backlog is not None:
                return item
    if last is None and cursor.since_ns is not None and not cursor.answered:
        last = Position(entry.header.run, entry.stretch.behind)  # nobody can say more
    if last is None or _follows(last, entry):
        return entry
    missing = entry.header.sequence - last.sequence - 1
    if last.run == entry.header.run and entry.header.unwanted - cursor.unwanted == missing:
        return _gap(entry, last.sequence + 1, NOT_WANTED)
    if last.run != entry.header.run and entry.stretch.why == OTHER_PUBLISHER:
        cursor.rejoins = Position(entry.header.run, entry.stretch.behind)
        return _end_of_run(last, entry, OTHER_PUBLISHER)
    if cursor.asked != entry.header.position:
        item = _ask(cursor, last, entry.header.position)
        if item is not None or cursor.backlog is not None:
            return item
    reason = _reason(cursor, overrun=overrun)
    if last.run == entry.header.run:
        return _gap(entry, last.sequence + 1, reason)
    if cursor.answered or last is NO_RUN:
        return entry if entry.header.sequence == 0 else _gap(entry, 0, reason)
    return _end_of_run(last, entry, entry.stretch.why)


def _end_of_run(last: Position, entry: RingEntry, why: str) -> Gap:
    """Nobody knows what the run ended with; another one goes on."""
    return Gap(
        camera=entry.header.camera,
        run=last.run,
        first=last.sequence + 1,
        last=None,
        reason=why,
    )


def _before_what_is_owed(cursor: Cursor, entry: RingEntry) -> Position | None:
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


def _ask(
    cursor: Cursor, last: Position, before: Position, since_ns: int | None = None
) -> Item | None:
    """Have the camera asked for all it has between two positions; the first of it, if known."""
    cursor.asked, cursor.answered = before, False
    found = cursor.camera.repairs.backlog(last, before, since_ns)
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


def frame_sent(cursor: Cursor, entry: RingEntry) -> None:
    """Note that an entry went out, live or late."""
    late = cursor.backlog is not None
    cursor.account.frame_went(entry, late=late)
    cursor.last, cursor.unwanted = entry.header.position, entry.header.unwanted
    if late:
        cursor.place += 1
        move(cursor, 1)
    else:
        cursor.next += 1
        cursor.upto, cursor.lost = entry.numbered, entry.lost


def move(cursor: Cursor, frames: int) -> None:
    """So many frames that the ring does not have are dealt with."""
    ring = cursor.camera.ring
    place = max(cursor.next, ring.first)
    known = ring[place].numbered - 1 if place < ring.end else cursor.camera.numbered
    cursor.upto = max(cursor.upto, min(cursor.upto + frames, known))


def _follows(last: Position, entry: RingEntry) -> bool:
    return last.run == entry.header.run and entry.header.sequence == last.sequence + 1


def _gap(entry: RingEntry, first: int, reason: str) -> Gap:
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

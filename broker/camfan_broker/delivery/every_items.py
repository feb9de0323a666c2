"""Mode `every`: what a cursor gets next, from the ring, from a repair, or as a gap."""

from __future__ import annotations

from camfan_broker.camera.account import NOT_WANTED, UNSEEN
from camfan_broker.camera.backlog import Backlog, Item
from camfan_broker.camera.ring import RingEntry
from camfan_broker.delivery.every_cursor import EveryCursor, resolve
from camfan_wire.header import Position
from camfan_wire.messages import OTHER_PUBLISHER, Gap

NO_RUN = Position("", -1)


def next_item(cursor: EveryCursor) -> Item | None:
    """The next entry of a cursor, or the gap that lies before it; None: wait."""
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
    last = cursor.last_delivered or _before_what_is_owed(cursor, entry)
    if last is None and cursor.since_ns is not None:
        item = _ask_since(cursor, entry, cursor.since_ns)
        if item is not None or cursor.backlog is not None:
            return item
        if not cursor.repair_answered:  # the broker cannot know more
            last = Position(entry.header.run, entry.segment.behind)
    if last is None or _follows(last, entry):
        return entry
    return _before(cursor, last, entry, overrun=overrun)


def _ask_since(cursor: EveryCursor, entry: RingEntry, since_ns: int) -> Item | None:
    """Have the camera asked, once, for what it has captured since a time before this entry."""
    if cursor.repair_asked_before == entry.header.position or not entry.header.sequence:
        return None
    return _ask(cursor, Position(entry.header.run, -1), entry.header.position, since_ns)


def _before(cursor: EveryCursor, last: Position, entry: RingEntry, *, overrun: bool) -> Item | None:
    """What comes between the last item and an entry that does not follow it; None: wait."""
    header = entry.header
    same_run = last.run == header.run
    if same_run and header.unwanted - cursor.unwanted == header.sequence - last.sequence - 1:
        return _gap(entry, last.sequence + 1, NOT_WANTED)
    if not same_run and entry.segment.why == OTHER_PUBLISHER:
        cursor.rejoins = Position(header.run, entry.segment.behind)
        return _end_of_run(last, entry, OTHER_PUBLISHER)
    if cursor.repair_asked_before != header.position:
        item = _ask(cursor, last, header.position)
        if item is not None or cursor.backlog is not None:
            return item
    reason = _reason(cursor, overrun=overrun)
    if same_run:
        return _gap(entry, last.sequence + 1, reason)
    if cursor.repair_answered or last is NO_RUN:
        return entry if header.sequence == 0 else _gap(entry, 0, reason)
    return _end_of_run(last, entry, entry.segment.why)


def _end_of_run(last: Position, entry: RingEntry, why: str) -> Gap:
    """Where the run ended is not known; another run goes on."""
    return Gap(
        camera=entry.header.camera,
        run=last.run,
        first=last.sequence + 1,
        last=None,
        reason=why,
    )


def _before_what_is_owed(cursor: EveryCursor, entry: RingEntry) -> Position | None:
    """The position of a cursor that was waiting when the run began; None if it was not.

    The first frames of a run may be captured while its camera is still connecting.
    """
    owed = entry.numbered - 1 - cursor.accounted
    return Position(entry.header.run, entry.header.sequence - owed - 1) if owed > 0 else None


def _from_tail(cursor: EveryCursor) -> Item | None:
    """What the camera has captured after the end of the ring, and has not sent by itself."""
    tail, last = cursor.camera.tail, cursor.last_delivered
    if tail is None or last is None or cursor.repair_asked_before == tail:
        return None
    if last.run == tail.run and last.sequence + 1 >= tail.sequence:
        return None
    return _ask(cursor, last, tail)


def _ask(
    cursor: EveryCursor, last: Position, before: Position, since_ns: int | None = None
) -> Item | None:
    """Have the camera asked for what it has between two positions; its first item, if known."""
    cursor.repair_asked_before, cursor.repair_answered = before, False
    found = cursor.camera.repairs.backlog(last, before, since_ns)
    if found is None:
        return None
    cursor.backlog, cursor.backlog_index = found
    return _from_backlog(cursor, cursor.backlog)


def _from_backlog(cursor: EveryCursor, backlog: Backlog) -> Item | None:
    """The next item of a backlog; None if it is still to come, or if the backlog is at its end."""
    item = backlog.at(cursor.backlog_index)
    if item is None:
        if cursor.backlog_index < backlog.first:  # it has been dropped
            _leave_backlog(cursor)
            cursor.repair_asked_before = None
        elif not backlog.failed and not backlog.done:
            cursor.camera.repairs.want(backlog)
        else:
            cursor.repair_answered = backlog.done and backlog.before == cursor.repair_asked_before
            if not cursor.repair_answered and not backlog.failed:
                cursor.repair_asked_before = None
            _leave_backlog(cursor)
        return None
    last = cursor.last_delivered
    if isinstance(item, Gap) or last is None or _follows(last, item):
        return item
    if last.run == item.header.run:
        return _gap(item, last.sequence + 1, UNSEEN)
    return item if item.header.sequence == 0 else _gap(item, 0, UNSEEN)


def _leave_backlog(cursor: EveryCursor) -> None:
    """Go on in the ring; what is still missing is asked for again."""
    cursor.backlog = None
    last = cursor.last_delivered
    if last is not None:
        found = cursor.camera.ring.index_after(last.run, last.sequence)
        cursor.next = cursor.next if found is None else max(found, cursor.next)


def frame_sent(cursor: EveryCursor, entry: RingEntry) -> None:
    """Record that an entry was sent, live or late."""
    late = cursor.backlog is not None
    cursor.account.frame_went(entry, late=late)
    cursor.last_delivered, cursor.unwanted = entry.header.position, entry.header.unwanted
    if late:
        cursor.backlog_index += 1
        _account_for(cursor, 1)
    else:
        cursor.next += 1
        cursor.accounted, cursor.lost = entry.numbered, entry.lost


def gap_sent(cursor: EveryCursor, gap: Gap) -> None:
    """Record that a gap was sent."""
    _account_for(cursor, cursor.account.gap_went(gap))
    if cursor.backlog is not None and cursor.backlog.at(cursor.backlog_index) is gap:
        cursor.backlog_index += 1
    # After a run whose end is not known, the next one begins with its 0, or goes on.
    begins, cursor.rejoins = cursor.rejoins or NO_RUN, None
    cursor.last_delivered = begins if gap.last is None else Position(gap.run, gap.last)


def _account_for(cursor: EveryCursor, frames: int) -> None:
    """Count frames as accounted for that are not in the ring."""
    ring = cursor.camera.ring
    index = max(cursor.next, ring.first)
    known = ring[index].numbered - 1 if index < ring.end else cursor.camera.numbered
    cursor.accounted = max(cursor.accounted, min(cursor.accounted + frames, known))


def _follows(last: Position, entry: RingEntry) -> bool:
    return last.run == entry.header.run and entry.header.sequence == last.sequence + 1


def _gap(entry: RingEntry, first: int, reason: str) -> Gap:
    """The gap from a sequence of the entry's run to right before the entry."""
    header = entry.header
    return Gap(
        camera=header.camera, run=header.run, first=first, last=header.sequence - 1, reason=reason
    )


def _reason(cursor: EveryCursor, *, overrun: bool) -> str:
    if overrun or cursor.next == cursor.camera.ring.first > 0:
        return "ring-overrun"
    if cursor.next == 0:
        return "broker-restarted"  # the very first frame that this broker has of the camera
    return UNSEEN

"""How far one subscriber is with one camera, and where it begins."""

from __future__ import annotations

import time
from dataclasses import dataclass

from camfan_broker.camera.account import Account
from camfan_broker.camera.backlog import Backlog
from camfan_broker.camera.camera import TrackedCamera
from camfan_wire.header import Position
from camfan_wire.messages import Subscribe


@dataclass(slots=True)
class Cursor:
    """How far one subscriber is with one camera."""

    camera: TrackedCamera
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
    rejoins: Position | None = None  # where it goes on after a gap without an end
    since_ns: int | None = None  # site clock: it begins with what was captured then, if that is had
    due_ns: int = 0  # not before this monotonic time (max_fps)
    turn: int = 0  # when it was served last; the smallest is served next


def start(wishes: Subscribe, camera: TrackedCamera, account: Account) -> Cursor:
    """Where a subscription begins: behind what it has, at a time, or at the newest picture."""
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
        elif wishes.since_ago is not None and wishes.since_time is not None:
            _begin_at(cursor, wishes.since_time, time.monotonic_ns() - wishes.since_ago)
        elif wishes.since_time is not None:
            cursor.next = ring.index_at_time(wishes.since_time)
    _count_from(cursor)
    return cursor


def _begin_at(cursor: Cursor, site_ns: int, monotonic_ns: int) -> None:
    """With what was captured at a time, given on two clocks; every later number is had or told."""
    ring = cursor.camera.ring
    cursor.next = min(cursor.next, ring.index_of_arrival(monotonic_ns))
    if cursor.next == ring.first:  # what came before is here no more, or never was
        cursor.since_ns = site_ns
        return
    entry, before = ring[cursor.next], ring[cursor.next - 1].header
    if before.run == entry.header.run:
        cursor.last, cursor.unwanted = before.position, before.unwanted
    else:
        cursor.last = Position(entry.header.run, entry.stretch.behind)


def resolve(cursor: Cursor) -> bool:
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

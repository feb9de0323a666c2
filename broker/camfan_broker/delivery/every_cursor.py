"""Mode `every`: how far one subscriber is with one camera, and where it begins."""

from __future__ import annotations

import time
from dataclasses import dataclass

from camfan_broker.camera.account import Account
from camfan_broker.camera.backlog import Backlog
from camfan_broker.camera.camera import TrackedCamera
from camfan_wire.header import Position
from camfan_wire.messages import Subscribe


@dataclass(slots=True)
class EveryCursor:
    """How far one subscriber is with one camera."""

    camera: TrackedCamera
    account: Account
    next: int  # index into the ring of the entry that comes next
    last_delivered: Position | None = None  # a frame, or the end of a gap
    unwanted: int = 0  # of the run, as the header of that frame said
    accounted: int = 0  # how many of the camera's numbered frames are dealt with
    lost: int = 0  # how many of those never came
    resolved: bool = True  # False: it resumes from `last_delivered` once the ring has something
    backlog: Backlog | None = None  # late frames and gaps that come next, instead of the ring
    backlog_index: int = 0
    repair_asked_before: Position | None = None  # the camera was asked for all before this frame
    repair_answered: bool = False  # and has answered
    rejoins: Position | None = None  # where it goes on after a gap without an end
    since_ns: int | None = None  # site clock: begin with what was captured then, if it is kept


def start(wishes: Subscribe, camera: TrackedCamera, account: Account) -> EveryCursor:
    """Where a subscription begins: behind what it has, at a time, or with the newest frame."""
    ring = camera.ring
    cursor = EveryCursor(camera, account, max(ring.first, ring.end - 1))
    since = wishes.since.get(camera.name)
    if since is not None:
        cursor.next, cursor.last_delivered, cursor.resolved = ring.first, since, False
    elif wishes.since_ago is not None and wishes.since_time is not None:
        _begin_at(cursor, wishes.since_time, time.monotonic_ns() - wishes.since_ago)
    elif wishes.since_time is not None:
        cursor.next = ring.index_at_time(wishes.since_time)
    _count_from(cursor)
    return cursor


def _begin_at(cursor: EveryCursor, site_ns: int, monotonic_ns: int) -> None:
    """With what was captured at a time, given on two clocks; each later number is accounted for."""
    ring = cursor.camera.ring
    cursor.next = min(cursor.next, ring.index_of_arrival(monotonic_ns))
    if cursor.next == ring.first:  # older frames are not kept, or never came
        cursor.since_ns = site_ns
        return
    entry, before = ring[cursor.next], ring[cursor.next - 1].header
    if before.run == entry.header.run:
        cursor.last_delivered, cursor.unwanted = before.position, before.unwanted
    else:
        cursor.last_delivered = Position(entry.header.run, entry.segment.behind)


def resolve(cursor: EveryCursor) -> bool:
    """Find the place in the ring where a resumed subscriber goes on, once there is a ring."""
    ring, last = cursor.camera.ring, cursor.last_delivered
    if last is None or ring.first == ring.end:
        return False
    index = ring.index_after(last.run, last.sequence)
    cursor.next = ring.first if index is None else index
    cursor.resolved = True
    _count_from(cursor)
    return True


def _count_from(cursor: EveryCursor) -> None:
    """The cursor accounts for nothing that lies before its place."""
    camera, ring = cursor.camera, cursor.camera.ring
    if cursor.next < ring.end:
        entry = ring[cursor.next]
        cursor.accounted, cursor.lost = entry.numbered - 1, entry.lost
        had, header = cursor.last_delivered, entry.header
        if had is not None and had.run == header.run:  # but what it misses before that is
            cursor.accounted = max(0, entry.numbered - (header.sequence - had.sequence))
    else:
        cursor.accounted, cursor.lost = camera.numbered, camera.lost

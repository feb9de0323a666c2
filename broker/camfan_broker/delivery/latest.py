"""Mode `latest`: the newest frame of each camera, at most `max_fps` of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from camfan_broker.camera.account import MAX_FPS, NEWER, NOT_WANTED, UNSEEN, Account
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.camera.ring import RingEntry
from camfan_broker.delivery.balance import CreditBalance
from camfan_wire.due_time import DueTime, interval_ns
from camfan_wire.messages import Subscribe


@dataclass(slots=True)
class LatestCursor:
    """How far one subscriber is with one camera."""

    camera: TrackedCamera
    account: Account
    next: int  # index into the ring of the first entry that it has not seen or passed over
    accounted: int = 0  # how many of the camera's numbered frames are dealt with
    lost: int = 0  # how many of those never came
    due: DueTime = field(default_factory=DueTime)  # of the next frame (max_fps)
    served_at: int = 0  # a count of frames; the smallest is served next


class LatestReader:
    """Implements `Reader`.

    `accounts` are by camera, and outlive the reader. `before` is the reader that it replaces: a
    camera that stays goes on where it was, and what the subscriber has is not sent again.
    """

    def __init__(
        self,
        wishes: Subscribe,
        accounts: dict[str, Account],
        cameras: Iterable[TrackedCamera] = (),
        before: LatestReader | None = None,
    ) -> None:
        self.wishes = wishes
        self.credit = CreditBalance(wishes)
        self.cursors: dict[str, LatestCursor] = {}
        self._accounts = accounts
        self._interval_ns = interval_ns(wishes.max_fps)
        self._frames: int = 0 if before is None else before._frames
        self._next: tuple[LatestCursor, RingEntry] | None = None  # what `next` has returned
        for camera in cameras:
            known = None if before is None else before.cursors.get(camera.name)
            if known is None:
                self.add_camera(camera)
            else:
                self.cursors[camera.name] = known

    def add_camera(self, camera: TrackedCamera) -> None:
        if camera.name not in self.cursors:
            account = self._accounts.setdefault(camera.name, Account())
            since = self.wishes.since.get(camera.name)
            ring, newest = camera.ring, camera.ring.newest()
            cursor = LatestCursor(camera, account, max(ring.first, ring.end - 1))
            if newest is None or newest.header.position == since:  # which it has
                cursor.next, cursor.accounted, cursor.lost = ring.end, camera.numbered, camera.lost
            else:  # the last frame, at once
                cursor.accounted, cursor.lost = newest.numbered - 1, newest.lost
            self.cursors[camera.name] = cursor

    def next(self, now: int) -> RingEntry | None:
        best: LatestCursor | None = None
        for cursor in self.cursors.values():
            if cursor.next >= cursor.camera.ring.end or cursor.due.ns > now:
                continue
            if best is None or cursor.served_at < best.served_at:
                best = cursor
        newest = None if best is None else best.camera.ring.newest()
        if best is None or newest is None:
            return None
        self._next = best, newest
        return newest

    def sent(self, now: int) -> None:
        assert self._next is not None
        (cursor, entry), self._next = self._next, None
        _count(cursor, entry, NEWER if self._interval_ns is None else MAX_FPS)
        cursor.account.newest_went(entry, now=now)
        cursor.next = cursor.camera.ring.end
        cursor.accounted, cursor.lost = entry.numbered, entry.lost
        if self._interval_ns is not None:
            cursor.due.sent(now, self._interval_ns)
        self._frames += 1
        cursor.served_at = self._frames
        self.credit.spend(entry.header.size)

    def next_due(self) -> int | None:
        if self._interval_ns is None or not self.credit.frames:
            return None
        waiting = [c.due.ns for c in self.cursors.values() if c.next < c.camera.ring.end]
        return min(waiting, default=None)


def _count(cursor: LatestCursor, entry: RingEntry, why: str) -> None:
    """What became of the frames between the last one that was sent and this one."""
    account = cursor.account
    passed_over = cursor.camera.ring.end - 1 - cursor.next
    lost = entry.lost - cursor.lost
    unwanted = entry.numbered - 1 - cursor.accounted - passed_over - lost
    if passed_over:
        account.skipped[why] += passed_over
    if lost:
        account.lost[UNSEEN] += lost
    if unwanted:
        account.skipped[NOT_WANTED] += unwanted

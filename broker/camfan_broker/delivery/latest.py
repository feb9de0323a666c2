"""What each subscriber still has to get, in its mode: from the rings, and from repairs.

Nothing here sends: `delivery.py` asks a `Reader` what is next, and sends it.
"""

from __future__ import annotations

from collections.abc import Iterable

from camfan_broker.camera.account import MAX_FPS, NEWER, NOT_WANTED, UNSEEN, Account
from camfan_broker.camera.backlog import Item
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.camera.ring import RingEntry
from camfan_broker.delivery.every import NO_RUN, frame_sent, move, next_item
from camfan_broker.delivery.every_cursor import Cursor, start
from camfan_wire.header import Position
from camfan_wire.messages import MAX_CREDIT, Gap, Subscribe

LAST = 2**63  # ns: after everything that has come


class Reader:
    """One subscription: which cameras, in which mode, how far, and how much credit.

    `accounts` are by camera, and outlive the reader. `before` is the reader that it replaces: in
    `latest` a camera that stays goes on where it was, and what the subscriber has is not resent.
    """

    def __init__(
        self,
        wishes: Subscribe,
        accounts: dict[str, Account],
        cameras: Iterable[TrackedCamera] = (),
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

    def add_camera(self, camera: TrackedCamera) -> None:
        if camera.name not in self.cursors:
            account = self.accounts.setdefault(camera.name, Account())
            self.cursors[camera.name] = start(self.wishes, camera, account)

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

    def sent(self, cursor: Cursor, entry: RingEntry, now: int) -> None:
        """Note that an entry went out."""
        if self.wishes.mode == "latest":
            self._newest_sent(cursor, entry, now)
        else:
            frame_sent(cursor, entry)
        self._turn += 1
        cursor.turn = self._turn
        self.credit -= 1
        if self.window is not None:
            self.window -= entry.header.size

    def told(self, cursor: Cursor, gap: Gap) -> None:
        """Note that a gap was told."""
        move(cursor, cursor.account.gap_told(gap))
        if cursor.backlog is not None and cursor.backlog.at(cursor.place) is gap:
            cursor.place += 1
        # After the end of a run that nobody knows, the next one begins with its 0, or goes on.
        begins, cursor.rejoins = cursor.rejoins or NO_RUN, None
        cursor.last = begins if gap.last is None else Position(gap.run, gap.last)

    def _newest_sent(self, cursor: Cursor, entry: RingEntry, now: int) -> None:
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

    def _next_latest(self, now: int) -> tuple[Cursor, RingEntry] | None:
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


def _next_due(due_ns: int, now: int, interval_ns: int) -> int:
    """Counted from when it was due, so that frames that come a little late do not lower the rate;
    from now, if that is long ago.
    """
    late = now - due_ns < interval_ns // 2
    return (due_ns if late else now) + interval_ns

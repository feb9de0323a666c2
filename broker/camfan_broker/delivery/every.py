"""Mode `every`: all frames of each camera in order, and gaps in their place."""

from __future__ import annotations

from collections.abc import Iterable

from camfan_broker.camera.account import Account
from camfan_broker.camera.backlog import Item
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.delivery.balance import CreditBalance
from camfan_broker.delivery.every_cursor import EveryCursor, start
from camfan_broker.delivery.every_items import frame_sent, gap_sent, next_item
from camfan_wire.messages import Gap, Subscribe

LAST = 2**63  # ns: after everything that has come


class EveryReader:
    """Implements `Reader`. `accounts` are by camera, and outlive the reader."""

    def __init__(
        self,
        wishes: Subscribe,
        accounts: dict[str, Account],
        cameras: Iterable[TrackedCamera] = (),
    ) -> None:
        self.wishes = wishes
        self.credit = CreditBalance(wishes)
        self.cursors: dict[str, EveryCursor] = {}
        self._accounts = accounts
        self._next: tuple[EveryCursor, Item] | None = None  # what `next` has returned
        for camera in cameras:
            self.add_camera(camera)

    def add_camera(self, camera: TrackedCamera) -> None:
        if camera.name not in self.cursors:
            account = self._accounts.setdefault(camera.name, Account())
            self.cursors[camera.name] = start(self.wishes, camera, account)

    def next(self, now: int) -> Item | None:  # noqa: ARG002 - nothing waits for its time
        """The oldest arrival of all cameras; a camera that is being repaired waits alone."""
        best: tuple[EveryCursor, Item] | None = None
        best_ns = 0
        for cursor in self.cursors.values():
            arrived_ns = _arrival_ns(cursor)
            if arrived_ns is None or (best is not None and arrived_ns and arrived_ns >= best_ns):
                continue
            item = next_item(cursor)
            if item is not None:
                best, best_ns = (cursor, item), arrived_ns
        self._next = best
        return None if best is None else best[1]

    def sent(self, now: int) -> None:  # noqa: ARG002 - nothing waits for its time
        assert self._next is not None
        (cursor, item), self._next = self._next, None
        if isinstance(item, Gap):
            gap_sent(cursor, item)
        else:
            frame_sent(cursor, item)
            self.credit.spend(item.header.size)

    def next_due(self) -> int | None:
        return None


def _arrival_ns(cursor: EveryCursor) -> int | None:
    """When the next entry came, monotonic; 0 in a repair, None if there is nothing to look for."""
    if cursor.backlog is not None:
        return 0
    ring = cursor.camera.ring
    if cursor.next >= ring.end and cursor.camera.tail is None:
        return None
    index = max(cursor.next, ring.first)
    return ring[index].received_ns if index < ring.end else LAST

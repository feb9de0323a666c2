"""One subscription, as the sender sees it: what comes next, and how much credit there is.

`latest.py` and `every.py` have a reader each. Nothing in them sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from camfan_broker.camera.account import Account
from camfan_broker.camera.backlog import Item
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.delivery.balance import CreditBalance
from camfan_wire.messages import Subscribe


class Cursor(Protocol):
    """How far one subscriber is with one camera."""

    @property
    def camera(self) -> TrackedCamera: ...

    @property
    def account(self) -> Account: ...

    @property
    def accounted(self) -> int:
        """How many of the frames that the camera has numbered are dealt with."""


class Reader(Protocol):
    """A subscription in one mode. Belongs to the loop's thread."""

    wishes: Subscribe
    credit: CreditBalance

    @property
    def cursors(self) -> Mapping[str, Cursor]:
        """By camera."""

    def add_camera(self, camera: TrackedCamera) -> None:
        """The subscription includes this camera too, from now on."""

    def next(self, now: int) -> Item | None:
        """What to send now, given credit; None if nothing, or nothing before `next_due`."""

    def sent(self, now: int) -> None:
        """What `next` has returned last went out."""

    def next_due(self) -> int | None:
        """When something that waits for its time may go, monotonic ns; None if nothing waits."""


def held(cursor: Cursor) -> int:
    """Frames that the camera has numbered and that are not dealt with yet."""
    return max(0, cursor.camera.numbered - cursor.accounted)

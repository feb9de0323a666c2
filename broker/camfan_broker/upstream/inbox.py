"""What the links to other sites have brought, until the loop takes it.

The links put it here, on their threads; the loop takes it, and does not wait.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import zmq

from camfan_wire.errors import WireError
from camfan_wire.header import Header
from camfan_wire.messages import Gap, Repaired

WAITING = 64  # frames that the loop has not taken; full: the newest is dropped


@dataclass(frozen=True, slots=True)
class UpstreamFrame:
    """A checked frame with its header here. `late`: it answers a repair."""

    header: Header
    jpeg: zmq.Frame
    late: bool


@dataclass(frozen=True, slots=True)
class UpstreamGrant:
    """The answer of the other broker: cameras, each with the sites it came through."""

    upstream: str
    via: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class UpstreamRefusal:
    """A frame that was rejected."""

    camera: str  # its name here
    error: WireError


UpstreamItem = UpstreamFrame | UpstreamGrant | UpstreamRefusal | Gap | Repaired


class UpstreamInbox:
    """A queue that wakes the loop by a descriptor."""

    def __init__(self) -> None:
        self._items: deque[UpstreamItem] = deque()
        self._inner, self._outer = socket.socketpair()
        self._inner.setblocking(False)
        self._outer.setblocking(False)
        self.overrun = 0  # frames that were dropped

    def fileno(self) -> int:
        return self._inner.fileno()

    def put(self, item: UpstreamItem) -> None:
        """Any thread."""
        if isinstance(item, UpstreamFrame | UpstreamRefusal) and len(self._items) >= WAITING:
            self.overrun += 1
            return
        self._items.append(item)
        try:
            self._outer.send(b"\0")
        except (BlockingIOError, OSError):
            return  # it is awake already, or gone

    def take(self) -> Iterator[UpstreamItem]:
        """Everything that is there; the loop's thread."""
        try:
            while len(self._inner.recv(4096)) == 4096:
                pass
        except BlockingIOError:
            pass
        for _ in range(len(self._items)):
            yield self._items.popleft()

    def close(self) -> None:
        self._inner.close()
        self._outer.close()

"""Frames on their way from another site to this one: how they become ours, and where they wait.

The links put them here, on their threads; the loop takes them, and waits for nothing.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import zmq
from msgspec.structs import replace

from camfan_config import Limits
from camfan_wire.clock import ClockEstimate, SiteClock
from camfan_wire.errors import WireError
from camfan_wire.header import MAX_COUNT, MAX_NS, Header, Position
from camfan_wire.messages import Gap, Repaired

WAITING = 64  # frames that the loop has not taken; full: the newest is not taken over


@dataclass(frozen=True, slots=True)
class UpstreamFrame:
    """A frame, as it is known here. `late`: the answer to a repair."""

    header: Header
    jpeg: zmq.Frame
    late: bool


@dataclass(frozen=True, slots=True)
class UpstreamGrant:
    """The other broker has answered: the cameras that come, each with the sites it came through."""

    upstream: str
    via: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class UpstreamRefusal:
    """A frame that was not accepted."""

    camera: str  # its name here
    error: WireError


UpstreamItem = UpstreamFrame | UpstreamGrant | UpstreamRefusal | Gap | Repaired


class UpstreamInbox:
    """What the links have brought, for the loop, which is woken by a descriptor."""

    def __init__(self) -> None:
        self._items: deque[UpstreamItem] = deque()
        self._inner, self._outer = socket.socketpair()
        self._inner.setblocking(False)
        self._outer.setblocking(False)
        self.overrun = 0  # frames that were not taken over

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
        """All that is there; the loop's thread."""
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


class UpstreamCameraMap:
    """How one camera's frames become frames of this site. Safe on any thread."""

    def __init__(self, local: str, clock: SiteClock, limits: Limits) -> None:
        self.local = local
        self.limits = limits  # of this site
        self.whole = False  # somebody here has to get every frame
        self.newest: Position | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._unwanted = 0  # of the run, as the newest header said
        self._left = 0  # frames of the run that were left there, because nobody here wants them

    def take(self, header: Header, there: ClockEstimate) -> Header | None:
        """The header of a new frame here; None for a frame that is not new."""
        with self._lock:
            if self.newest is None or self.newest.run != header.run:
                last, unwanted, left = -1, 0, 0
            else:
                last, unwanted, left = self.newest.sequence, self._unwanted, self._left
            if header.sequence <= last:
                return None
            if not self.whole:
                left += max(header.sequence - last - 1 - (header.unwanted - unwanted), 0)
            self.newest, self._unwanted, self._left = header.position, header.unwanted, left
        return self.translate(header, there)

    def ago_ns(self, site_ns: int) -> int:
        """How long ago a time of this site's clock was."""
        return max(0, self._clock.now_ns() - site_ns)

    def translate(self, header: Header, there: ClockEstimate, *, late: bool = False) -> Header:
        """On this site's clock; `there` is what is known of the other's."""
        known, offset, error = there.offset(), header.offset, header.error
        if known is None or offset is None or error is None:
            offset = error = None
        else:
            apart = self._clock.now_ns() - time.monotonic_ns() - known.offset_ns
            offset, error = offset + apart, error + known.error_ns
            if not (-MAX_NS <= offset <= MAX_NS and error <= MAX_NS):
                offset = error = None  # no clock is so far off: nothing is known
        return replace(
            header,
            camera=self.local,
            offset=offset,
            error=error,
            epoch=None if offset is None else self._clock.epoch,
            late=late,
            unwanted=min(header.unwanted + self._left, MAX_COUNT),
        )

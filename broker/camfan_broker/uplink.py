"""The links to the broker of another site, on threads of their own, and what they bring.

A camera comes by one of two links: the one of those that somebody here watches, or the one of
those that nobody does, which get a picture now and then and ask nothing of the camera. Both give
the newest; what somebody here misses comes by a third link, of that camera alone (`fetch.py`).
Nothing here touches the loop: what comes is put into an `Arrivals`.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import zmq
from msgspec.structs import replace

from camfan_wire import messages
from camfan_wire.clock import SiteClock
from camfan_wire.credit import LatestWindow
from camfan_wire.errors import WireError
from camfan_wire.header import Header, Position, decode_header
from camfan_wire.link import Link, LinkUser
from camfan_wire.messages import Gap, Repaired, Status
from camfan_wire.topics import STATUSES, status_topic

LATELY_S = 6.0  # three statuses
WAITING = 256  # frames that the loop has not taken; full: the newest is not taken over


@dataclass(frozen=True, slots=True)
class Came:
    """A frame, as it is known here. `late`: the answer to a repair."""

    header: Header
    jpeg: zmq.Frame
    late: bool


@dataclass(frozen=True, slots=True)
class Granted:
    """The other broker has answered: the cameras that come, each with the sites it came through."""

    upstream: str
    via: Mapping[str, tuple[str, ...]]


Arrival = Came | Granted | Gap | Repaired


class Arrivals:
    """What the links have brought, for the loop, which is woken by a descriptor."""

    def __init__(self) -> None:
        self._items: deque[Arrival] = deque()
        self._inner, self._outer = socket.socketpair()
        self._inner.setblocking(False)
        self._outer.setblocking(False)
        self.overrun = 0  # frames that were not taken over

    def fileno(self) -> int:
        return self._inner.fileno()

    def put(self, item: Arrival) -> None:
        """Any thread."""
        if isinstance(item, Came) and len(self._items) >= WAITING:
            self.overrun += 1
            return
        self._items.append(item)
        try:
            self._outer.send(b"\0")
        except (BlockingIOError, OSError):
            return  # it is awake already, or gone

    def take(self) -> Iterator[Arrival]:
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


class Passage:
    """How one camera's frames become frames of this site. Safe on any thread."""

    def __init__(self, local: str, clock: SiteClock) -> None:
        self.local = local
        self.whole = False  # somebody here has to get every frame
        self.newest: Position | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._unwanted = 0  # of the run, as the newest header said
        self._left = 0  # frames of the run that were left there, because nobody here wants them

    def take(self, header: Header, link: Link) -> Header | None:
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
        return self.translate(header, link)

    def translate(self, header: Header, link: Link, *, late: bool = False) -> Header:
        """On this site's clock, which is as far from the other as the link's estimate says."""
        ours, offset, error = link.clock.offset(), header.offset, header.error
        if ours is None or offset is None or error is None:
            offset = error = None
        else:
            there = time.monotonic_ns() + ours.offset_ns
            offset, error = offset + self._clock.now_ns() - there, error + ours.error_ns
        return replace(
            header,
            camera=self.local,
            offset=offset,
            error=error,
            late=late,
            unwanted=header.unwanted + self._left,
        )


class Stream(LinkUser):
    """Newest frames of some cameras. Called on the link's thread, but for what says otherwise."""

    def __init__(
        self, passages: Mapping[str, Passage], put: Callable[[Came], None], *, idle: bool
    ) -> None:
        self.site: str | None = None  # of the other broker
        self.trouble: str | None = None
        self.refused: Mapping[str, str] = {}  # why a camera does not come, by its name there
        self.granted: Callable[[messages.Ready], None] = lambda _: None
        self._passages = passages  # by the camera's name there
        self._put = put
        self._idle = idle
        self._wanted: tuple[tuple[str, ...], float | None] = ((), None)
        self._window = LatestWindow()
        self._asked = 0  # subscriptions under way
        self._said: dict[str, tuple[Status, float]] = {}  # by node: and when, monotonic seconds

    def said(self, camera: str) -> Status | None:
        """What the node of a camera has said of itself lately; any thread."""
        status, heard = self._said.get(camera, (None, 0.0))
        return status if time.monotonic() - heard < LATELY_S else None

    def want(self, cameras: tuple[str, ...], max_fps: float | None) -> None:
        """Any thread: from now on these, by their names there."""
        if (cameras, max_fps) != self._wanted:
            self._wanted = cameras, max_fps
            self.link.ask_again()

    def wishes(self) -> messages.Subscribe:
        cameras, max_fps = self._wanted
        self._asked += 1
        had = {name: self._passages[name].newest for name in cameras}
        return messages.Subscribe(
            cameras=list(cameras),
            credit=self._window.restart(time.monotonic_ns()),
            max_fps=max_fps,
            since={name: newest for name, newest in had.items() if newest is not None},
            idle=self._idle,
            topics=[] if self._idle else [status_topic(n).decode() for n in self._passages][:64],
        )

    def on_topic(self, topic: bytes, body: bytes) -> None:
        if topic.startswith(STATUSES):
            with suppress(WireError):  # the broker there checked it; a newer one may know more
                status = messages.decode_status(body)
                self._said[status.node] = status, time.monotonic()

    def on_frame(self, parts: list[zmq.Frame]) -> None:
        try:
            header = decode_header(parts[1].buffer)
        except WireError:
            return  # the broker there checked it; a newer one may know headers that we do not
        self._give_credit(header)
        passage = self._passages.get(header.camera)
        here = None if passage is None else passage.take(header, self.link)
        if here is not None:
            self._put(Came(here, parts[2], late=False))

    def _give_credit(self, header: Header) -> None:
        if self._asked:
            return  # the subscription under way brings credit of its own
        clock, age, link = self.link.clock.offset(), None, self.link
        if header.offset is not None and clock is not None:
            age = link.clock.site_ns() - header.captured - header.offset
        round_trip = None if clock is None else 2 * clock.error_ns
        credit = self._window.arrived(time.monotonic_ns(), age, round_trip)
        if credit:
            link.send([messages.encode(messages.Credit(credit))])

    def on_message(self, message: messages.FromBroker) -> None:
        if isinstance(message, messages.Welcome):
            self._asked, self.site = 1, message.site
        elif isinstance(message, messages.Ready):
            self._asked = max(0, self._asked - 1)
            self.trouble, self.refused = None, message.refused
            self.granted(message)
        elif isinstance(message, messages.Refused):
            self.trouble = f"the broker there refused: {message.reason}"

"""One open page: what it can see, what is under way to it, and what it gets next.

A tile gets its newest frame whenever there is a newer one and the page has painted what was sent
before; the tile that was served longest ago is first. All pages share the bytes: header, JPEG and
the frame of the WebSocket around them are one buffer that is written once to each transport, which
costs half of what a task and two writes would.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from camfan_nodes.web.hub import Hub
from camfan_nodes.web.page_messages import (
    PageEcho,
    PageProbe,
    Painted,
    Want,
    decode_from_page,
    encode,
)
from camfan_nodes.web.principals import Principal
from camfan_nodes.web.send_window import SendWindow
from camfan_nodes.web.web_frame import WHOLE, Renditions, WebFrame, text_frame
from camfan_wire.due_time import NS_PER_S, DueTime, interval_ns
from camfan_wire.rate_limit import RateLimit

log = logging.getLogger(__name__)

MESSAGES_PER_S = 10.0  # of text; a page that is being resized sends a few a second
MESSAGE_BYTES = 1024  # a longer one counts as several
USER_MESSAGES_PER_S = 100.0  # of all pages of one user
MOST_UNSENT = 1_000_000  # bytes; a page with more gets nothing now, whatever it acknowledges
CLOSE_S = 3.0  # to close a page from this side

_COUNT = struct.Struct("<H")
_numbers = itertools.count(1)


@dataclass(slots=True, eq=False)
class _LiveTile:
    """One camera on the page."""

    width: int | None
    max_fps: float | None
    newest: WebFrame | None = None
    sent: int | None = None  # its serial; the frame itself need not be kept
    due: DueTime = field(default_factory=DueTime)
    served_at: int = 0  # a count of frames; the smallest is served next
    being_made: bool = False  # its rendition


@dataclass(slots=True)
class ClientCounts:
    sent: int = 0
    bytes: int = 0
    skipped: int = 0  # replaced by a newer one before the page could take it
    painted: Painted = field(default_factory=lambda: Painted(0))

    def add(self, other: ClientCounts) -> None:
        self.sent += other.sent
        self.bytes += other.bytes
        self.skipped += other.skipped


class LiveClient:
    """Belongs to the event loop."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        hub: Hub,
        renditions: Renditions,
        principal: Principal,
        address: str,
        rate_of_user: RateLimit,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.number = next(_numbers)
        self.principal = principal
        self.address = address
        self.opened_s = self.heard_s = clock()
        self.window = SendWindow()
        self.counts = ClientCounts()
        self._socket = socket
        self._transport = transport
        self._hub = hub
        self._renditions = renditions
        self._clock = clock
        self._places: dict[str, _LiveTile] = {}
        self._waiting: dict[str, _LiveTile] = {}  # those with a frame to send
        self._served = 0  # frames
        self._being_made = 0
        self._rate = RateLimit(MESSAGES_PER_S)
        self._rate_of_user = rate_of_user
        self._timer: asyncio.TimerHandle | None = None
        self._allowed = frozenset(principal.cameras)

    @property
    def tiles(self) -> int:
        return len(self._places)

    @property
    def rates(self) -> tuple[tuple[str, float], ...]:
        """The cameras with a limited rate, and their intervals in seconds."""
        return tuple((name, 1 / p.max_fps) for name, p in self._places.items() if p.max_fps)

    def interval_s(self, camera: str) -> float:
        place = self._places.get(camera)
        return 1 / place.max_fps if place is not None and place.max_fps else 0.0

    def frame_came(self, picture: WebFrame) -> None:
        camera = picture.frame.camera
        place = self._places[camera]
        if camera in self._waiting:
            self.counts.skipped += 1
        else:
            self._waiting[camera] = place
        place.newest = picture
        self._pump()

    async def serve(self) -> None:
        """Until the page disconnects. Raises ValueError for an invalid message."""
        try:
            async for message in self._socket:
                self.heard_s = self._clock()
                if message.type is WSMsgType.BINARY:
                    self._acknowledged(message.data)
                elif message.type is WSMsgType.TEXT:
                    self._said(message.data)
        finally:
            self._end_pictures()

    def say(self, text: str) -> None:
        """Sends a text message; does not wait for a page that no longer takes any."""
        if self._takes() and self._transport.get_write_buffer_size() < MOST_UNSENT:
            self._transport.write(text_frame(text))

    async def dismiss(self, code: int, reason: str) -> None:
        """Closes it from this side, even if it no longer takes anything."""
        self._end_pictures()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._socket.close(code=code, message=reason.encode())
        except TimeoutError:
            log.debug("page %d did not answer the close", self.number)
        if self._transport.get_write_buffer_size():
            self._transport.abort()

    def _end_pictures(self) -> None:
        self._places, self._waiting = {}, {}
        self._hub.wish(self, {})
        if self._timer is not None:
            self._timer.cancel()

    def _takes(self) -> bool:
        return not (self._socket.closed or self._transport.is_closing())

    # ---- messages of the page ----

    def _acknowledged(self, data: bytes) -> None:
        if len(data) != _COUNT.size:
            raise ValueError("an acknowledgement has two bytes")
        self.window.acknowledged(_COUNT.unpack(data)[0], self.heard_s)
        self._pump()

    def _said(self, text: str) -> None:
        cost = 1 + len(text) / MESSAGE_BYTES
        if not (self._rate.allows(cost) and self._rate_of_user.allows(cost)):
            raise ValueError("too many messages")
        message = decode_from_page(text)
        if isinstance(message, Want):
            self._want(message)
        elif isinstance(message, PageProbe):
            if message.round_trip is not None:
                self.window.round_trip_s = message.round_trip / 1000
            site_ms = self._hub.site_ns() / 1e6
            self.say(encode(PageEcho(message.sent, site_ms, self._hub.clock_error_ms())))
        else:
            self.counts.painted = message

    def _want(self, want: Want) -> None:
        places: dict[str, _LiveTile] = {}
        for tile in want.tiles:
            if tile.camera not in self._allowed:
                continue  # as if it did not exist
            place = self._places.get(tile.camera)
            if place is None:
                place = _LiveTile(tile.width, tile.fps, self._hub.newest.get(tile.camera))
            elif tile.width is None or (place.width is not None and tile.width > place.width):
                place.sent = None  # it is larger now: the same frame again, in more detail
            place.width, place.max_fps = tile.width, tile.fps
            places[tile.camera] = place
        self._places = places
        self._waiting = {name: place for name, place in places.items() if _is_new(place)}
        self._hub.wish(self, {name: place.max_fps for name, place in places.items()})
        self._pump()

    # ---- frames for the page ----

    def _pump(self) -> None:
        """Sends what may be sent now."""
        while (
            self._waiting
            and self.window.under_way + self._being_made < self.window.size
            and self._takes()
            and self._transport.get_write_buffer_size() < MOST_UNSENT
        ):
            camera = self._next()
            if camera is None:
                return
            self._choose(self._waiting.pop(camera))

    def _choose(self, place: _LiveTile) -> None:
        """This tile gets its newest frame, now or when its rendition is made."""
        picture = place.newest
        assert picture is not None
        place.sent = picture.serial
        self._served += 1
        place.served_at = self._served
        between_ns = interval_ns(place.max_fps)
        if between_ns is not None:
            place.due.sent(self._now_ns(), between_ns)
        eighths = self._renditions.eighths(picture, place.width)
        if eighths == WHOLE:
            self._send(picture.message())
        else:
            self._being_made += 1
            place.being_made = True
            making = self._renditions.message(picture, eighths)
            making.add_done_callback(lambda made: self._made(place, made))

    def _made(self, place: _LiveTile, made: asyncio.Future[bytes]) -> None:
        self._being_made -= 1
        place.being_made = False
        if made.cancelled():
            return  # the server ends
        if self._takes() and place in self._places.values():
            self._send(made.result())
        self._pump()

    def _send(self, message: bytes) -> None:
        self._transport.write(message)
        self.window.sent(self._clock())
        self.counts.sent += 1
        self.counts.bytes += len(message)

    def _next(self) -> str | None:
        """The camera to serve now; None: nothing yet, and a timer is set for what waits."""
        now_ns = self._now_ns()
        ready = [(n, p) for n, p in self._waiting.items() if not p.being_made]
        due = [(name, place) for name, place in ready if _is_due(place, now_ns)]
        if due:
            return min(due, key=lambda one: one[1].served_at)[0]
        if ready:
            self._pump_at((min(place.due.ns for _, place in ready) - now_ns) / NS_PER_S)
        return None

    def _now_ns(self) -> int:
        return int(self._clock() * NS_PER_S)

    def _pump_at(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._pump)


def _is_new(place: _LiveTile) -> bool:
    return place.newest is not None and place.newest.serial != place.sent


def _is_due(place: _LiveTile, now_ns: int) -> bool:
    return place.max_fps is None or place.due.ns <= now_ns

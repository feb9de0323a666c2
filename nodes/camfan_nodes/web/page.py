"""One open page: what it can see, what is under way to it, and what it gets next.

The writer sends a picture whenever there is a newer one for a place on the page that waited
longest, and the page has painted what came before. It never sends one that is not the newest.
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

from camfan_nodes.web.access import Principal
from camfan_nodes.web.hub import Hub
from camfan_nodes.web.page_messages import (
    Echo,
    Painted,
    Probe,
    Want,
    decode_from_page,
    encode,
)
from camfan_nodes.web.picture import Picture, Renditions
from camfan_nodes.web.window import Window

log = logging.getLogger(__name__)

_COUNT = struct.Struct("<H")
_numbers = itertools.count(1)


@dataclass(slots=True)
class _Place:
    """One camera on the page."""

    width: int | None
    interval_s: float
    newest: Picture | None = None
    sent: int | None = None  # its serial; the picture itself need not be kept
    due_s: float = 0.0
    turn: int = 0


@dataclass(slots=True)
class Counts:
    sent: int = 0
    bytes: int = 0
    skipped: int = 0  # replaced by a newer one before the page could take it
    painted: Painted = field(default_factory=lambda: Painted(0))

    def add(self, other: Counts) -> None:
        self.sent += other.sent
        self.bytes += other.bytes
        self.skipped += other.skipped


class Page:
    """Belongs to the event loop."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        hub: Hub,
        renditions: Renditions,
        principal: Principal,
        address: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.number = next(_numbers)
        self.principal = principal
        self.address = address
        self.opened_s = clock()
        self.window = Window()
        self.counts = Counts()
        self._socket = socket
        self._hub = hub
        self._renditions = renditions
        self._clock = clock
        self._places: dict[str, _Place] = {}
        self._turn = 0
        self._state: str | None = None  # to be told; a newer one replaces it
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._allowed = frozenset(principal.cameras)

    @property
    def tiles(self) -> int:
        return len(self._places)

    def picture_came(self, picture: Picture) -> None:
        place = self._places[picture.frame.camera]
        if _is_new(place):
            self.counts.skipped += 1
        place.newest = picture
        if self.window.open:
            self._wake.set()

    async def serve(self) -> None:
        """Until the page leaves."""
        writer = asyncio.create_task(self._write())
        try:
            async for message in self._socket:
                if message.type is WSMsgType.BINARY:
                    self._acknowledged(message.data)
                elif message.type is WSMsgType.TEXT:
                    await self._said(message.data)
        finally:
            self._hub.wish(self, {})
            if self._timer is not None:
                self._timer.cancel()
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    def tell(self, state: str) -> None:
        """To be sent when the page takes something again; nobody waits for it."""
        self._state = state
        self._wake.set()

    async def say(self, text: str) -> None:
        """A text message; a page that takes none any more is not waited for."""
        if not self._socket.closed:
            try:
                await self._socket.send_str(text)
            except (ConnectionError, RuntimeError):
                return

    async def dismiss(self, code: int, reason: str) -> None:
        """Close it from this side."""
        await self._socket.close(code=code, message=reason.encode())

    # ---- what the page says ----

    def _acknowledged(self, data: bytes) -> None:
        if len(data) != _COUNT.size:
            raise ValueError("an acknowledgement has two bytes")
        self.window.acknowledged(_COUNT.unpack(data)[0], self._clock())
        self._wake.set()

    async def _said(self, text: str) -> None:
        message = decode_from_page(text)
        if isinstance(message, Want):
            self._want(message)
        elif isinstance(message, Probe):
            if message.round_trip is not None:
                self.window.round_trip_s = message.round_trip / 1000
            site_ms = self._hub.site_ns() / 1e6
            await self.say(encode(Echo(message.sent, site_ms, self._hub.clock_error_ms())))
        else:
            self.counts.painted = message

    def _want(self, want: Want) -> None:
        places: dict[str, _Place] = {}
        for tile in want.tiles:
            if tile.camera not in self._allowed:
                continue  # as if it did not exist
            interval_s = 0.0 if tile.fps is None else 1 / tile.fps
            place = self._places.get(tile.camera)
            if place is None:
                place = _Place(tile.width, interval_s, self._hub.newest.get(tile.camera))
            elif tile.width is None or (place.width is not None and tile.width > place.width):
                place.sent = None  # it is shown larger now: the same picture again, but better
            place.width, place.interval_s = tile.width, interval_s
            places[tile.camera] = place
        self._places = places
        self._hub.wish(self, {name: _rate(place) for name, place in places.items()})
        self._wake.set()

    # ---- what the page gets ----

    async def _write(self) -> None:
        try:
            while not self._socket.closed:
                if self._state is not None:
                    state, self._state = self._state, None
                    await self._socket.send_str(state)
                place = self._next()
                if place is None:
                    await self._wake.wait()
                else:
                    await self._send(place)
        except (ConnectionError, RuntimeError) as exc:
            log.debug("page %d: %s", self.number, exc)  # it left while a picture was sent

    async def _send(self, place: _Place) -> None:
        picture = place.newest
        assert picture is not None
        now_s = self._clock()
        place.sent = picture.serial
        self._turn += 1
        place.turn = self._turn
        if place.interval_s:
            late = now_s - place.due_s < place.interval_s / 2
            place.due_s = (place.due_s if late else now_s) + place.interval_s
        eighths = self._renditions.eighths(picture, place.width)
        message = await self._renditions.message(picture, eighths)
        self.window.sent(self._clock())
        self.counts.sent += 1
        self.counts.bytes += len(message)
        await self._socket.send_bytes(message)

    def _next(self) -> _Place | None:
        """The place to serve now; None: nothing yet, and `_wake` is set when there is."""
        self._wake.clear()
        if not self.window.open:
            return None
        best: _Place | None = None
        soonest_s: float | None = None
        now_s = self._clock()
        for place in self._places.values():
            if not _is_new(place):
                continue
            if place.due_s > now_s:
                soonest_s = place.due_s if soonest_s is None else min(soonest_s, place.due_s)
            elif best is None or place.turn < best.turn:
                best = place
        if best is None and soonest_s is not None:
            self._wake_at(soonest_s - now_s)
        return best

    def _wake_at(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._wake.set)


def _is_new(place: _Place) -> bool:
    return place.newest is not None and place.newest.serial != place.sent


def _rate(place: _Place) -> float | None:
    return 1 / place.interval_s if place.interval_s else None

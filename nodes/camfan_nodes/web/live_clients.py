"""All open pages: accepting them, sending them the state of the site, counting them."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from aiohttp import web
from msgspec import Struct

from camfan import Event
from camfan_config.site.pace import StateLimits
from camfan_nodes.web.guard import Guard
from camfan_nodes.web.hub import Hub
from camfan_nodes.web.live_client import USER_MESSAGES_PER_S, ClientCounts, LiveClient
from camfan_nodes.web.overview import Overviews
from camfan_nodes.web.page_messages import (
    MAX_BYTES,
    Notice,
    PageHello,
    ReportedCamera,
    SiteState,
    encode,
)
from camfan_nodes.web.principals import Principal
from camfan_nodes.web.request_values import principal_of
from camfan_nodes.web.web_frame import Renditions
from camfan_wire.figures import WebFigures, counter, gauge
from camfan_wire.rate_limit import RateLimit

log = logging.getLogger(__name__)

SILENCE_S = 90.0  # without a message a page is gone; browsers slow down hidden pages
TELL_S = 1.0
LATELY = 20  # notices in the list beside the pictures

LOGGED_OUT = 4401  # close codes of ours
BAD_MESSAGE = 4400
GONE = 1001


class ClientInfo(Struct, frozen=True, kw_only=True):
    """One open page."""

    number: int
    user: str
    address: str
    open_s: Annotated[float, gauge("Time since the page was opened", "s")]
    tiles: Annotated[int, gauge("Cameras that can be seen on the page now")]
    sent: Annotated[int, counter("Frames sent to the page", "frames")]
    sent_bytes: Annotated[int, counter("Bytes of frames sent to the page", "bytes")]
    skipped: Annotated[
        int,
        counter("Frames that a newer one replaced before the page could take them", "frames"),
    ]
    window: Annotated[int, gauge("Frames that may be under way", "frames")]
    under_way: Annotated[int, gauge("Frames under way", "frames")]
    taken_ms: Annotated[float | None, gauge("Sending a frame to its painting, smoothed", "ms")]
    painted: Annotated[int, counter("Frames that the page has painted", "frames")]
    age_p50_ms: Annotated[
        float | None, gauge("Exposure to painting, the median of recent frames", "ms")
    ]
    age_p95_ms: Annotated[
        float | None, gauge("Exposure to painting, the 95th percentile of recent frames", "ms")
    ]
    undecodable: Annotated[int, counter("Frames that the page could not decode", "frames")]


@dataclass(frozen=True, slots=True)
class PageContext:
    """What a page is served with."""

    hub: Hub
    overviews: Overviews
    renditions: Renditions
    guard: Guard
    version: str


class LiveClients:
    """Belongs to the event loop."""

    def __init__(self, context: PageContext) -> None:
        self._context = context
        self._open: dict[LiveClient, web.Request] = {}  # and the request that opened it
        self._rates: dict[tuple[str, str], RateLimit] = {}  # by user or token of the site file
        self._dismissed: set[LiveClient] = set()  # and not closed yet
        self._ended = ClientCounts()
        self._news = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()
        context.hub.on_event(self._event)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The WebSocket of a page."""
        principal = principal_of(request)
        socket = web.WebSocketResponse(compress=False, max_msg_size=MAX_BYTES, timeout=2.0)
        await socket.prepare(request)
        transport = request.transport
        if transport is None:
            return socket  # it has disconnected already
        context = self._context
        address = context.guard.proxies.origin(request).client
        page = LiveClient(
            socket,
            transport,
            context.hub,
            context.renditions,
            principal,
            address,
            self._rate(principal),
        )
        self._open[page] = request
        try:
            page.say(encode(self._hello(principal)))
            page.say(self._state(page))
            await page.serve()
        except ValueError as exc:
            log.info("page %d of %s: %s", page.number, principal.name, exc)
            await page.dismiss(BAD_MESSAGE, str(exc)[:100])
        except ConnectionError:
            log.debug("page %d has disconnected", page.number)
        finally:
            del self._open[page]
            self._dismissed.discard(page)
            self._ended.add(page.counts)
        return socket

    def _rate(self, principal: Principal) -> RateLimit:
        """The message rate of all pages of a user; without users each page has its own."""
        if principal.kind == "anybody":
            return RateLimit(USER_MESSAGES_PER_S)
        key = (principal.kind, principal.name)
        return self._rates.setdefault(key, RateLimit(USER_MESSAGES_PER_S))

    def end_logged_out(self) -> None:
        """Close the pages whose login, user or token is gone."""
        guard = self._context.guard
        gone = [page for page, request in self._open.items() if not guard.is_still_in(request)]
        for page in gone:
            self._dismiss(page, LOGGED_OUT, "logged out")

    def _forget_silent(self) -> None:
        """Closes pages that do not ask for the time, as each does every two seconds."""
        silent_s = time.monotonic() - SILENCE_S
        for page in [page for page in self._open if page.heard_s < silent_s]:
            self._dismiss(page, GONE, "silent")

    def _dismiss(self, page: LiveClient, code: int, reason: str) -> None:
        if page in self._dismissed:
            return
        self._dismissed.add(page)
        task = asyncio.ensure_future(page.dismiss(code, reason))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def tell(self) -> None:
        """Sends the state of the site to all pages, each second and on each event, for ever."""
        while True:
            self._context.overviews.refresh()
            states: dict[object, str] = {}
            self._forget_silent()
            for page in self._open:
                same = page.principal.cameras, page.rates
                if same not in states:
                    states[same] = self._state(page)
                page.say(states[same])
            if not self._context.hub.connected:
                self._context.hub.when_back(self._news.set)
            with suppress(TimeoutError):
                async with asyncio.timeout(TELL_S):
                    await self._news.wait()
            self._news.clear()

    async def close(self) -> None:
        await asyncio.gather(*(page.dismiss(GONE, "the server ends") for page in list(self._open)))

    def clients(self, principal: Principal) -> list[ClientInfo]:
        """All of them for an owner of all cameras; for others their own."""
        everybody = principal.may("owner") and principal.sees_all
        pages = [p for p in self._open if everybody or p.principal == principal]
        return [_client(page) for page in pages]

    def figures(self) -> WebFigures:
        """Of all pages together, closed ones included. Any thread."""
        pages = list(self._open)
        counts = ClientCounts()
        for one in (self._ended, *(page.counts for page in pages)):
            counts.add(one)
        return WebFigures(
            pages=len(pages),
            sent=counts.sent,
            sent_bytes=counts.bytes,
            skipped=counts.skipped,
        )

    def _event(self, event: Event) -> None:
        if event.state != "update":
            self._news.set()

    def _hello(self, principal: Principal) -> PageHello:
        numbers = {name: number for number, name in enumerate(self._context.hub.cameras)}
        return PageHello(
            site=self._context.hub.site.site,
            camfan=self._context.version,
            user=principal.name,
            role=principal.role,
            kind=principal.kind,
            cameras={name: numbers[name] for name in principal.cameras},
            titles={
                name: title
                for name in principal.cameras
                if (title := self._context.hub.site.cameras[name].title) is not None
            },
        )

    def _state(self, page: LiveClient) -> str:
        principal = page.principal
        hub, overviews = self._context.hub, self._context.overviews
        cameras = {
            one.name: ReportedCamera(
                state=one.state,
                **_milliseconds(hub.limits(one.name).at_least(page.interval_s(one.name))),
                trouble=one.trouble,
                moving=hub.moving(one.name),
                lost=one.lost_last_minute,
                recorders=one.recorders,
            )
            for one in overviews.cameras(principal)
        }
        seen = set(principal.cameras)
        lately = [
            Notice(event.id, event.time / 1e6, event.kind, event.source, event.camera)
            for event in reversed(hub.events)
            if event.camera in seen or (event.camera is None and principal.sees_all)
        ]
        needs = overviews.needs(principal)
        return encode(SiteState(hub.connected, cameras, needs, lately[:LATELY]))


def _milliseconds(limits: StateLimits) -> dict[str, float]:
    return {
        "late": 1000 * limits.late_s,
        "stale": 1000 * limits.stale_s,
        "offline": 1000 * limits.offline_s,
    }


def _client(page: LiveClient) -> ClientInfo:
    taken_s, painted = page.window.taken_s, page.counts.painted
    return ClientInfo(
        number=page.number,
        user=page.principal.name,
        address=page.address,
        open_s=round(time.monotonic() - page.opened_s, 1),
        tiles=page.tiles,
        sent=page.counts.sent,
        sent_bytes=page.counts.bytes,
        skipped=page.counts.skipped,
        window=page.window.size,
        under_way=page.window.under_way,
        taken_ms=None if taken_s is None else round(taken_s * 1000, 1),
        painted=painted.frames,
        age_p50_ms=painted.age_p50,
        age_p95_ms=painted.age_p95,
        undecodable=painted.undecodable,
    )

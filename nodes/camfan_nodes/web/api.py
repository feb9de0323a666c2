"""The JSON API; `openapi.py` describes it from the same types."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from camfan import Event
from camfan_config import Site, title_of
from camfan_nodes.web.guard import principal_of
from camfan_nodes.web.live_clients import ClientInfo, LiveClients, PageContext
from camfan_nodes.web.overview import CameraInfo, Overview
from camfan_nodes.web.principals import Principal
from camfan_wire.rate_limit import RateLimit

MOST_EVENTS = 500
CHANGES_PER_S = 2.0  # of settings, by one user, and 40 s' worth at once


class Me(Struct, frozen=True, kw_only=True):
    """Who asks."""

    name: str
    role: str
    kind: str  # user, token or anybody
    cameras: list[str]


class CameraList(Struct, frozen=True, kw_only=True):
    cameras: list[CameraInfo]


class ClientList(Struct, frozen=True, kw_only=True):
    clients: list[ClientInfo]


class EventInfo(Struct, frozen=True, kw_only=True):
    """Something that began."""

    id: str
    time: float  # ms on the site's clock
    kind: str
    source: str
    camera: str | None
    title: str | None  # what people call the camera; its name if it has no title


class EventList(Struct, frozen=True, kw_only=True):
    events: list[EventInfo]  # newest first


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a camera is to change while it runs; null or absent: as in the site file."""

    fps: Annotated[float, Meta(gt=0, le=1000)] | None = None
    quality: Annotated[int, Meta(ge=1, le=100)] | None = None


class Api:
    """The handlers. Belongs to the event loop."""

    def __init__(self, context: PageContext, pages: LiveClients) -> None:
        self._context = context
        self._pages = pages
        self._changes: defaultdict[str, RateLimit] = defaultdict(lambda: RateLimit(CHANGES_PER_S))

    async def me(self, request: web.Request) -> web.Response:
        one = principal_of(request)
        return _json(Me(name=one.name, role=one.role, kind=one.kind, cameras=list(one.cameras)))

    async def status(self, request: web.Request) -> web.Response:
        overview: Overview = self._context.overviews.overview(principal_of(request))
        return _json(overview)

    async def cameras(self, request: web.Request) -> web.Response:
        found = self._context.overviews.cameras(principal_of(request))
        return _json(CameraList(cameras=found))

    async def camera(self, request: web.Request) -> web.Response:
        name = _camera(request, principal_of(request))
        found = self._context.overviews.cameras(principal_of(request))
        return _json(next(one for one in found if one.name == name))

    async def clients(self, request: web.Request) -> web.Response:
        return _json(ClientList(clients=self._pages.clients(principal_of(request))))

    async def events(self, request: web.Request) -> web.Response:
        principal = principal_of(request)
        limit = _limit(request)
        seen = set(principal.cameras)
        found = [
            _event(self._context.hub.site, event)
            for event in reversed(self._context.hub.events)
            if event.camera in seen or (event.camera is None and principal.sees_all)
        ]
        return _json(EventList(events=found[:limit]))

    async def set_camera(self, request: web.Request) -> web.Response:
        principal = principal_of(request)
        name = _camera(request, principal)
        if not principal.may("operator"):
            raise web.HTTPForbidden(text="only operators and owners may set a camera\n")
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="settings are JSON\n")
        try:
            settings = msgspec.json.decode(await request.read(), type=Settings)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise web.HTTPBadRequest(text=f"not settings: {exc}\n") from exc
        if not self._changes[principal.name].allows():
            raise web.HTTPTooManyRequests(text="too many changes\n", headers={"Retry-After": "1"})
        if not self._context.overviews.answers(name):
            raise web.HTTPConflict(text=f"the node of {name} does not answer\n")
        self._context.hub.set_camera(name, fps=settings.fps, quality=settings.quality)
        return _json(settings, status=202)


def _json(body: Struct, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _camera(request: web.Request, principal: Principal) -> str:
    name = request.match_info["camera"]
    if name not in principal.cameras:
        raise web.HTTPNotFound(text="there is no such camera for you\n")
    return name


def _limit(request: web.Request) -> int:
    said = request.query.get("limit", str(MOST_EVENTS))
    if not (
        said.isascii() and said.isdecimal() and len(said) <= 4 and 1 <= int(said) <= MOST_EVENTS
    ):
        raise web.HTTPBadRequest(text=f"limit is a number from 1 to {MOST_EVENTS}\n")
    return int(said)


def _event(site: Site, event: Event) -> EventInfo:
    known = event.camera is not None and event.camera in site.cameras
    return EventInfo(
        id=event.id,
        time=event.time / 1e6,
        kind=event.kind,
        source=event.source,
        camera=event.camera,
        title=title_of(site, event.camera) if known and event.camera else event.camera,
    )

"""The JSON API; `openapi.py` describes it from the same types."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from camfan import Event
from camfan_config import Site, title_of
from camfan_nodes.shared.http_values import json_response
from camfan_nodes.web.live_clients import ClientInfo, LiveClients, PageContext
from camfan_nodes.web.overview import CameraInfo
from camfan_nodes.web.request_values import (
    body_of,
    camera_of,
    principal_of,
    query_of,
)

MOST_EVENTS = 500


class Me(Struct, frozen=True, kw_only=True):
    """The user or token of the request."""

    name: str
    role: str
    kind: str  # user, token or anybody
    cameras: list[str]


class CameraList(Struct, frozen=True, kw_only=True):
    cameras: list[CameraInfo]


class ClientList(Struct, frozen=True, kw_only=True):
    clients: list[ClientInfo]


class EventInfo(Struct, frozen=True, kw_only=True):
    """An event that began."""

    id: str
    time: float  # ms on the site's clock
    kind: str
    source: str
    camera: str | None
    title: str | None  # of the camera; its name if it has none


class EventQuery(Struct, frozen=True):
    """How many events."""

    limit: Annotated[int, Meta(ge=1, le=MOST_EVENTS)] = MOST_EVENTS


class EventList(Struct, frozen=True, kw_only=True):
    events: list[EventInfo]  # newest first


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change in a running camera; null or absent: as in the site file."""

    fps: Annotated[float, Meta(gt=0, le=1000)] | None = None
    quality: Annotated[int, Meta(ge=1, le=100)] | None = None


class Api:
    """The handlers. Belongs to the event loop."""

    def __init__(self, context: PageContext, pages: LiveClients) -> None:
        self._context = context
        self._pages = pages

    async def me(self, request: web.Request) -> web.Response:
        one = principal_of(request)
        body = Me(name=one.name, role=one.role, kind=one.kind, cameras=list(one.cameras))
        return json_response(body)

    async def status(self, request: web.Request) -> web.Response:
        return json_response(self._context.overviews.overview(principal_of(request)))

    async def cameras(self, request: web.Request) -> web.Response:
        found = self._context.overviews.cameras(principal_of(request))
        return json_response(CameraList(cameras=found))

    async def camera(self, request: web.Request) -> web.Response:
        name = camera_of(request)
        found = self._context.overviews.cameras(principal_of(request))
        return json_response(next(one for one in found if one.name == name))

    async def clients(self, request: web.Request) -> web.Response:
        return json_response(ClientList(clients=self._pages.clients(principal_of(request))))

    async def events(self, request: web.Request) -> web.Response:
        principal = principal_of(request)
        seen = set(principal.cameras)
        found = [
            _event(self._context.hub.site, event)
            for event in reversed(self._context.hub.events)
            if event.camera in seen or (event.camera is None and principal.sees_all)
        ]
        return json_response(EventList(events=found[: query_of(request, EventQuery).limit]))

    async def set_camera(self, request: web.Request) -> web.Response:
        """Raises HTTPConflict while the node of the camera does not answer."""
        name, settings = camera_of(request), body_of(request, Settings)
        if not self._context.overviews.answers(name):
            raise web.HTTPConflict(text=f"the node of {name} does not answer\n")
        self._context.hub.set_camera(name, fps=settings.fps, quality=settings.quality)
        return json_response(settings, status=202)


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

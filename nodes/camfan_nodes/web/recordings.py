"""Recordings: what a recorder answers, for the cameras that a user may see."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import aiohttp
import msgspec
from aiohttp import web
from msgspec import Struct

from camfan_nodes.recordings_http.answers import (
    CameraRecording,
    ProtectedInfo,
    ProtectedTime,
    QueryAtRecorder,
    RecordedCameraInfo,
    RecordedCameraList,
    RecordedEventList,
    UnprotectWish,
)
from camfan_nodes.recordings_http.client import RecorderClient, RecorderClients
from camfan_nodes.shared.http_values import json_response
from camfan_nodes.web.guard import Guard, headers_for
from camfan_nodes.web.request_values import body_of, camera_of, principal_of, query_of

CHUNK = 65_536
LOGIN_S = 0.5  # between two checks of the login of an open stream
WRITE_S = 10.0  # that a client may take nothing
KEPT_HEADERS = (
    *("Content-Type", "Content-Length", "Content-Range", "Accept-Ranges", "Cache-Control", "ETag"),
    *("X-Timestamp", "X-Camfan-Run", "X-Camfan-Sequence", "Retry-After"),
)
ASKED_HEADERS = ("Range", "If-Range", "If-None-Match")


class RecordingCatalogue(Struct, frozen=True, kw_only=True):
    """All cameras with recordings."""

    cameras: list[RecordedCameraInfo]
    troubles: list[str]  # a sentence for each recorder that could not be asked


class RecordingRoutes:
    """The handlers. Belongs to the event loop."""

    def __init__(self, recorders: RecorderClients, guard: Guard) -> None:
        self._recorders = recorders
        self._guard = guard

    async def catalogue(self, request: web.Request) -> web.Response:
        """What each recorder has; one that does not answer is named."""
        seen = set(principal_of(request).cameras)
        answers = await asyncio.gather(*(self._listed(one) for one in self._recorders.all()))
        cameras = [one for found in answers if isinstance(found, list) for one in found]
        return json_response(
            RecordingCatalogue(
                cameras=[one for one in cameras if one.camera in seen],
                troubles=[one for one in answers if isinstance(one, str)],
            )
        )

    async def camera(self, request: web.Request) -> web.Response:
        return await self._json(request, "", CameraRecording)

    async def events(self, request: web.Request) -> web.Response:
        return await self._json(request, "/events", RecordedEventList)

    async def protect(self, request: web.Request) -> web.Response:
        return await self._json(request, "/protect", ProtectedInfo, body_of(request, ProtectedTime))

    async def unprotect(self, request: web.Request) -> web.Response:
        wish = body_of(request, UnprotectWish)
        return await self._json(request, "/unprotect", ProtectedInfo, wish)

    async def frame(self, request: web.Request) -> web.StreamResponse:
        return await self._passed(request, "/frame")

    async def frames(self, request: web.Request) -> web.StreamResponse:
        return await self._passed(request, "/frames")

    async def _listed(self, client: RecorderClient) -> list[RecordedCameraInfo] | str:
        try:
            found = await client.read(self._recorders.session, "", {}, RecordedCameraList)
        except web.HTTPException as exc:
            return (exc.text or "").strip()
        return found.cameras

    async def _json(
        self, request: web.Request, path: str, kind: type[Struct], body: Struct | None = None
    ) -> web.Response:
        camera, client, query = self._asked(request)
        session = self._recorders.session
        return json_response(await client.read(session, f"/{camera}{path}", query, kind, body))

    async def _passed(self, request: web.Request, path: str) -> web.StreamResponse:
        """The answer of the recorder as it comes, for as long as the login is valid."""
        camera, client, query = self._asked(request)
        asked = {name: request.headers[name] for name in ASKED_HEADERS if name in request.headers}
        session = self._recorders.session
        async with client.ask(session, f"/{camera}{path}", query, asked) as answer:
            if answer.status not in (200, 206, 304):
                raise client.passed_on(answer, await answer.content.read(1000))
            headers = {n: answer.headers[n] for n in KEPT_HEADERS if n in answer.headers}
            response = web.StreamResponse(status=answer.status, headers=headers)
            response.headers.update(headers_for(request))
            await response.prepare(request)
            if not await self._copy(request, answer, response) and request.transport is not None:
                request.transport.abort()  # it is not complete, and must not look like it
            return response

    async def _copy(
        self, request: web.Request, answer: aiohttp.ClientResponse, response: web.StreamResponse
    ) -> bool:
        """Whether all of it was sent."""
        checked_s = time.monotonic()
        with suppress(ConnectionResetError, TimeoutError, aiohttp.ClientError):
            async for chunk in answer.content.iter_chunked(CHUNK):
                async with asyncio.timeout(WRITE_S):
                    await response.write(chunk)
                if time.monotonic() - checked_s > LOGIN_S:
                    checked_s = time.monotonic()
                    if not self._guard.is_still_in(request):
                        return False
            await response.write_eof()
            return True
        return False

    def _asked(self, request: web.Request) -> tuple[str, RecorderClient, dict[str, str]]:
        """Camera, recorder, and the query for it. Raises HTTPNotFound."""
        camera, query = camera_of(request), query_of(request, QueryAtRecorder)
        values = msgspec.to_builtins(query)
        recorder = values.pop("recorder")
        passed = {name: str(value) for name, value in values.items() if value is not None}
        return camera, self._recorders.of(camera, recorder), passed

"""The HTTP server of a recorder: reads its recordings, and never makes the recorder wait.

It is a process of its own, with a limit for everything that a client can ask of it. Which camera a
person may see is decided by the web server, the only client that has its key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from aiohttp import web
from msgspec import Struct

from camfan import FrameLostError, Recording, RecordingError, Site, UnknownCameraError
from camfan.identity import KeyFile, client_keys
from camfan_config import is_loopback
from camfan_nodes.recordings_http.answers import (
    BASE,
    RECORDER_HEADER,
    FrameQuery,
    FramesQuery,
    ProtectedTime,
    RecordedCameraList,
    RecordingRange,
    UnprotectWish,
    last_ns,
)
from camfan_nodes.recordings_http.frame_answers import frame_parts, frame_response, send_frames
from camfan_nodes.recordings_http.proof import ProofCheck, ProofError
from camfan_nodes.recordings_http.reading import (
    RecordingPool,
    describe_camera,
    list_cameras,
    list_events,
    protect_time,
    unprotect_time,
)
from camfan_nodes.shared.connections import HttpConnection
from camfan_nodes.shared.http_values import json_response, read_body, read_query
from camfan_nodes.shared.web_listener import listen, tls_context
from camfan_wire.header import Position
from camfan_wire.keys import KeyFileError
from camfan_wire.log_throttle import LogThrottle

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Result = TypeVar("Result")

MAX_BODY = 16_384
BODY_S = 30.0
MOST_REQUESTS = 64  # open at the same time, of which
MOST_STREAMS = 8  # may be streams of frames
END_S = 1.0
CAMERA_PATTERN = "[a-z0-9_-]{1,64}"


class RecordingsServer:
    """Serves the recordings of one recorder. Made and used inside the event loop.

    Raises KeyFileError and KeyMissingError.
    """

    def __init__(self, site: Site, name: str, key: KeyFile | None = None) -> None:
        recorder = site.recorders[name]
        self._name = name
        self._section = recorder
        self._local = not site.security.insecure
        self._proofs = _proof_check(site, name, key)
        path = Path(recorder.path)
        self._index = path if recorder.index is None else Path(recorder.index)
        self._pool = RecordingPool(path, self._index)
        self._warnings = LogThrottle()
        self._open = 0
        self._streams = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Listens; gives the address. Raises ListenError."""
        assert self._section.http is not None, "started for a recorder with `http` only"
        async with AsyncExitStack() as stack:
            stack.callback(self._pool.close)
            app = web.Application(middlewares=[self._middleware], client_max_size=MAX_BODY)
            self._add_routes(app.router)
            app.on_response_prepare.append(self._sign)
            runner = web.AppRunner(
                app, access_log=None, handler_cancellation=True, shutdown_timeout=END_S
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            tls = tls_context(self._section.tls, f"recorders.{self._name}.tls")
            yield await listen(runner, self._section.http, tls)

    def _add_routes(self, router: web.UrlDispatcher) -> None:
        one = f"{BASE}/{{camera:{CAMERA_PATTERN}}}"
        router.add_get(BASE, self._cameras)
        router.add_get(one, self._camera)
        router.add_get(f"{one}/frame", self._frame)
        router.add_get(f"{one}/frames", self._frames)
        router.add_get(f"{one}/events", self._events)
        router.add_post(f"{one}/protect", self._protect)
        router.add_post(f"{one}/unprotect", self._unprotect)

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, HttpConnection)
        connection.has_head()
        try:
            await self._admit(request)
            connection.has_request()
            return await self._answer(request, handler)
        finally:
            connection.done()

    async def _sign(self, _request: web.Request, response: web.StreamResponse) -> None:
        """The web server sees by it that nothing else answers at the address."""
        response.headers[RECORDER_HEADER] = self._name

    async def _admit(self, request: web.Request) -> None:
        """Raises an HTTPException for a request that is not to be answered."""
        body = await _body_of(request)
        if self._proofs is None:
            self._check_local(request)
            return
        header = request.headers.get("Authorization", "")
        try:
            self._proofs.check(header, request.method, request.raw_path, body)
        except ProofError as exc:
            headers = {"WWW-Authenticate": "Camfan"}
            raise web.HTTPUnauthorized(text=f"{exc}\n", headers=headers) from None
        except KeyFileError as exc:
            if self._warnings.allows(str(exc)):
                log.warning("no request can be answered: %s", exc)
            raise web.HTTPServiceUnavailable(text=f"recorder {self._name}: {exc}\n") from exc

    def _check_local(self, request: web.Request) -> None:
        """Without keys: programs of this machine, and no page that a browser shows."""
        if "Origin" in request.headers or request.headers.get("Sec-Fetch-Site", "none") != "none":
            raise web.HTTPForbidden(text="pages cannot read here; ask the web server\n")
        if self._local and not is_loopback(_name_in(request.headers.get("Host", ""))):
            raise web.HTTPMisdirectedRequest(
                text="without keys, recordings are read on this machine only, as localhost\n"
            )

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._open >= MOST_REQUESTS:
            raise self._busy(f"{MOST_REQUESTS} requests are")
        self._open += 1
        try:
            return await handler(request)
        except UnknownCameraError:
            raise web.HTTPNotFound(text="nothing is recorded of this camera\n") from None
        except FrameLostError as exc:
            raise web.HTTPGone(text=f"the frame cannot be read: {exc.reason}\n") from None
        except RecordingError as exc:
            if self._warnings.allows("index"):
                log.warning("%s", exc)
            raise web.HTTPServiceUnavailable(text=f"recorder {self._name}: {exc}\n") from exc
        except ValueError as exc:
            raise web.HTTPBadRequest(text=f"{exc}\n") from None
        finally:
            self._open -= 1

    async def _cameras(self, _request: web.Request) -> web.Response:
        found = await self._pool.read(lambda recording: list_cameras(recording, self._name))
        return json_response(RecordedCameraList(cameras=found))

    async def _camera(self, request: web.Request) -> web.Response:
        camera, query = request.match_info["camera"], read_query(request, RecordingRange)
        times = query.nanoseconds()
        return await self._json(
            lambda recording: describe_camera(recording, self._name, camera, times, query.limit)
        )

    async def _events(self, request: web.Request) -> web.Response:
        camera, query = request.match_info["camera"], read_query(request, RecordingRange)
        times = query.nanoseconds()
        return await self._json(
            lambda recording: list_events(recording, camera, times, query.limit)
        )

    async def _json(self, work: Callable[[Recording], Struct]) -> web.Response:
        return json_response(await self._pool.read(work))

    async def _frame(self, request: web.Request) -> web.Response:
        camera, query = request.match_info["camera"], read_query(request, FrameQuery)
        place = place_of(query)
        frame = await self._pool.read(
            lambda recording: (
                recording.frame(camera, place)
                if isinstance(place, Position)
                else recording.at(camera, place)
            )
        )
        if frame is None:
            raise web.HTTPNotFound(text="no such frame is recorded\n")
        return frame_response(request, frame)

    async def _frames(self, request: web.Request) -> web.StreamResponse:
        camera, query = request.match_info["camera"], read_query(request, FramesQuery)
        times = RecordingRange(start=query.start, end=query.end).nanoseconds()
        if self._streams >= MOST_STREAMS:
            raise self._busy(f"{MOST_STREAMS} streams of frames are")
        self._streams += 1
        try:
            async with self._pool.lent() as recording:
                await self._pool.run(lambda: recording.span(camera))
                parts = frame_parts(recording, camera, times, query.every, query.limit)
                return await send_frames(request, self._pool, parts)
        finally:
            self._streams -= 1

    async def _protect(self, request: web.Request) -> web.Response:
        camera, wish = request.match_info["camera"], await read_body(request, ProtectedTime)
        await self._pool.read(lambda recording: recording.span(camera))
        return json_response(await self._pool.run(lambda: protect_time(self._index, camera, wish)))

    async def _unprotect(self, request: web.Request) -> web.Response:
        camera, wish = request.match_info["camera"], await read_body(request, UnprotectWish)
        gone = await self._pool.run(lambda: unprotect_time(self._index, camera, wish.id))
        if gone is None:
            raise web.HTTPNotFound(text="no protected interval of this camera has this number\n")
        return json_response(gone)

    def _busy(self, what: str) -> web.HTTPServiceUnavailable:
        text = f"recorder {self._name}: {what} open already\n"
        return web.HTTPServiceUnavailable(text=text, headers={"Retry-After": "5"})


def place_of(query: FrameQuery) -> Position | int:
    """Run and sequence, or the last ns of a time. Raises HTTPBadRequest."""
    by_number = query.run is not None or query.sequence is not None
    if (query.time is None) is not by_number:
        raise web.HTTPBadRequest(text="say either time, or sequence and run\n")
    if query.time is not None:
        return last_ns(query.time)
    if query.run is None or query.sequence is None:
        raise web.HTTPBadRequest(text="sequence and run go together\n")
    return Position(query.run, query.sequence)


def _proof_check(site: Site, name: str, key: KeyFile | None) -> ProofCheck | None:
    keys = client_keys(site, name, key)
    if keys is None or keys.file is None:
        return None
    return ProofCheck(site, name, keys.file)


async def _body_of(request: web.Request) -> bytes:
    """Raises HTTPRequestTimeout, HTTPBadRequest and HTTPRequestEntityTooLarge."""
    try:
        async with asyncio.timeout(BODY_S):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="the request was not complete in time\n") from None
    except web.RequestPayloadError:
        raise web.HTTPBadRequest(text="the body of the request cannot be read\n") from None


def _name_in(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:  # half of an IPv6 address
        return ""

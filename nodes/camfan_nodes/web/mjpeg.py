"""MJPEG streams for other software and browsers, and which address gives what.

`/stream/CAMERA.mjpg` continues while its camera is away, with a picture that says so.

Programs read length and time of each picture in the head of its part. Chromium shows a picture only
when the head of the *next* part is complete, so browsers get that head at once; it then cannot say
a length or a time, which browsers do not use.
"""

from __future__ import annotations

import asyncio
import socket
import time

from aiohttp import web

from camfan_config.site.pace import STALE_S
from camfan_nodes.web.guard import Guard, headers_for, principal_of
from camfan_nodes.web.hub import Hub
from camfan_nodes.web.placeholder import placeholder
from camfan_nodes.web.principals import Principal
from camfan_nodes.web.slots import Slots
from camfan_nodes.web.snapshots import SIZE, Snapshots, facts_of, is_recent, since_text
from camfan_nodes.web.web_frame import WebFrame

BOUNDARY = "camfan-frame"
JPEG_LINE = "Content-Type: image/jpeg"
BROWSERS_TAKE = ("text/html", "image/webp", "image/svg+xml")  # each accepts one, no program does
AGAIN_S = 1.0  # between two pictures that say that the camera is away
MOST_STREAMS = 256
STREAMS_OF_USER = 64  # a recorder elsewhere reads all cameras with one token
MOST_REQUESTS = 256  # for a single picture; one may wait for most of a minute
REQUESTS_OF_USER = 64
FOR_OWNERS = 16  # of the places for each
UNSENT_BYTES = 16_384  # in the kernel: what waits there grows old


class MjpegStreams:
    """The handlers. Belongs to the event loop."""

    def __init__(self, hub: Hub, guard: Guard) -> None:
        self._hub = hub
        self._guard = guard
        self._slots = Slots(
            "streams", in_all=MOST_STREAMS, per_user=STREAMS_OF_USER, for_owners=FOR_OWNERS
        )
        self._places = Slots(
            "picture requests",
            in_all=MOST_REQUESTS,
            per_user=REQUESTS_OF_USER,
            for_owners=FOR_OWNERS,
        )
        self._sizes: dict[str, tuple[int, int]] = {}
        self._snapshots = Snapshots(hub)
        self.streams: set[_MjpegReader] = set()

    async def snapshot(self, request: web.Request) -> web.StreamResponse:
        camera = _camera(request, request.match_info["camera"])
        return await self._snapshot(request, camera)

    @property
    def waiting(self) -> int:
        """Requests for a single picture that are not answered yet."""
        return self._places.taken

    async def stream(self, request: web.Request) -> web.StreamResponse:
        camera = _camera(request, request.match_info["camera"])
        return await self._stream(request, camera)

    async def action(self, request: web.Request) -> web.StreamResponse | None:
        """`/?action=snapshot|stream&camera=NAME`, as mjpg-streamer has it; None: not asked for.

        Without a camera: the first that the asker may see.
        """
        action = request.query.get("action")
        if action not in ("snapshot", "stream"):
            return None
        principal = _reader(request)
        first = principal.cameras[0] if principal.cameras else ""
        camera = _camera(request, request.query.get("camera", first))
        answer = self._snapshot if action == "snapshot" else self._stream
        return await answer(request, camera)

    async def _snapshot(self, request: web.Request, camera: str) -> web.StreamResponse:
        with self._places.place(_reader(request)):
            return await self._snapshots.answer(request, camera)

    async def _stream(self, request: web.Request, camera: str) -> web.StreamResponse:
        with self._slots.place(_reader(request)):
            return await self._serve(request, camera)

    async def _serve(self, request: web.Request, camera: str) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                **headers_for(request),
                "Content-Type": f"multipart/x-mixed-replace;boundary={BOUNDARY}",
                "Cache-Control": "no-store",
                "Vary": "Accept",
                "Connection": "close",
                "X-Accel-Buffering": "no",  # nginx passes it on at once
            }
        )
        form = _form(request)
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        stream = _MjpegReader(self._hub, request, camera)
        self.streams.add(stream)
        self._hub.wish(stream, {camera: None})
        _send_without_backlog(request)
        try:
            await response.write(form.start)
            while True:
                facts, jpeg = await self._next(stream)
                if stream.ended:
                    return response
                await response.write(form.part(facts, jpeg))
                await request.writer.drain()  # the next one is chosen when this one has left
        except (ConnectionError, asyncio.CancelledError):
            return response
        finally:
            self.streams.discard(stream)
            self._hub.wish(stream, {})

    def end_logged_out(self) -> None:
        """End the streams whose login, user or token is gone."""
        for stream in self.streams:
            if not self._guard.is_still_in(stream.request):
                stream.end()

    async def _next(self, stream: _MjpegReader) -> tuple[dict[str, str], bytes]:
        """The facts of the next part, and its picture."""
        picture = await stream.next()
        stream.parts += 1
        if picture is None:
            return {"X-Camfan-State": "away"}, self._away(stream)
        self._sizes[picture.frame.camera] = (picture.frame.width, picture.frame.height)
        return facts_of(picture), bytes(picture.frame.jpeg)

    def _away(self, stream: _MjpegReader) -> bytes:
        wide, high = self._sizes.get(stream.camera, SIZE)
        since = "NO PICTURE YET" if stream.last is None else since_text(stream.last)
        why = [] if self._hub.connected else ["THE BROKER DOES NOT ANSWER"]
        return placeholder(wide, high, [stream.camera, since, *why])


class _ForPrograms:
    """Each part with its length and facts; the boundary behind it ends it at once."""

    start = f"--{BOUNDARY}\r\n".encode()

    def part(self, facts: dict[str, str], jpeg: bytes) -> bytes:
        lines = [f"{key}: {value}" for key, value in facts.items()]
        head = [JPEG_LINE, f"Content-Length: {len(jpeg)}", *lines, "", ""]
        return b"".join(("\r\n".join(head).encode(), jpeg, b"\r\n", self.start))


class _ForBrowsers:
    """The whole head of the next part behind each picture, which makes Chromium show it."""

    start = f"--{BOUNDARY}\r\n{JPEG_LINE}\r\n\r\n".encode()

    def part(self, facts: dict[str, str], jpeg: bytes) -> bytes:  # noqa: ARG002 - they come too late
        return b"".join((jpeg, b"\r\n", self.start))


def _form(request: web.Request) -> _ForPrograms | _ForBrowsers:
    """By what it accepts, or as `?for=browser` or `?for=program` says. Raises HTTPBadRequest."""
    said = request.query.get("for")
    if said not in (None, "browser", "program"):
        raise web.HTTPBadRequest(text="for is browser or program\n")
    accepts = request.headers.get("Accept", "")
    browser = said == "browser" or (said is None and any(kind in accepts for kind in BROWSERS_TAKE))
    return _ForBrowsers() if browser else _ForPrograms()


class _MjpegReader:
    """One reader of a stream: the newest picture that it has not had."""

    def __init__(self, hub: Hub, request: web.Request, camera: str) -> None:
        self.request = request
        self.ended = False
        self.camera = camera
        self.parts = 0
        self.skipped = 0
        self.last: WebFrame | None = None
        self._hub = hub
        self._newest = hub.newest.get(camera)
        self._waited = False  # for a first picture that has not come
        self._came = asyncio.Event()
        if self._newest is not None:
            self._came.set()

    def end(self) -> None:
        """Nothing more is to be sent, and what the reader has not taken is not waited for."""
        self.ended = True
        self._came.set()
        transport = self.request.transport
        if transport is not None and transport.get_write_buffer_size():
            transport.abort()

    def frame_came(self, picture: WebFrame) -> None:
        self.skipped += self._came.is_set()
        self._newest = picture
        self._came.set()

    async def next(self) -> WebFrame | None:
        """None: nothing came for a while."""
        stale_s = self._hub.pace(self.camera).stale_s
        patience_s = AGAIN_S
        if self.last is None:
            patience_s = AGAIN_S if self._waited else STALE_S
        elif time.monotonic() - self.last.arrived_s < stale_s:
            patience_s = self.last.arrived_s + stale_s - time.monotonic()
        try:
            async with asyncio.timeout(patience_s):
                await self._came.wait()
        except TimeoutError:
            self._waited = True
            return None
        self._came.clear()
        self.last = self._newest
        if self.last is not None and not is_recent(self.last, stale_s):
            return None  # the camera is away, and this is how it looked before
        return self.last


def _reader(request: web.Request) -> Principal:
    """Who reads. ffmpeg sends the password of an address only where Basic is asked for; browsers,
    which then ask a person for one, get here from pages that are logged in. Raises
    HTTPUnauthorized.
    """
    return principal_of(request, asks='Basic realm="camfan"')


def _camera(request: web.Request, name: str) -> str:
    """Raises HTTPNotFound, the same for a camera that does not exist and one not to be seen."""
    if name in _reader(request).cameras:
        return name
    raise web.HTTPNotFound(text="there is no such camera for you\n")


def _send_without_backlog(request: web.Request) -> None:
    """Old frames must not queue up on the way: keep next to nothing unsent."""
    transport = request.transport
    if transport is None:
        return
    transport.set_write_buffer_limits(high=1)  # not 0: an empty buffer under TLS would be full
    raw = transport.get_extra_info("socket")
    if raw is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)

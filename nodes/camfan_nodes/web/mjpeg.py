"""MJPEG streams for other software and browsers.

`/stream/CAMERA.mjpg` continues while its camera is away, with a placeholder that says so.

Programs read length and time of each frame in the head of its part. Chromium shows a frame only
when the head of the *next* part is complete, so browsers get that head at once; it then has no
length and no time, which browsers do not use.
"""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Literal

from aiohttp import web
from msgspec import Struct

from camfan_nodes.web.guard import Guard, headers_for
from camfan_nodes.web.hub import Hub
from camfan_nodes.web.placeholder import placeholder
from camfan_nodes.web.request_values import camera_of, query_of
from camfan_nodes.web.snapshots import SIZE, facts_of, is_recent, since_text
from camfan_nodes.web.web_frame import WebFrame

BOUNDARY = "camfan-frame"
JPEG_LINE = "Content-Type: image/jpeg"
BROWSERS_ACCEPT = ("text/html", "image/webp", "image/svg+xml")  # each accepts one, no program does
FIRST_S = 3.0  # without a first frame for this long, a placeholder is sent
AGAIN_S = 1.0  # between two placeholders
UNSENT_BYTES = 16_384  # in the kernel: what waits there grows old


class StreamQuery(Struct, frozen=True, rename={"form": "for"}):
    """The parameters of a stream."""

    form: Literal["browser", "program"] | None = None  # null: by the Accept header


class MjpegStreams:
    """The handler, and all open streams. Belongs to the event loop."""

    def __init__(self, hub: Hub, guard: Guard) -> None:
        self._hub = hub
        self._guard = guard
        self._sizes: dict[str, tuple[int, int]] = {}
        self.streams: set[_MjpegReader] = set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """`/stream/CAMERA.mjpg`, until the reader leaves."""
        camera = camera_of(request)
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
        """The facts of the next part, and its JPEG."""
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
    """The complete head of the next part behind each JPEG, which makes Chromium show it."""

    start = f"--{BOUNDARY}\r\n{JPEG_LINE}\r\n\r\n".encode()

    def part(self, facts: dict[str, str], jpeg: bytes) -> bytes:  # noqa: ARG002 - they come too late
        return b"".join((jpeg, b"\r\n", self.start))


def _form(request: web.Request) -> _ForPrograms | _ForBrowsers:
    """As the parameter `for` says, else by what the client accepts."""
    said = query_of(request, StreamQuery).form
    accepts = request.headers.get("Accept", "")
    if said == "browser" or (said is None and any(kind in accepts for kind in BROWSERS_ACCEPT)):
        return _ForBrowsers()
    return _ForPrograms()


class _MjpegReader:
    """One reader of a stream: it gets the newest frame that it has not had."""

    def __init__(self, hub: Hub, request: web.Request, camera: str) -> None:
        self.request = request
        self.ended = False
        self.camera = camera
        self.parts = 0
        self.skipped = 0
        self.last: WebFrame | None = None
        self._hub = hub
        self._newest = hub.newest.get(camera)
        self._waited = False  # for a first frame that has not come
        self._came = asyncio.Event()
        if self._newest is not None:
            self._came.set()

    def end(self) -> None:
        """Sends nothing more, and does not wait for the reader to take the rest."""
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
        """None: no frame arrived for a while."""
        stale_s = self._hub.limits(self.camera).stale_s
        patience_s = AGAIN_S
        if self.last is None:
            patience_s = AGAIN_S if self._waited else FIRST_S
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
            return None  # the camera is away, and this frame is old
        return self.last


def _send_without_backlog(request: web.Request) -> None:
    """Keeps next to nothing unsent, so that old frames do not queue on the way."""
    transport = request.transport
    if transport is None:
        return
    transport.set_write_buffer_limits(high=1)  # not 0: an empty buffer under TLS would be full
    raw = transport.get_extra_info("socket")
    if raw is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)

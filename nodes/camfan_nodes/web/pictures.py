"""Single pictures and MJPEG streams for other software.

`/snapshot/CAMERA.jpg` never passes an old picture off as a new one; `/stream/CAMERA.mjpg` goes on
while its camera is away, with a picture that says so.
"""

from __future__ import annotations

import asyncio
import socket
import time
from datetime import UTC, datetime

from aiohttp import web

from camfan_nodes.viewer.words import length_text
from camfan_nodes.web.access import Principal
from camfan_nodes.web.guard import headers_for, principal_of
from camfan_nodes.web.hub import Hub
from camfan_nodes.web.picture import Picture
from camfan_nodes.web.placeholder import placeholder

BOUNDARY = "camfan-frame"
MAX_AGE_S = 10.0  # of a snapshot, unless the request says otherwise
LONGEST_AGE_S = 86_400.0
WAIT_S = 3.0  # for the first picture of a camera that nobody watched
SILENT_S = 3.0  # without a new picture a stream shows that the camera is away
AGAIN_S = 1.0  # between two such pictures
LINGER_S = 5.0  # whoever asks for one snapshot asks for another
MOST_STREAMS = 64
UNSENT_BYTES = 16_384  # in the kernel: what waits there grows old
SIZE = (640, 360)  # of the placeholder, while the camera's own is not known


class Pictures:
    """The handlers. Belongs to the event loop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._sizes: dict[str, tuple[int, int]] = {}
        self._asked: dict[str, _Asked] = {}
        self.streams: set[_Stream] = set()

    async def snapshot(self, request: web.Request) -> web.Response:
        camera = _camera(request, request.match_info["camera"])
        return await self._snapshot(request, camera)

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

    async def _snapshot(self, request: web.Request, camera: str) -> web.Response:
        longest_s = _max_age(request)
        picture = await self._recent(camera, longest_s)
        if picture is None:
            raise _no_picture(self._hub, camera, longest_s)
        self._note(picture)
        headers = {"Cache-Control": "no-store", **_facts(picture)}
        jpeg = bytes(picture.frame.jpeg)
        return web.Response(body=jpeg, content_type="image/jpeg", headers=headers)

    async def _recent(self, camera: str, longest_s: float) -> Picture | None:
        """A picture that is not older than this, waiting for one if need be."""
        asked = self._asked.get(camera)
        if asked is None:
            asked = self._asked[camera] = _Asked(self._hub, camera)
        asked.again(lambda: self._asked.pop(camera, None))
        ends_s = time.monotonic() + min(WAIT_S, max(longest_s, 1.0))
        while True:
            picture = self._hub.newest.get(camera)
            if picture is not None and _is_recent(picture, longest_s):
                return picture
            left_s = ends_s - time.monotonic()
            if left_s <= 0 or not await asked.next(left_s):
                return None

    async def _stream(self, request: web.Request, camera: str) -> web.StreamResponse:
        if len(self.streams) >= MOST_STREAMS:
            raise web.HTTPServiceUnavailable(
                text=f"{MOST_STREAMS} streams are open already\n", headers={"Retry-After": "10"}
            )
        response = web.StreamResponse(
            headers={
                **headers_for(request),
                "Content-Type": f"multipart/x-mixed-replace;boundary={BOUNDARY}",
                "Cache-Control": "no-store",
                "Connection": "close",
                "X-Accel-Buffering": "no",  # nginx passes it on at once
            }
        )
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        stream = _Stream(self._hub, _reader(request), camera)
        self.streams.add(stream)
        self._hub.wish(stream, {camera: None})
        _send_without_backlog(request)
        try:
            await response.write(f"--{BOUNDARY}\r\n".encode())
            while True:
                await response.write(await self._part(stream))
                await request.writer.drain()  # the next one is chosen when this one has left
        except (ConnectionError, asyncio.CancelledError):
            return response
        finally:
            self.streams.discard(stream)
            self._hub.wish(stream, {})

    async def _part(self, stream: _Stream) -> bytes:
        """The next part; its closing boundary lets a reader show it at once."""
        picture = await stream.next()
        if picture is not None:
            self._note(picture)
            facts, jpeg = _facts(picture), bytes(picture.frame.jpeg)
        else:
            facts, jpeg = {"X-Camfan-State": "away"}, self._away(stream)
        stream.parts += 1
        lines = [f"{key}: {value}" for key, value in facts.items()]
        head = ["Content-Type: image/jpeg", f"Content-Length: {len(jpeg)}", *lines, "", ""]
        return b"".join(("\r\n".join(head).encode(), jpeg, f"\r\n--{BOUNDARY}\r\n".encode()))

    def _away(self, stream: _Stream) -> bytes:
        wide, high = self._sizes.get(stream.camera, SIZE)
        since = "NO PICTURE YET"
        if stream.last is not None:
            taken = _taken(stream.last)
            moment = datetime.fromtimestamp(taken / 1e9, UTC).astimezone()
            since = f"NO PICTURE SINCE {moment:%H:%M:%S}"
        why = [] if self._hub.connected else ["THE BROKER DOES NOT ANSWER"]
        return placeholder(wide, high, [stream.camera, since, *why])

    def _note(self, picture: Picture) -> None:
        self._sizes[picture.frame.camera] = (picture.frame.width, picture.frame.height)


class _Stream:
    """One reader of a stream: the newest picture that it has not had."""

    def __init__(self, hub: Hub, principal: Principal, camera: str) -> None:
        self.principal = principal
        self.camera = camera
        self.parts = 0
        self.skipped = 0
        self.last: Picture | None = None
        self._newest = hub.newest.get(camera)
        self._came = asyncio.Event()
        if self._newest is not None:
            self._came.set()

    def picture_came(self, picture: Picture) -> None:
        self.skipped += self._came.is_set()
        self._newest = picture
        self._came.set()

    async def next(self) -> Picture | None:
        """None: nothing came for a while."""
        patience_s = SILENT_S if self.last is None or self._fresh() else AGAIN_S
        try:
            async with asyncio.timeout(patience_s):
                await self._came.wait()
        except TimeoutError:
            return None
        self._came.clear()
        self.last = self._newest
        if self.last is not None and not _is_recent(self.last, SILENT_S):
            return None  # the camera is away, and this is how it looked before
        return self.last

    def _fresh(self) -> bool:
        return self.last is not None and time.monotonic() - self.last.arrived_s < SILENT_S


class _Asked:
    """Keeps a camera awake for a while after a snapshot."""

    def __init__(self, hub: Hub, camera: str) -> None:
        self._hub = hub
        self._camera = camera
        self._came = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        hub.wish(self, {camera: None})

    def picture_came(self, picture: Picture) -> None:  # noqa: ARG002 - it is in the hub
        self._came.set()
        self._came = asyncio.Event()

    def again(self, forget: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(LINGER_S, self._end, forget)

    def _end(self, forget: object) -> None:
        assert callable(forget)
        forget()
        self._hub.wish(self, {})

    async def next(self, seconds: float) -> bool:
        """Wait for another picture; False: none came in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._came.wait()
        except TimeoutError:
            return False
        return True


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


def _max_age(request: web.Request) -> float:
    """Raises HTTPBadRequest."""
    said = request.query.get("max_age")
    if said is None:
        return MAX_AGE_S
    try:
        seconds = float(said)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_AGE_S:
        raise web.HTTPBadRequest(text="max_age is a number of seconds, 0 to 86400\n")
    return seconds


def _is_recent(picture: Picture, longest_s: float) -> bool:
    """No older than this for certain; by when it came, while the camera's clock is not known."""
    age = picture.frame.age
    if age is None:
        return time.monotonic() - picture.arrived_s <= longest_s
    return age.seconds + age.error <= longest_s


def _no_picture(hub: Hub, camera: str, longest_s: float) -> web.HTTPServiceUnavailable:
    headers = {"Cache-Control": "no-store", "Retry-After": "5"}
    picture = hub.newest.get(camera)
    age = None if picture is None else picture.frame.age
    if age is not None:
        headers["X-Camfan-Age"] = f"{age.seconds:.3f}"
        had = f"the newest is {length_text(age.seconds)} old"
    else:
        had = "there is none" if hub.connected else "the broker does not answer"
    return web.HTTPServiceUnavailable(
        text=f"no picture of {camera} of the last {longest_s:g} s: {had}\n", headers=headers
    )


def _facts(picture: Picture) -> dict[str, str]:
    frame = picture.frame
    age = frame.age
    facts = {
        "X-Timestamp": f"{_taken(picture) / 1e9:.6f}",
        "X-Camfan-Sequence": str(frame.sequence),
        "X-Camfan-Run": frame.run,
    }
    if age is not None:
        facts["X-Camfan-Age"] = f"{age.seconds:.4f}"
        facts["X-Camfan-Age-Error"] = f"{age.error:.4f}"
    return facts


def _taken(picture: Picture) -> int:
    frame = picture.frame
    return frame.captured if frame.site_time is None else frame.site_time


def _send_without_backlog(request: web.Request) -> None:
    """Old frames must not queue up on the way: keep next to nothing unsent."""
    transport = request.transport
    if transport is None:
        return
    transport.set_write_buffer_limits(high=1)  # not 0: an empty buffer under TLS would be full
    raw = transport.get_extra_info("socket")
    if raw is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)

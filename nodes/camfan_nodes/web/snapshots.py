"""Single frames for other software: the newest, the next, or one that is marked as old.

`/snapshot/CAMERA.jpg` never presents an old frame as a new one. Without a frame that is new enough
it answers 503, or 504 to `fresh=1`; with `stale=picture` it answers with the last frame, without
colours, hatched, and with its age on it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta, Struct

from camfan_nodes.monitor.words import length_text
from camfan_nodes.web.hub import Hub
from camfan_nodes.web.placeholder import old_picture, placeholder
from camfan_nodes.web.request_values import camera_of, query_of
from camfan_nodes.web.web_frame import WebFrame

MAX_AGE_S = 10.0  # unless the request says otherwise, or the camera is slower on purpose
LONGEST_AGE_S = 86_400.0
WAIT_S = 3.0  # for the first frame of a camera that was not watched
FRESH_WAIT_S = 10.0  # for a frame that is taken after the request
FRESH_INTERVALS = 2.5  # of a camera that is slower on purpose,
FRESH_WAIT_MOST_S = 50.0  # and no longer than proxies wait for an answer
LINGER_S = 5.0  # a camera stays awake for the next snapshot
SIZE = (640, 360)  # of the placeholder


class SnapshotQuery(Struct, frozen=True):
    """The parameters of a snapshot."""

    max_age: Annotated[float, Meta(ge=0, le=LONGEST_AGE_S)] | None = None  # seconds
    fresh: Literal["0", "1"] = "0"  # 1: taken after the request
    stale: Literal["error", "picture"] = "error"  # instead of an old frame


@dataclass(frozen=True, slots=True)
class SnapshotRequest:
    """What the address asks for, beside the camera."""

    max_age_s: float
    fresh: bool  # taken after the request
    old_one: bool  # an old frame that is marked as old, instead of an error

    @staticmethod
    def of(request: web.Request, stale_s: float) -> SnapshotRequest:
        """`stale_s`: how old a frame of this camera may be and still be live."""
        query = query_of(request, SnapshotQuery)
        max_age_s = max(MAX_AGE_S, stale_s) if query.max_age is None else query.max_age
        return SnapshotRequest(max_age_s, query.fresh == "1", query.stale == "picture")


class Snapshots:
    """Belongs to the event loop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._asked: dict[str, _SnapshotDemand] = {}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """`/snapshot/CAMERA.jpg`."""
        camera = camera_of(request)
        wanted = SnapshotRequest.of(request, self._hub.limits(camera).stale_s)
        picture = await self._recent(camera, wanted)
        if picture is not None:
            return _response(bytes(picture.frame.jpeg), facts_of(picture))
        if wanted.old_one:
            return await self._old(camera)
        raise self._no_picture(camera, wanted)

    async def _recent(self, camera: str, wanted: SnapshotRequest) -> WebFrame | None:
        """A frame as requested, after waiting for one if necessary."""
        good: Callable[[WebFrame], bool]
        if wanted.fresh:
            good, wait_s = _TakenAfterNow(self._hub), self._fresh_wait_s(camera)
        else:
            good = lambda picture: is_recent(picture, wanted.max_age_s)  # noqa: E731
            wait_s = min(WAIT_S, max(wanted.max_age_s, 1.0))
        asked = self._asked.get(camera)
        if asked is None:
            asked = self._asked[camera] = _SnapshotDemand(self._hub, camera)
        asked.again(wait_s + LINGER_S, lambda: self._asked.pop(camera, None))
        ends_s = time.monotonic() + wait_s
        while True:
            picture = self._hub.newest.get(camera)
            if picture is not None and good(picture):
                return picture
            left_s = ends_s - time.monotonic()
            if left_s <= 0 or not await asked.next(left_s):
                return None

    def _fresh_wait_s(self, camera: str) -> float:
        """Long enough for a camera that takes a frame every half minute."""
        slow_s = FRESH_INTERVALS * self._hub.interval_s(camera)
        return min(max(FRESH_WAIT_S, slow_s), FRESH_WAIT_MOST_S)

    async def _old(self, camera: str) -> web.Response:
        """The last frame, marked as old; without one, a placeholder."""
        picture = self._hub.newest.get(camera)
        why = [] if self._hub.connected else ["THE BROKER DOES NOT ANSWER"]
        if picture is None:
            lines = [camera, "NO PICTURE YET", *why]
            jpeg = await asyncio.to_thread(placeholder, *SIZE, lines)
            return _response(jpeg, {"X-Camfan-State": "away"})
        lines = [camera, since_text(picture), *why]
        jpeg = await asyncio.to_thread(old_picture, picture.frame, lines)
        return _response(jpeg, {"X-Camfan-State": "stale", **facts_of(picture)})

    def _no_picture(self, camera: str, wanted: SnapshotRequest) -> web.HTTPException:
        headers = {"Cache-Control": "no-store", "Retry-After": "5"}
        picture = self._hub.newest.get(camera)
        age = None if picture is None else picture.frame.age
        if age is not None:
            headers["X-Camfan-Age"] = f"{age.seconds:.3f}"
            had = f"the newest is {length_text(age.seconds)} old"
        elif picture is not None:
            had = "the age of the newest is not known"
        else:
            had = "there is none" if self._hub.connected else "the broker does not answer"
        if wanted.fresh:
            waited = f"came within {self._fresh_wait_s(camera):g} s of the request"
            return web.HTTPGatewayTimeout(
                text=f"no new picture of {camera} {waited}: {had}\n", headers=headers
            )
        return web.HTTPServiceUnavailable(
            text=f"no picture of {camera} of the last {wanted.max_age_s:g} s: {had}\n",
            headers=headers,
        )


class _TakenAfterNow:
    """Whether a frame was certainly taken after this object was made.

    While the clock of a camera is not known: the second frame to arrive, as the first may be one
    that the broker had kept.
    """

    def __init__(self, hub: Hub) -> None:
        self._now_ns = hub.site_ns()
        self._now_s = time.monotonic()
        self._first: int | None = None

    def __call__(self, picture: WebFrame) -> bool:
        taken_ns, error_ns = picture.frame.site_time, picture.frame.error
        if taken_ns is not None and error_ns is not None:
            return taken_ns - error_ns >= self._now_ns
        if picture.arrived_s <= self._now_s:
            return False
        if self._first is None:
            self._first = picture.serial
        return picture.serial != self._first


class _SnapshotDemand:
    """Keeps a camera awake for a while after a snapshot."""

    def __init__(self, hub: Hub, camera: str) -> None:
        self._hub = hub
        self._camera = camera
        self._came = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        hub.wish(self, {camera: None})

    def frame_came(self, picture: WebFrame) -> None:  # noqa: ARG002 - it is in the hub
        self._came.set()
        self._came = asyncio.Event()

    def again(self, seconds: float, forget: Callable[[], object]) -> None:
        """Stays awake for this time from now, and no shorter than was requested before."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + seconds
        if self._timer is not None:
            until_s = max(until_s, self._timer.when())
            self._timer.cancel()
        self._timer = loop.call_at(until_s, self._end, forget)

    def _end(self, forget: Callable[[], object]) -> None:
        forget()
        self._hub.wish(self, {})

    async def next(self, seconds: float) -> bool:
        """Waits for another frame; False: none came in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._came.wait()
        except TimeoutError:
            return False
        return True


def _response(jpeg: bytes, facts: dict[str, str]) -> web.Response:
    headers = {"Cache-Control": "no-store", **facts}
    return web.Response(body=jpeg, content_type="image/jpeg", headers=headers)


def is_recent(picture: WebFrame, longest_s: float) -> bool:
    """Certainly no older than this; by its arrival while the camera's clock is not known."""
    age = picture.frame.age
    if age is None:
        return time.monotonic() - picture.arrived_s <= longest_s
    return age.seconds + age.error <= longest_s


def facts_of(picture: WebFrame) -> dict[str, str]:
    """The header lines for the time of a frame, and its age now."""
    frame = picture.frame
    age = frame.age
    facts = {
        "X-Timestamp": f"{taken_ns(picture) / 1e9:.6f}",
        "X-Camfan-Sequence": str(frame.sequence),
        "X-Camfan-Run": frame.run,
    }
    if age is not None:
        facts["X-Camfan-Age"] = f"{age.seconds:.4f}"
        facts["X-Camfan-Age-Error"] = f"{age.error:.4f}"
    return facts


def taken_ns(picture: WebFrame) -> int:
    """On the site's clock; on the camera's while that is not known."""
    frame = picture.frame
    return frame.captured if frame.site_time is None else frame.site_time


def since_text(picture: WebFrame) -> str:
    """The text on an old frame; with the date if it is not of today."""
    moment = datetime.fromtimestamp(taken_ns(picture) / 1e9, UTC).astimezone()
    today = moment.date() == datetime.now(UTC).astimezone().date()
    return f"NO PICTURE SINCE {moment.strftime('%H:%M:%S' if today else '%Y-%m-%d %H:%M')}"

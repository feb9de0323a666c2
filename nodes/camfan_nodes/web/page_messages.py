"""The messages between a page and the server on the WebSocket, beside frames.

Text messages are JSON; a binary message of the page acknowledges frames: their count, two bytes,
little-endian.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from camfan_config.site.pace import LATE_INTERVALS, OFFLINE_STALES, STALE_INTERVALS
from camfan_wire.states import CameraState

MOST_TILES = 256
MAX_BYTES = 64_000  # of one message from a page

Ms = float  # milliseconds
Camera = Annotated[str, Meta(max_length=64)]


class Tile(Struct, frozen=True):
    """A camera that can be seen on the page now."""

    camera: Camera
    width: Annotated[int, Meta(ge=1, le=16_384)] | None = None  # device pixels; null: all there are
    fps: Annotated[float, Meta(ge=0.01, le=1000)] | None = None  # at most


class Want(Struct, frozen=True, tag_field="type", tag="want"):
    """All that this page can see now; other cameras are no longer sent."""

    tiles: Annotated[list[Tile], Meta(max_length=MOST_TILES)]


class PageProbe(Struct, frozen=True, tag_field="type", tag="probe"):
    """Asks for the site's time. `round_trip`: the best so far, ms."""

    sent: Ms
    round_trip: Annotated[float, Meta(ge=0, le=60_000)] | None = None


class Painted(Struct, frozen=True, tag_field="type", tag="painted"):
    """Every few seconds: what the page has painted. Ages are from exposure to painting, ms."""

    frames: Annotated[int, Meta(ge=0)]
    age_p50: float | None = None
    age_p95: float | None = None
    undecodable: Annotated[int, Meta(ge=0)] = 0


FromPage = Want | PageProbe | Painted


class IntervalLimits(Struct, frozen=True):
    """The same limits as multiples of the interval at which pictures reach the page, if that is
    longer than the camera's own.
    """

    late: float = LATE_INTERVALS
    stale: float = STALE_INTERVALS
    offline: float = STALE_INTERVALS * OFFLINE_STALES


class PageHello(Struct, frozen=True, tag_field="type", tag="hello"):
    """The first message. `cameras`: the number that stands for each in a picture's header.

    `titles`: of the cameras that have one.
    """

    site: str
    camfan: str
    user: str
    role: str
    kind: str
    cameras: dict[str, int]
    titles: dict[str, str] = {}
    intervals: IntervalLimits = IntervalLimits()


class PageEcho(Struct, frozen=True, tag_field="type", tag="echo"):
    """The answer to a probe: the site's time and its bound, ms; null while it is not known."""

    sent: Ms
    site: Ms
    error: Ms | None


class ReportedCamera(Struct, frozen=True):
    """A camera as the site reports it. The page decides itself whether its picture is live: `late`,
    `stale` and `offline` are the times without a new frame after which it is.
    """

    state: CameraState
    late: Ms
    stale: Ms
    offline: Ms
    trouble: str = ""
    moving: bool = False
    lost: int = 0  # in the last minute
    recorders: int = 0  # that record it


class Notice(Struct, frozen=True):
    """An event, for the list beside the pictures."""

    id: str
    time: Ms
    kind: str
    source: str
    camera: str | None


class SiteState(Struct, frozen=True, tag_field="type", tag="state"):
    """Each second, and at once when something changes."""

    connected: bool  # the broker answers
    cameras: dict[str, ReportedCamera]
    needs: list[str]
    lately: list[Notice]


_encoder = msgspec.json.Encoder()
_from_page = msgspec.json.Decoder(FromPage)


def encode(message: PageHello | PageEcho | SiteState) -> str:
    return _encoder.encode(message).decode()


def decode_from_page(text: str) -> FromPage:
    """Raises ValueError."""
    try:
        message: FromPage = _from_page.decode(text)
    except msgspec.MsgspecError as exc:
        raise ValueError(f"not a message of a page: {exc}") from exc
    return message

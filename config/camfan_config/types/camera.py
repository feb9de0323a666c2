"""What cameras have in common, whatever their source."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from camfan_config.types.section import Section
from camfan_config.types.values import (
    Bytes,
    Fps,
    Host,
    Name,
    Path,
    PictureSize,
    Polygon,
    Quality,
    Seconds,
    Title,
    Trickle,
)


class CameraRing(Section, frozen=True, kw_only=True):
    """The frames that a camera keeps for repair."""

    memory: Annotated[Bytes, Meta(description="in memory, such as 64MB")] = 64_000_000
    disk: Annotated[
        Annotated[int, Meta(ge=1_000_000, extra={"unit": "bytes"})] | None,
        Meta(description="on a disk as well, such as 4GB; survives the process"),
    ] = None
    path: Annotated[
        Path | None, Meta(description="its folder on the disk; each camera has its own in it")
    ] = None


RingSize = Annotated[
    CameraRing,
    Meta(
        description="frames kept for repair: 64MB, or {memory, disk, path}",
        extra={"short": "memory"},
    ),
]


class CameraDefaults(Section, frozen=True, kw_only=True):
    """Inherited by every camera that has the key, key by key."""

    size: Annotated[
        PictureSize | None,
        Meta(description="pixels, such as 1280x720; absent: what the source gives"),
    ] = None
    fps: Annotated[
        Fps | None,
        Meta(
            description="frames per second, at most, such as 10, or 1/10s for one in 10 seconds;"
            " absent: the source's own rate"
        ),
    ] = None
    quality: Annotated[Quality, Meta(description="JPEG quality, 1 to 100")] = 80
    stall_after: Annotated[
        Seconds | None,
        Meta(
            description="no frame for this long, such as 30s: the source is reopened;"
            " absent: what its rate says, at least 5s"
        ),
    ] = None
    ring: RingSize = CameraRing()
    trickle: Annotated[
        Trickle | None,
        Meta(description="while unwatched, one picture per interval, such as 5s; null: none"),
    ] = 5.0
    rotate: Annotated[Literal[0, 90, 180, 270], Meta(description="degrees clockwise")] = 0
    flip: Annotated[
        Literal["none", "horizontal", "vertical"],
        Meta(description="mirrored left to right (horizontal) or upside down (vertical)"),
    ] = "none"
    broker: Annotated[
        Name | None, Meta(description="which of `brokers` it publishes to, where there are several")
    ] = None


class CameraBase(Section, frozen=True, kw_only=True):
    """What every camera has, whatever its source."""

    title: Annotated[
        Title | None, Meta(description="shown to people, in any script; absent: the name")
    ] = None
    host: Annotated[Host | None, Meta(description="where it runs; absent: the broker's host")] = (
        None
    )
    broker: Annotated[
        Name | None, Meta(description="which of `brokers` it publishes to, where there are several")
    ] = None
    fps: Annotated[
        Fps | None,
        Meta(
            description="frames per second, at most, such as 10, or 1/10s for one in 10 seconds;"
            " absent: the source's own rate"
        ),
    ] = None
    stall_after: Annotated[
        Seconds | None,
        Meta(
            description="no frame for this long, such as 30s: the source is reopened;"
            " absent: what its rate says, at least 5s"
        ),
    ] = None
    ring: RingSize = CameraRing()
    trickle: Annotated[
        Trickle | None,
        Meta(description="while unwatched, one picture per interval, such as 5s; null: none"),
    ] = 5.0
    zones: Annotated[
        dict[Name, Polygon],
        Meta(description="parts of the picture that motion may refer to by name"),
    ] = {}
    masks: Annotated[
        dict[Name, Polygon], Meta(description="parts of the picture that motion never looks at")
    ] = {}

    @property
    def extra(self) -> str | None:
        """The extra of camfan without which its node cannot run."""
        return None


class EncodingCamera(CameraBase, frozen=True, kw_only=True):
    """A camera whose pictures are encoded here, so that they can also be changed here."""

    size: Annotated[
        PictureSize | None,
        Meta(description="pixels, such as 1280x720; absent: what the source gives"),
    ] = None
    quality: Annotated[Quality, Meta(description="JPEG quality, 1 to 100")] = 80
    rotate: Annotated[Literal[0, 90, 180, 270], Meta(description="degrees clockwise")] = 0
    flip: Annotated[
        Literal["none", "horizontal", "vertical"],
        Meta(description="mirrored left to right (horizontal) or upside down (vertical)"),
    ] = "none"
    privacy: Annotated[
        dict[Name, Polygon],
        Meta(description="parts painted black before encoding"),
    ] = {}

"""Recorders, and how long recordings and clips stay."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from camfan_config.types.section import Section
from camfan_config.types.values import (
    Address,
    Bytes,
    Cameras,
    Host,
    Name,
    Path,
    Pattern,
    Seconds,
)
from camfan_config.types.web import Tls


class CameraKeep(Section, frozen=True, kw_only=True):
    """How long recordings of some cameras stay."""

    age: Annotated[
        Seconds | None, Meta(description="such as 30d, instead of the recorder's own age")
    ] = None
    size: Annotated[Bytes | None, Meta(description="such as 50GB for each of these cameras")] = None
    min_free: Annotated[
        Bytes | None,
        Meta(description="such as 20GB; with less left, the oldest of these cameras go"),
    ] = None


class Keep(Section, frozen=True, kw_only=True):
    """How long recordings stay. Each limit holds; the oldest segments are deleted first."""

    age: Annotated[Seconds | None, Meta(description="such as 7d; older segments are deleted")] = (
        None
    )
    size: Annotated[
        Bytes | None, Meta(description="such as 200GB, all cameras of the recorder together")
    ] = None
    min_free: Annotated[
        Bytes | None, Meta(description="such as 10GB, always left free on the disk")
    ] = None
    cameras: Annotated[
        dict[Pattern, CameraKeep],
        Meta(description="limits of single cameras, by name or glob; the first that fits counts"),
    ] = {}


class ClipKeep(Section, frozen=True, kw_only=True):
    """How long clips stay."""

    age: Annotated[Seconds | None, Meta(description="such as 30d; older clips are removed")] = None


class Clips(Section, frozen=True, kw_only=True):
    """Intervals around events, kept longer."""

    source: Annotated[
        tuple[Name, ...],
        Meta(
            min_length=1,
            description="whose events make clips: motion nodes, and other programs by their name",
        ),
    ] = field(name="from")
    before: Annotated[
        float,
        Meta(
            ge=0,
            le=120,
            extra={"unit": "duration"},
            description="such as 5s, kept from before the event",
        ),
    ] = 5.0
    after: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            extra={"unit": "duration"},
            description="such as 5s, kept from after the event",
        ),
    ] = 5.0
    max_length: Annotated[
        float,
        Meta(
            ge=1,
            le=86400,
            extra={"unit": "duration"},
            description="such as 5m; what is longer is continued in the next clip",
        ),
    ] = 300.0
    keep: Annotated[ClipKeep, Meta(description="how long clips stay")] = ClipKeep()


RecordingMode = Literal["continuous", "events", "activity"]


class Recorder(Section, frozen=True, kw_only=True):
    """Writes the pictures of cameras to a disk, untouched."""

    host: Annotated[Host | None, Meta(description="where it runs; absent: the broker's host")] = (
        None
    )
    cameras: Annotated[
        Cameras, Meta(description="what it records: a list of names and globs, or *")
    ] = "*"
    path: Annotated[Path, Meta(description="folder of the recordings")]
    index: Annotated[
        Path | None,
        Meta(
            description="folder of index.sqlite, on a local disk; absent: `path`, which must then "
            "not be a network share"
        ),
    ] = None
    segment: Annotated[
        float,
        Meta(
            ge=1, le=86400, extra={"unit": "duration"}, description="length of a file, such as 60s"
        ),
    ] = 60.0
    sync: Annotated[
        float,
        Meta(
            ge=0.1,
            le=60,
            extra={"unit": "duration"},
            description="the most that a power cut costs, such as 5s",
        ),
    ] = 5.0
    mode: Annotated[
        RecordingMode,
        Meta(
            description="continuous: every frame; events: only clips; activity: every frame of "
            "clips, and one of eight in between"
        ),
    ] = "continuous"
    modes: Annotated[
        dict[Pattern, RecordingMode],
        Meta(description="modes of single cameras, by name or glob; the first that fits counts"),
    ] = {}
    keep: Annotated[Keep, Meta(description="how long recordings stay")] = Keep()
    clips: Annotated[Clips | None, Meta(description="intervals around events, kept longer")] = None
    http: Annotated[
        Address | None,
        Meta(
            description="host:port at which the recordings are read, for the web pages; beyond "
            "loopback only with keys and `tls`; absent: not over HTTP"
        ),
    ] = None
    tls: Annotated[Tls | None, Meta(description="HTTPS for `http`; absent: plain")] = None

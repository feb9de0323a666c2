"""Motion detectors."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from camfan_config.types.section import Section
from camfan_config.types.values import Cameras, Host, Name, Share


class Motion(Section, frozen=True, kw_only=True):
    """Turns pictures into events."""

    host: Annotated[Host | None, Meta(description="where it runs; absent: the broker's host")] = (
        None
    )
    cameras: Annotated[
        Cameras, Meta(description="what it watches: a list of names and globs, or *")
    ] = "*"
    fps: Annotated[float, Meta(gt=0, le=30, description="frames per second that it looks at")] = 5.0
    min_area: Annotated[
        Share,
        Meta(description="share of the picture, such as 0.3%; smaller changes are ignored"),
    ] = 0.003
    threshold: Annotated[
        float,
        Meta(ge=2, le=128, description="grey levels, of 255, that a pixel must differ by at least"),
    ] = 12.0
    start_frames: Annotated[
        int, Meta(ge=1, le=30, description="frames with motion that begin an event")
    ] = 2
    start_window: Annotated[
        int, Meta(ge=1, le=30, description="out of how many frames start_frames are counted")
    ] = 3
    end_after: Annotated[
        float,
        Meta(
            gt=0,
            le=600,
            extra={"unit": "duration"},
            description="without motion, after which an event ends",
        ),
    ] = 3.0
    absorb_after: Annotated[
        float,
        Meta(
            ge=1,
            le=3600,
            extra={"unit": "duration"},
            description="about how long an object at rest takes to become background",
        ),
    ] = 20.0
    zones: Annotated[
        dict[Name, tuple[Name, ...]],
        Meta(description="camera to the zones of it that count; absent: all of the picture"),
    ] = {}

"""What the index tells of files, frames and losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

State = Literal["open", "closed", "salvaged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRow:
    """One file of the recording: one camera, one run, one picture size."""

    id: int
    camera: str
    run: str
    path: str  # below the recorder's folder
    width: int
    height: int
    state: State = "open"
    start_ns: int  # site time of its first frame
    end_ns: int | None = None  # and of its last
    first: int | None = None  # sequences
    last: int | None = None
    bytes: int = 0
    synced_bytes: int = 0  # of these, surely on the disk


class FrameRow(Struct, frozen=True, gc=False):
    """One frame, and where its JPEG lies in its segment."""

    sequence: int
    captured_ns: int  # the camera's wall clock, as it came
    time_ns: int  # site time
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Completeness:
    """Every sequence of one run of a camera, accounted for."""

    camera: str
    run: str
    first: int
    last: int
    recorded: int
    lost: dict[str, int]  # by reason: in a gap, and not recorded later
    unexplained: int  # neither recorded nor in a gap: a gap that an index made anew forgot

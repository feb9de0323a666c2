"""What the index tells of files, frames and losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

SegmentState = Literal["open", "closed", "salvaged", "deleting"]
Form = Literal["original", "thinned", "h264"]  # what is left of the frames
ClockState = Literal["set", "unset"]  # unset: the site's clock was not known yet
UNSET_BEFORE_NS = 1_767_225_600 * 1_000_000_000  # 2026-01-01: older than any camfan
Mode = Literal["events", "activity"]  # in which some frames are not kept


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRow:
    """One file of the recording: one camera, one run, one picture size."""

    id: int
    camera: str
    run: str
    path: str  # below the recorder's folder
    width: int
    height: int
    state: SegmentState = "open"
    start_ns: int  # site time of its first frame
    end_ns: int | None = None  # and of its last
    first: int | None = None  # sequences
    last: int | None = None
    bytes: int = 0
    synced_bytes: int = 0  # of these, surely on the disk
    form: Form = "original"
    clock: ClockState = "set"
    kept: int = 0  # 1: outlives ordinary retention, as a clip or a protection needs it
    shift_ns: int = 0  # capture time minus site time, of frames whose row has no capture time


def clock_state(time_ns: int) -> ClockState:
    """Whether a site time can be true: a machine without a clock starts years in the past."""
    return "unset" if time_ns < UNSET_BEFORE_NS else "set"


def shift_between(captured_ns: int, time_ns: int) -> int:
    """The `shift_ns` of a segment that begins so; 0 where the difference exceeds 64 bits."""
    shift_ns = captured_ns - time_ns
    return shift_ns if -(1 << 63) <= shift_ns < 1 << 63 else 0


class FrameRow(Struct, frozen=True, gc=False):
    """One frame, and where its JPEG lies in its segment."""

    sequence: int
    captured_ns: int  # the camera's wall clock, as it came
    time_ns: int  # site time
    offset: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRow:
    """An interval of the recording around an event, or a manual recording."""

    id: int
    camera: str
    event: str  # the first of its events
    source: str
    kind: str
    start_ns: int  # site time, with the time before and after the event
    end_ns: int
    event_start_ns: int
    event_end_ns: int | None = None  # None while the event lasts
    peak_ns: int
    thumbnail: str | None = None  # path of a JPEG below the recorder's folder
    name: str | None = None  # of a manual recording


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionRow:
    """An interval that is never deleted."""

    id: int
    camera: str | None  # None: all cameras
    start_ns: int  # site time
    end_ns: int
    note: str
    made_ns: int


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What the segments of one camera take on the disk."""

    camera: str
    segments: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Completeness:
    """Every sequence of one run of a camera, accounted for."""

    camera: str
    run: str
    first: int
    last: int
    recorded: int
    lost: dict[str, int]  # by reason: in a gap, and not recorded later
    unexplained: int  # none of these: a gap that was forgotten by an index made from the files
    skipped: int = 0  # not recorded, as the mode said

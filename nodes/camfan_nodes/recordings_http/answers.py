"""What is asked of recordings over HTTP, and the JSON of the answers.

Times are ms since 1970 on the site's clock, to the microsecond. The recorder and the web server
answer with the same types.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from camfan import Event, RecordedClip, RecordedGap
from camfan.recording.moments import LAST_NS
from camfan.recording.protection import MAX_NOTE
from camfan.recording.rows import ProtectionRow

BASE = "/api/recordings"
WEB = "web"  # the name of the web server as a node, and of its key
RECORDER_HEADER = "X-Camfan-Recorder"  # in each answer of a recorder: its name
MOST_ROWS = 10_000
LATEST_MS = 4_000_000_000_000  # the year 2096
SHORTEST_S, LONGEST_S = 0.001, 31_536_000.0

Milliseconds = Annotated[float, Meta(ge=0, le=LATEST_MS)]


class QueryAtRecorder(Struct, frozen=True, kw_only=True):
    """Names one of several recorders of a camera; read by the web server, which chooses."""

    recorder: str | None = None


class RecordingRange(QueryAtRecorder, frozen=True, kw_only=True):
    """A time, and how much of it; absent: without a limit."""

    start: Milliseconds | None = field(default=None, name="from")
    end: Milliseconds | None = field(default=None, name="to")
    limit: Annotated[int, Meta(ge=1, le=MOST_ROWS)] = 1000

    def nanoseconds(self) -> tuple[int, int]:
        """Raises ValueError where the end is before the start."""
        start = 0 if self.start is None else first_ns(self.start)
        end = LAST_NS if self.end is None else first_ns(self.end)
        if end < start:
            raise ValueError("to is before from")
        return start, end


class FrameQuery(QueryAtRecorder, frozen=True, kw_only=True):
    """One frame: the newest at a time, or that of a sequence of a run."""

    time: Milliseconds | None = None
    sequence: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    run: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")] | None = None


class FramesQuery(QueryAtRecorder, frozen=True, kw_only=True):
    """Frames of a time; `every` in seconds: only the first of each such interval."""

    start: Milliseconds | None = field(default=None, name="from")
    end: Milliseconds | None = field(default=None, name="to")
    every: Annotated[float, Meta(ge=SHORTEST_S, le=LONGEST_S)] | None = None
    limit: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


class StretchInfo(Struct, frozen=True, kw_only=True):
    """A time that is recorded."""

    start: float
    end: float


class RecordedGapInfo(Struct, frozen=True, kw_only=True):
    """Frames of one run that are missing, and why."""

    run: str
    first: int
    last: int | None
    missing: int | None
    reason: str
    start: float | None  # of the frame before
    end: float | None  # of the frame after


class RecordedClipInfo(Struct, frozen=True, kw_only=True):
    """An interval around an event, with its own retention."""

    id: int
    event: str
    source: str
    kind: str
    start: float
    end: float
    event_start: float
    event_end: float | None
    peak: float | None
    name: str | None


class ProtectedTime(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An interval that is not to be deleted."""

    start: Milliseconds = field(name="from")
    end: Milliseconds = field(name="to")
    note: Annotated[str, Meta(max_length=MAX_NOTE)] = ""


class UnprotectWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An interval that is no longer protected, by its number."""

    id: Annotated[int, Meta(ge=1, le=2**63 - 1)]


class ProtectedInfo(Struct, frozen=True, kw_only=True):
    """An interval that is never deleted."""

    id: int
    camera: str | None  # null: all cameras
    start: float
    end: float
    note: str


class RecordedCameraInfo(Struct, frozen=True, kw_only=True):
    """A camera with recordings: from its first to its last frame."""

    camera: str
    recorder: str
    start: float
    end: float


class RecordedCameraList(Struct, frozen=True, kw_only=True):
    cameras: list[RecordedCameraInfo]


class CameraRecording(Struct, frozen=True, kw_only=True):
    """The recording of one camera in a time; each list is complete, or the earliest of it."""

    camera: str
    recorder: str
    start: float  # of its first frame, and
    end: float  # of its last, whatever time was asked for
    spans: list[StretchInfo]
    gaps: list[RecordedGapInfo]
    clips: list[RecordedClipInfo]
    protected: list[ProtectedInfo]
    complete: bool  # false: a list has more than `limit`


class RecordedEventInfo(Struct, frozen=True, kw_only=True):
    """A start, update or end of an event."""

    id: str
    time: float
    source: str
    kind: str
    state: str
    camera: str | None
    details: dict[str, Any]


class RecordedEventList(Struct, frozen=True, kw_only=True):
    events: list[RecordedEventInfo]  # oldest first
    complete: bool  # false: there are more than `limit`


def milliseconds(time_ns: int) -> float:
    """To the microsecond, which is as much as a number in JSON holds."""
    return round(time_ns / 1000) / 1000


def first_ns(time_ms: float) -> int:
    """The first ns that is shown as this time. Raises ValueError for what is not a number."""
    if not math.isfinite(time_ms):
        raise ValueError("a time is a number of ms since 1970")
    return max(round(time_ms * 1000) * 1000 - 500, 0)


def last_ns(time_ms: float) -> int:
    """The last ns that is shown as this time. Raises ValueError for what is not a number."""
    return first_ns(time_ms) + 1000


def gap_info(gap: RecordedGap) -> RecordedGapInfo:
    return RecordedGapInfo(
        run=gap.run,
        first=gap.first,
        last=gap.last,
        missing=gap.missing,
        reason=gap.reason,
        start=_optional(gap.start),
        end=_optional(gap.end),
    )


def clip_info(clip: RecordedClip) -> RecordedClipInfo:
    return RecordedClipInfo(
        id=clip.id,
        event=clip.event,
        source=clip.source,
        kind=clip.kind,
        start=milliseconds(clip.start),
        end=milliseconds(clip.end),
        event_start=milliseconds(clip.event_start),
        event_end=_optional(clip.event_end),
        peak=_optional(clip.peak),
        name=clip.name,
    )


def protected_info(row: ProtectionRow) -> ProtectedInfo:
    return ProtectedInfo(
        id=row.id,
        camera=row.camera,
        start=milliseconds(row.start_ns),
        end=milliseconds(row.end_ns),
        note=row.note,
    )


def event_info(event: Event) -> RecordedEventInfo:
    return RecordedEventInfo(
        id=event.id,
        time=milliseconds(event.time),
        source=event.source,
        kind=event.kind,
        state=event.state,
        camera=event.camera,
        details=event.details,
    )


def _optional(time_ns: int | None) -> float | None:
    return None if time_ns is None else milliseconds(time_ns)

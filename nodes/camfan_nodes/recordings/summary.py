"""What there is of each camera in a time, in numbers."""

from __future__ import annotations

import sqlite3

import msgspec
from msgspec import Struct

from camfan import Event, RecordedClip, RecordedGap, Recording
from camfan.recording.moments import LAST_NS
from camfan.recording.queries import IndexReader
from camfan.recording.rows import ProtectionRow
from camfan_nodes.export.manifest import utc_text


class RecordedCamera(Struct, frozen=True, kw_only=True):
    """One camera of a recording."""

    camera: str
    start_ns: int
    end_ns: int
    seconds: float  # that its files span
    files: int
    bytes: int
    gap_count: int
    missing: int  # frames, in the gaps where it is known how many


def summarize(
    recording: Recording,
    db: sqlite3.Connection,
    camera: str,
    from_ns: int | None,
    to_ns: int | None,
) -> RecordedCamera:
    """Of the files that overlap a time."""
    start_ns, end_ns = 0 if from_ns is None else from_ns, LAST_NS if to_ns is None else to_ns
    ((files, size, span_ns),) = db.execute(
        "SELECT count(*), coalesce(sum(bytes), 0), coalesce(sum(coalesce(end_ns, start_ns)"
        " - start_ns), 0) FROM segments WHERE camera = ? AND state != 'deleting'"
        " AND (state = 'open' OR end_ns >= ?) AND start_ns < ?",
        (camera, start_ns, end_ns),
    )
    span = recording.span(camera)
    gaps = recording.gaps(camera, from_ns, to_ns)
    return RecordedCamera(
        camera=camera,
        start_ns=max(span.start, start_ns),
        end_ns=min(span.end, end_ns),
        seconds=round(span_ns / 1e9, 3),
        files=files,
        bytes=size,
        gap_count=len(gaps),
        missing=sum(gap.missing or 0 for gap in gaps),
    )


def count_frames(db: sqlite3.Connection, camera: str, from_ns: int, to_ns: int) -> int:
    ((count,),) = db.execute(
        "SELECT count(*) FROM segments s JOIN frames f ON f.segment = s.id WHERE s.camera = ?1"
        " AND s.state != 'deleting' AND coalesce(s.end_ns, ?2) >= ?2 AND s.start_ns < ?3"
        " AND f.time_ns >= ?2 AND f.time_ns < ?3",
        (camera, from_ns, to_ns),
    )
    return int(count)


def protections(
    db: sqlite3.Connection, cameras: tuple[str, ...], from_ns: int | None, to_ns: int | None
) -> list[ProtectionRow]:
    """Protected intervals that overlap a time, of these cameras or of all."""
    start_ns, end_ns = 0 if from_ns is None else from_ns, LAST_NS if to_ns is None else to_ns
    return [
        row
        for row in IndexReader(db).protections()
        if (row.camera is None or row.camera in cameras)
        and row.end_ns >= start_ns
        and row.start_ns < end_ns
    ]


def summary_json(summary: RecordedCamera) -> dict[str, object]:
    found = dict(msgspec.structs.asdict(summary))
    found["start"], found["end"] = utc_text(found.pop("start_ns")), utc_text(found.pop("end_ns"))
    return found


def gap_json(gap: RecordedGap) -> dict[str, object]:
    return _with_times(msgspec.structs.asdict(gap), "start", "end", "noted")


def event_json(event: Event) -> dict[str, object]:
    return _with_times(msgspec.structs.asdict(event), "time")


def clip_json(clip: RecordedClip) -> dict[str, object]:
    times = ("start", "end", "event_start", "event_end", "peak")
    return _with_times(msgspec.structs.asdict(clip), *times)


def protection_json(row: ProtectionRow) -> dict[str, object]:
    return {
        "id": row.id,
        "camera": row.camera,
        "start": utc_text(row.start_ns),
        "end": utc_text(row.end_ns),
        "note": row.note,
        "made": utc_text(row.made_ns),
    }


def _with_times(fields: dict[str, object], *names: str) -> dict[str, object]:
    for name in names:
        value = fields[name]
        fields[name] = utc_text(value) if isinstance(value, int) else None
    return fields

"""Questions to an index. Nothing here writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import fields

import msgspec

from camfan.recording.rows import (
    ClipRow,
    Completeness,
    FrameRow,
    ProtectionRow,
    SegmentRow,
    SegmentState,
    UsageRow,
)
from camfan_wire.header import Position
from camfan_wire.messages import Event, Gap

_MINUTE_NS = 60_000_000_000
_HOUR_NS = 60 * _MINUTE_NS
_SEGMENT_NAMES = tuple(field.name for field in fields(SegmentRow))
_SEGMENT = ", ".join(f"s.{name}" for name in _SEGMENT_NAMES)
_CLIP = ", ".join(field.name for field in fields(ClipRow))
_PROTECTION = ", ".join(field.name for field in fields(ProtectionRow))
_GIVEN_UP = (
    "event_end_ns IS NOT NULL AND NOT EXISTS (SELECT 1 FROM protected p"
    " WHERE (p.camera IS NULL OR p.camera = clips.camera)"
    " AND p.start_ns <= clips.end_ns AND p.end_ns >= clips.start_ns)"
    " AND EXISTS (SELECT 1 FROM segments s WHERE s.kept = 1 AND s.camera = clips.camera"
    " AND s.start_ns BETWEEN clips.start_ns - 86400000000000 AND clips.end_ns"
    " AND s.end_ns >= clips.start_ns)"
)
_FRAME = (
    'f.sequence, coalesce(f.captured_ns, f.time_ns + s.shift_ns), f.time_ns, f."offset", f.size'
)
_FRAMES_OF_RUN = (
    "FROM segments s JOIN frames f ON f.segment = s.id WHERE s.camera = ? AND s.run = ?"
)


class IndexReader:
    """Reads one index; raises sqlite3.Error when that cannot be read."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def positions(self) -> dict[str, Position]:
        """The last place in each camera's stream that is recorded, skipped or known to be lost."""
        rows = self._db.execute(
            "SELECT camera, run, max(coalesce((SELECT max(last) FROM segments s"
            " WHERE s.camera = r.camera AND s.run = r.run), -1),"
            " coalesce((SELECT max(coalesce(last, first)) FROM gaps g"
            " WHERE g.camera = r.camera AND g.run = r.run), -1),"
            " coalesce((SELECT max(last) FROM skips k"
            " WHERE k.camera = r.camera AND k.run = r.run), -1))"
            " FROM runs r WHERE id = (SELECT max(id) FROM runs WHERE camera = r.camera)"
        )
        return {camera: Position(run, last) for camera, run, last in rows if last >= 0}

    def last_of(self, camera: str, run: str) -> int | None:
        """The last sequence of a run that is recorded, skipped or lost; None if there is none."""
        row = self._db.execute(
            "SELECT max(last) FROM (SELECT last FROM segments WHERE camera = ?1 AND run = ?2"
            " UNION ALL SELECT coalesce(last, first) FROM gaps WHERE camera = ?1 AND run = ?2"
            " UNION ALL SELECT last FROM skips WHERE camera = ?1 AND run = ?2)",
            (camera, run),
        ).fetchone()
        return None if row[0] is None else int(row[0])

    def runs(self) -> set[tuple[str, str]]:
        """Every (camera, run) that was ever met."""
        return set(self._db.execute("SELECT camera, run FROM runs"))

    def has_frame(self, camera: str, run: str, sequence: int) -> bool:
        return self._count(f"{_FRAMES_OF_RUN} AND f.sequence = ?", camera, run, sequence) > 0

    def file_of(self, camera: str, run: str, sequence: int) -> tuple[str, int] | None:
        """The path of the file that has a frame, and the frame's site time; None if none has."""
        row = self._db.execute(
            f"SELECT s.path, f.time_ns {_FRAMES_OF_RUN} AND f.sequence = ?",
            (camera, run, sequence),
        ).fetchone()
        return None if row is None else (str(row[0]), int(row[1]))

    def last_segment(self) -> int:
        """The greatest id of a segment; 0 when there is none."""
        ((last,),) = self._db.execute("SELECT coalesce(max(id), 0) FROM segments")
        return int(last)

    def paths(self) -> dict[str, int]:
        """The path and the id of every segment."""
        return dict(self._db.execute("SELECT path, id FROM segments").fetchall())

    def segments(
        self, camera: str | None = None, state: SegmentState | None = None
    ) -> list[SegmentRow]:
        """Files by the time they begin."""
        rows = self._db.execute(
            f"SELECT {_SEGMENT} FROM segments s"  # noqa: S608 - names of our own columns
            " WHERE (?1 IS NULL OR camera = ?1) AND (?2 IS NULL OR state = ?2)"
            " ORDER BY start_ns, id",
            (camera, state),
        )
        return [_segment(row) for row in rows]

    def ordinary(self, camera: str) -> Iterator[SegmentRow]:
        """The closed files of a camera that retention may look at, by the time they begin.

        Read while it is iterated, so the index must not change meanwhile.
        """
        rows = self._db.execute(
            f"SELECT {_SEGMENT} FROM segments s WHERE camera = ? AND kept = 0"  # noqa: S608 - as above
            " AND state IN ('closed', 'salvaged') ORDER BY start_ns",
            (camera,),
        )
        return (_segment(row) for row in rows)

    def needed(self, segment: SegmentRow) -> tuple[tuple[int, int], ...]:
        """The intervals of clips and protection that touch a file, in site time."""
        rows = self._db.execute(
            "SELECT start_ns, end_ns FROM clips WHERE camera = ?1 AND start_ns <= ?3"
            " AND start_ns >= ?2 - 86400000000000 AND end_ns >= ?2"
            " UNION ALL SELECT start_ns, end_ns FROM protected"
            " WHERE (camera IS NULL OR camera = ?1) AND start_ns <= ?3 AND end_ns >= ?2",
            (segment.camera, segment.start_ns, segment.end_ns or segment.start_ns),
        )
        return tuple(rows)

    def frames(
        self, camera: str, from_ns: int = 0, until_ns: int = 2**63 - 1
    ) -> Iterator[tuple[SegmentRow, FrameRow]]:
        """The frames of a camera from one site time to before another, in order of time."""
        rows = self._db.execute(
            f"SELECT {_SEGMENT}, {_FRAME} FROM segments s"  # noqa: S608 - names of our own columns
            " JOIN frames f ON f.segment = s.id WHERE s.camera = ?1"
            " AND s.start_ns < ?3 AND coalesce(s.end_ns, ?2) >= ?2"
            " AND f.time_ns >= ?2 AND f.time_ns < ?3 ORDER BY f.time_ns, s.id, f.sequence",
            (camera, from_ns, until_ns),
        )
        width = len(_SEGMENT_NAMES)
        return ((_segment(row[:width]), FrameRow(*row[width:])) for row in rows)

    def frames_of(self, segment: int) -> list[FrameRow]:
        """The frames of a file, in their order."""
        rows = self._db.execute(
            f"SELECT {_FRAME} FROM frames f JOIN segments s ON s.id = f.segment"  # noqa: S608 - as above
            " WHERE f.segment = ? ORDER BY f.sequence",
            (segment,),
        )
        return [FrameRow(*row) for row in rows]

    def gaps(self, camera: str) -> list[Gap]:
        """Gaps as they were reported, in that order; late frames may have come since."""
        rows = self._db.execute(
            "SELECT camera, run, first, last, reason FROM gaps WHERE camera = ? ORDER BY id",
            (camera,),
        )
        names = ("camera", "run", "first", "last", "reason")
        return [Gap(**dict(zip(names, row, strict=True))) for row in rows]

    def events(self) -> list[Event]:
        rows = self._db.execute(
            "SELECT event, source, kind, camera, state, time_ns, details FROM events ORDER BY id"
        )
        names = ("id", "source", "kind", "camera", "state", "time")
        return [
            Event(**dict(zip(names, row, strict=True)), details=msgspec.json.decode(details))
            for *row, details in rows
        ]

    def clips(
        self, camera: str | None = None, from_ns: int = 0, until_ns: int = 2**63 - 1
    ) -> list[ClipRow]:
        """Clips that touch the time from one moment to before another, by their start."""
        rows = self._db.execute(
            f"SELECT {_CLIP} FROM clips WHERE (?1 IS NULL OR camera = ?1)"  # noqa: S608 - as above
            " AND start_ns < ?3 AND end_ns >= ?2 ORDER BY start_ns, id",
            (camera, from_ns, until_ns),
        )
        names = tuple(field.name for field in fields(ClipRow))
        return [ClipRow(**dict(zip(names, row, strict=True))) for row in rows]

    def bytes_per_hour(self, camera: str, since_ns: int) -> float | None:
        """The rate of a camera's files that began since then; None for less than a minute."""
        stored, first_ns, last_ns = self._db.execute(
            "SELECT sum(bytes), min(start_ns), max(end_ns) FROM segments"
            " WHERE camera = ? AND start_ns >= ?",
            (camera, since_ns),
        ).fetchone()
        length_ns = 0 if first_ns is None or last_ns is None else last_ns - first_ns
        return stored * _HOUR_NS / length_ns if length_ns >= _MINUTE_NS else None

    def rates(self, since_ns: int) -> dict[str, float]:
        """Bytes per hour of the cameras of which enough was recorded since then."""
        found = {row.camera: self.bytes_per_hour(row.camera, since_ns) for row in self.usage()}
        return {camera: rate for camera, rate in found.items() if rate is not None}

    def last_clip_id(self) -> int:
        """The greatest id of a clip; 0 when there is none."""
        ((last,),) = self._db.execute("SELECT coalesce(max(id), 0) FROM clips")
        return int(last)

    def open_clips(self) -> list[ClipRow]:
        """Clips whose event lasts, or lasted when the recorder was killed."""
        return self._clips("event_end_ns IS NULL", -1)

    def last_clips(self) -> list[ClipRow]:
        """The last clip of each camera that is not a manual recording."""
        newest = "SELECT max(id) FROM clips WHERE name IS NULL GROUP BY camera"
        return self._clips(f"id IN ({newest})", -1)

    def recorded_until(self, camera: str) -> int | None:
        """Site time of the end of the last file of a camera; None without one."""
        row = self._db.execute(
            "SELECT end_ns FROM segments WHERE camera = ? ORDER BY start_ns DESC LIMIT 1", (camera,)
        ).fetchone()
        return None if row is None or row[0] is None else int(row[0])

    def clips_ended_before(self, time_ns: int, at_most: int) -> list[ClipRow]:
        """The oldest clips that are over and ended before a site time."""
        return self._clips("end_ns < ? AND event_end_ns IS NOT NULL", at_most, time_ns)

    def oldest_unprotected_clip(self) -> ClipRow | None:
        """The first clip that is over, keeps a file, and of which nothing is protected."""
        found = self._clips(_GIVEN_UP, 1)
        return found[0] if found else None

    def _clips(self, which: str, at_most: int, *values: object) -> list[ClipRow]:
        rows = self._db.execute(
            f"SELECT {_CLIP} FROM clips WHERE {which} ORDER BY end_ns LIMIT {at_most}",  # noqa: S608 - as above
            values,
        )
        names = tuple(field.name for field in fields(ClipRow))
        return [ClipRow(**dict(zip(names, row, strict=True))) for row in rows]

    def protections(self) -> list[ProtectionRow]:
        """Intervals that are never deleted, by their start."""
        rows = self._db.execute(
            f"SELECT {_PROTECTION} FROM protected ORDER BY start_ns, id"  # noqa: S608 - as above
        )
        names = tuple(field.name for field in fields(ProtectionRow))
        return [ProtectionRow(**dict(zip(names, row, strict=True))) for row in rows]

    def usage(self) -> list[UsageRow]:
        """What each camera takes on the disk; a look-up, however many segments there are."""
        rows = self._db.execute("SELECT camera, segments, bytes FROM usage ORDER BY camera")
        return [UsageRow(*row) for row in rows]

    def completeness(self, camera: str) -> list[Completeness]:
        """What became of every sequence, by run, the oldest run first."""
        rows = self._db.execute("SELECT run FROM runs WHERE camera = ? ORDER BY id", (camera,))
        accounts = [self._account(camera, run) for (run,) in rows.fetchall()]
        return [account for account in accounts if account]

    def _account(self, camera: str, run: str) -> Completeness | None:
        ((recorded, first, last),) = self._db.execute(
            f"SELECT count(*), min(sequence), max(sequence) {_FRAMES_OF_RUN}",
            (camera, run),
        )
        gaps = self._db.execute(
            "SELECT first, last, reason FROM gaps"
            " WHERE camera = ? AND run = ? AND last IS NOT NULL ORDER BY first",
            (camera, run),
        ).fetchall()
        skips = self._db.execute(
            "SELECT first, last FROM skips WHERE camera = ? AND run = ? ORDER BY first",
            (camera, run),
        ).fetchall()
        if not recorded and not gaps and not skips:
            return None
        ends = [(first, last)] if recorded else []
        ends += [(gap_first, gap_last) for gap_first, gap_last, _ in gaps]
        ends += skips
        first, last = min(end[0] for end in ends), max(end[1] for end in ends)
        lost = self._lost(camera, run, gaps)
        skipped = sum(self._lost(camera, run, [(*skip, "") for skip in skips]).values())
        unexplained = last - first + 1 - recorded - sum(lost.values()) - skipped
        return Completeness(camera, run, first, last, recorded, lost, unexplained, skipped)

    def _lost(self, camera: str, run: str, gaps: list[tuple[int, int, str]]) -> dict[str, int]:
        lost: dict[str, int] = {}
        reach = -1  # gaps may overlap: each sequence is lost once
        for gap_first, gap_last, reason in gaps:
            first = max(gap_first, reach + 1)
            reach = max(reach, gap_last)
            within = f"{_FRAMES_OF_RUN} AND f.sequence BETWEEN ? AND ?"
            missing = gap_last - first + 1
            if missing > 0:
                missing -= self._count(within, camera, run, first, gap_last)
            if missing > 0:
                lost[reason] = lost.get(reason, 0) + missing
        return lost

    def _count(self, what: str, *values: object) -> int:
        ((count,),) = self._db.execute(f"SELECT count(*) {what}", values)
        return int(count)


def _segment(row: tuple[object, ...]) -> SegmentRow:
    return SegmentRow(**dict(zip(_SEGMENT_NAMES, row, strict=True)))  # type: ignore[arg-type]  # STRICT tables

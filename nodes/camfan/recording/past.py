"""What an index says of a time besides frames: spans, gaps, events and clips."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import msgspec
from msgspec import Struct

from camfan.recording.errors import IndexDamagedError
from camfan.recording.rows import ProtectionRow
from camfan_wire.messages import Event

PAUSE_NS = 2_000_000_000  # between two files of one stretch, unless no frame is missing between


class RecordedSpan(NamedTuple):
    """A time from its first to its last frame, ns since 1970."""

    start: int
    end: int


class RecordedGap(Struct, frozen=True, kw_only=True):
    """Frames of one run that are missing.

    Attributes:
        camera: name of the camera.
        run: the run of the camera that numbered them.
        first: number of the first of them.
        last: number of the last of them, included; None: not known.
        missing: how many of them are missing; None: not known.
        reason: why, as in `Gap.reason`.
        start: time of the last frame before, ns since 1970; None: there is none of that run.
        end: time of the first frame after; None: there is none of that run.
        noted: when the recorder noted it.
    """

    camera: str
    run: str
    first: int
    last: int | None
    missing: int | None
    reason: str
    start: int | None
    end: int | None
    noted: int


class RecordedClip(Struct, frozen=True, kw_only=True):
    """An interval around an event that is kept by its own rules.

    Attributes:
        id: number of the clip.
        camera: name of the camera.
        event: id of the event.
        source, kind: of the event.
        start, end: of the clip, with what is kept before and after the event, ns since 1970.
        event_start: when the event began.
        event_end: when it ended; None: it goes on.
        peak: when the event was strongest; None: not known.
        thumbnail: file of a small picture, below the folder of the recordings.
        name: of a recording that was started by hand.
    """

    id: int
    camera: str
    event: str
    source: str
    kind: str
    start: int
    end: int
    event_start: int
    event_end: int | None
    peak: int | None
    thumbnail: str | None
    name: str | None


GapFields = tuple[str, str, int, int | None, str, int]


class RecordingPast:
    """Reads one index; raises sqlite3.Error and IndexDamagedError."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def cameras(self) -> list[str]:
        rows = self._db.execute(
            "WITH RECURSIVE names(name) AS (SELECT min(camera) FROM segments UNION ALL"
            " SELECT (SELECT min(camera) FROM segments WHERE camera > name) FROM names"
            " WHERE name IS NOT NULL) SELECT name FROM names WHERE name IS NOT NULL"
        )
        return [name for (name,) in rows if self.span(name) is not None]

    def span(self, camera: str) -> RecordedSpan | None:
        """None when there is no frame of the camera."""
        there = (
            "FROM segments s WHERE camera = ?1 AND state != 'deleting'"
            " AND EXISTS (SELECT 1 FROM frames WHERE segment = s.id) ORDER BY start_ns"
        )
        ((start, end),) = self._db.execute(
            f"SELECT (SELECT start_ns {there} LIMIT 1), (SELECT max(end_ns) FROM (SELECT CASE state"  # noqa: S608 - as above
            " WHEN 'open' THEN (SELECT time_ns FROM frames WHERE segment = s.id"
            f" ORDER BY sequence DESC LIMIT 1) ELSE end_ns END AS end_ns {there} DESC LIMIT 100))",
            (camera,),
        )
        return None if start is None else RecordedSpan(start, end)

    def stretches(self, camera: str, from_ns: int, until_ns: int) -> list[RecordedSpan]:
        """Files that follow each other, as one; those without frames are left out."""
        rows = self._db.execute(
            "SELECT start_ns, end, run, coalesce(first, edge), coalesce(last, edge) FROM (SELECT *,"
            " CASE state WHEN 'open' THEN (SELECT time_ns FROM frames WHERE segment = s.id"
            " ORDER BY sequence DESC LIMIT 1) ELSE end_ns END AS end,"
            " CASE state WHEN 'open' THEN (SELECT min(sequence) FROM frames WHERE segment = s.id)"
            " END AS edge FROM segments s WHERE camera = ?1 AND state != 'deleting'"
            " AND start_ns < ?3) WHERE end >= ?2 ORDER BY start_ns",
            (camera, from_ns, until_ns),
        )
        found: list[RecordedSpan] = []
        before: tuple[str, int] | None = None  # run and last sequence
        for start, end, run, first, last in rows:
            follows = before == (run, first - 1)
            if found and (follows or start - found[-1].end <= PAUSE_NS):
                found[-1] = RecordedSpan(found[-1].start, max(end, found[-1].end))
            else:
                found.append(RecordedSpan(start, end))
            before = (run, last)
        return found

    def gaps(self, camera: str | None, from_ns: int, until_ns: int) -> list[RecordedGap]:
        cameras = [camera] if camera is not None else self._cameras_with_gaps()
        rows = [row for name in cameras for row in self._gap_rows(name, from_ns, until_ns)]
        found = [self._gap(*row) for row in rows]
        there = [gap for gap in found if gap is not None and _overlaps(gap, from_ns, until_ns)]
        return sorted(there, key=_gap_start)

    def _cameras_with_gaps(self) -> list[str]:
        return [name for (name,) in self._db.execute("SELECT DISTINCT camera FROM gaps")]

    def _gap_rows(self, camera: str, from_ns: int, until_ns: int) -> list[GapFields]:
        """Gaps that may overlap a time: beside a file of that time, or noted in it."""
        rows = self._db.execute(
            "WITH near AS (SELECT * FROM segments WHERE camera = ?1 AND start_ns < ?3 AND start_ns"
            " >= coalesce((SELECT max(start_ns) FROM segments WHERE camera = ?1 AND start_ns < ?2"
            " - 86400000000000), 0) UNION ALL SELECT * FROM (SELECT * FROM segments WHERE"
            " camera = ?1 AND start_ns >= ?3 ORDER BY start_ns LIMIT 1)),"
            " spans AS (SELECT run, min(first) AS low, max(last) AS high FROM near GROUP BY run)"
            " SELECT camera, g.run, first, last, reason, time_ns FROM gaps g LEFT JOIN spans"
            " ON spans.run = g.run WHERE camera = ?1 AND (time_ns >= ?2 AND time_ns < ?3"
            " OR (first <= high + 1 AND coalesce(last, first) >= low - 1)) ORDER BY g.id",
            (camera, from_ns, until_ns),
        )
        return rows.fetchall()

    def events(self, camera: str | None, from_ns: int, until_ns: int) -> list[Event]:
        rows = self._db.execute(
            "SELECT event, source, kind, camera, state, time_ns, details FROM events"
            " WHERE time_ns >= ?2 AND time_ns < ?3 AND (?1 IS NULL OR camera = ?1)"
            " ORDER BY time_ns, id",
            (camera, from_ns, until_ns),
        )
        return [_event(row) for row in rows]

    def clips(self, camera: str | None, from_ns: int, until_ns: int) -> list[RecordedClip]:
        rows = self._db.execute(
            "SELECT id, camera, event, source, kind, start_ns, end_ns, event_start_ns,"
            " event_end_ns, peak_ns, thumbnail, name FROM clips"
            " WHERE end_ns >= ?2 AND start_ns < ?3 AND (?1 IS NULL OR camera = ?1)"
            " ORDER BY start_ns, id",
            (camera, from_ns, until_ns),
        )
        names = RecordedClip.__struct_fields__
        return [RecordedClip(**dict(zip(names, row, strict=True))) for row in rows]

    def protections(self, camera: str, from_ns: int, until_ns: int) -> list[ProtectionRow]:
        rows = self._db.execute(
            "SELECT id, camera, start_ns, end_ns, note, made_ns FROM protected"
            " WHERE (camera IS NULL OR camera = ?1) AND end_ns >= ?2 AND start_ns < ?3"
            " ORDER BY start_ns, id",
            (camera, from_ns, until_ns),
        )
        names = ("id", "camera", "start_ns", "end_ns", "note", "made_ns")
        return [ProtectionRow(**dict(zip(names, row, strict=True))) for row in rows]

    def _gap(
        self, camera: str, run: str, first: int, last: int | None, reason: str, noted: int
    ) -> RecordedGap | None:
        """None when all of it came late."""
        missing = None if last is None else last - first + 1 - self._count(camera, run, first, last)
        if missing == 0:
            return None
        return RecordedGap(
            camera=camera,
            run=run,
            first=first,
            last=last,
            missing=missing,
            reason=reason,
            start=self._time_beside(camera, run, first, before=True),
            end=None if last is None else self._time_beside(camera, run, last, before=False),
            noted=noted,
        )

    def _count(self, camera: str, run: str, first: int, last: int) -> int:
        ((count,),) = self._db.execute(
            "SELECT count(*) FROM segments s JOIN frames f ON f.segment = s.id"
            " WHERE s.camera = ?1 AND s.run = ?2 AND f.sequence BETWEEN ?3 AND ?4"
            " AND (s.state = 'open' OR s.last >= ?3 AND s.first <= ?4)",
            (camera, run, first, last),
        )
        return int(count)

    def _time_beside(self, camera: str, run: str, sequence: int, *, before: bool) -> int | None:
        """Time of the nearest frame of the run before or after a sequence."""
        side, order, which = ("<", "DESC", "max") if before else (">", "ASC", "min")
        bound = "first < ?3 ORDER BY first DESC" if before else "last > ?3 ORDER BY last"
        of_run = "SELECT id FROM segments WHERE camera = ?1 AND run = ?2 AND"
        ((time_ns,),) = self._db.execute(
            f"SELECT {which}((SELECT time_ns FROM frames WHERE segment = s.id"  # noqa: S608 - words of our own
            f" AND sequence {side} ?3 ORDER BY sequence {order} LIMIT 1))"
            f" FROM (SELECT * FROM ({of_run} {bound} LIMIT 3)"
            f" UNION {of_run} state = 'open') s",
            (camera, run, sequence),
        )
        return None if time_ns is None else int(time_ns)


def _gap_start(gap: RecordedGap) -> int:
    return gap.noted if gap.start is None else gap.start


def _overlaps(gap: RecordedGap, from_ns: int, until_ns: int) -> bool:
    end_ns = gap.noted if gap.end is None else gap.end
    return end_ns >= from_ns and _gap_start(gap) < until_ns


def _event(row: tuple[object, ...]) -> Event:
    names = ("id", "source", "kind", "camera", "state", "time")
    *fields, details = row
    try:
        return msgspec.convert(
            {**dict(zip(names, fields, strict=True)), "details": msgspec.json.decode(str(details))},
            Event,
        )
    except msgspec.MsgspecError as exc:
        raise IndexDamagedError(f"the event {fields[0]!r} of the index is damaged: {exc}") from exc

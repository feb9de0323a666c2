"""The index of one recorder: a SQLite database of what was recorded, what was lost, and where.

The files are the truth; the index can be made again from them (but for gaps and events). One
process writes, others may read at any time (WAL). What is added waits in memory until `commit`,
and goes on waiting while the disk takes nothing.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from camfan.recording.errors import IndexDamagedError
from camfan.recording.queries import IndexReader
from camfan.recording.rows import ClipRow, FrameRow, Mode, SegmentRow
from camfan.recording.schema import FILE_NAME, connect, explained
from camfan_wire.messages import Event, Gap

log = logging.getLogger(__name__)

_CLIP_COLUMNS = tuple(field.name for field in fields(ClipRow))
_SAVE_CLIP = (
    f"INSERT INTO clips ({', '.join(_CLIP_COLUMNS)})"  # noqa: S608 - names of our own columns
    f" VALUES ({', '.join('?' * len(_CLIP_COLUMNS))})"
    " ON CONFLICT (id) DO UPDATE SET start_ns = excluded.start_ns, end_ns = excluded.end_ns,"
    " event_end_ns = excluded.event_end_ns, peak_ns = excluded.peak_ns,"
    " thumbnail = excluded.thumbnail"
)


class Index:
    """The open database; `reader` sees what was committed."""

    def __init__(self, folder: Path) -> None:
        """Raises RecordingError."""
        self.path = folder / FILE_NAME
        self._pending: list[tuple[str, tuple[object, ...]]] = []
        self._frames: list[tuple[int | None, ...]] = []  # come after what else is pending
        self._db = connect(self.path)
        self.reader = IndexReader(self._db)
        try:
            self._next_id = 1 + self.reader.last_segment()
            self._next_clip = 1 + self.reader.last_clip_id()
        except sqlite3.Error as exc:
            self._db.close()
            raise explained(self.path, exc) from exc

    @property
    def waiting(self) -> int:
        """How many changes wait for the next commit."""
        return len(self._pending) + len(self._frames)

    def new_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def add_segment(self, row: SegmentRow) -> None:
        self._add_run(row.camera, row.run)
        self._add(
            "INSERT INTO segments (id, camera, run, path, width, height, state, start_ns,"
            " bytes, synced_bytes, form, clock, kept, shift_ns)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?)",
            *(row.id, row.camera, row.run, row.path, row.width, row.height),
            *(row.state, row.start_ns, row.form, row.clock, row.kept, row.shift_ns),
        )

    def update_segment(self, row: SegmentRow) -> None:
        """Bring what changes of a segment up to date."""
        self._add(
            "UPDATE segments SET state = ?, end_ns = ?, first = ?, last = ?, bytes = ?,"
            " synced_bytes = ? WHERE id = ?",
            *(row.state, row.end_ns, row.first, row.last, row.bytes, row.synced_bytes, row.id),
        )

    def forget_segment(self, segment: int) -> None:
        self.forget_frames(segment)
        self._add("DELETE FROM segments WHERE id = ?", segment)

    def mark_deleting(self, segment: int) -> None:
        """Its file is about to be deleted; without effect on what is needed meanwhile."""
        self._add(
            "UPDATE segments AS s SET state = 'deleting' WHERE id = ? AND kept = 0"
            " AND state IN ('closed', 'salvaged') AND NOT EXISTS (SELECT 1 FROM protected p"
            " WHERE (p.camera IS NULL OR p.camera = s.camera)"
            " AND p.start_ns <= s.end_ns AND p.end_ns >= s.start_ns)",
            segment,
        )

    def replace_segment(self, old: int, row: SegmentRow, frames: Iterable[FrameRow]) -> None:
        """A closed file takes over from another, whose file is then to be deleted."""
        self.add_segment(row)
        self.update_segment(row)
        self.forget_frames(old)
        self._add("UPDATE segments SET state = 'deleting' WHERE id = ?", old)
        for frame in frames:
            self.add_frame(row.id, frame, row.shift_ns)

    def restore_segment(self, segment: int) -> None:
        """Its file is not deleted after all."""
        self._add("UPDATE segments SET state = 'closed' WHERE id = ?", segment)

    def keep_segment(self, segment: int) -> None:
        """Retention leaves it alone until a clip or a protection of its time is removed."""
        self._add("UPDATE segments SET kept = 1 WHERE id = ?", segment)

    def new_clip_id(self) -> int:
        self._next_clip += 1
        return self._next_clip - 1

    def save_clip(self, clip: ClipRow) -> None:
        """Add a clip, or bring it up to date."""
        values = [getattr(clip, name) for name in _CLIP_COLUMNS]
        self._add(_SAVE_CLIP, *values)

    def add_skip(self, camera: str, run: str, first: int, last: int, mode: Mode) -> None:
        """A stretch of which the mode does not keep all; it may grow."""
        self._add_run(camera, run)
        self._add(
            "INSERT INTO skips (camera, run, first, last, mode) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (camera, run, first) DO UPDATE SET last = max(last, excluded.last)",
            *(camera, run, first, last, mode),
        )

    def forget_clip(self, clip: int) -> None:
        self._add("DELETE FROM clips WHERE id = ?", clip)

    def add_frame(self, segment: int, row: FrameRow, shift_ns: int) -> None:
        """`shift_ns` is that of the segment; a capture time that follows from it takes no room."""
        captured_ns = None if row.captured_ns == row.time_ns + shift_ns else row.captured_ns
        self._frames.append((segment, row.sequence, captured_ns, row.time_ns, row.offset, row.size))

    def forget_frames(self, segment: int) -> None:
        self._add("DELETE FROM frames WHERE segment = ?", segment)

    def add_gap(self, gap: Gap, time_ns: int) -> None:
        """A gap that is reported again is one gap, as long as the longer report."""
        self._add_run(gap.camera, gap.run)
        self._add(
            "INSERT INTO gaps (camera, run, first, last, reason, time_ns)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (camera, run, first) DO UPDATE"
            " SET last = max(coalesce(last, excluded.last), coalesce(excluded.last, last))",
            *(gap.camera, gap.run, gap.first, gap.last, gap.reason, time_ns),
        )

    def add_event(self, event: Event) -> None:
        self._add(
            "INSERT INTO events (event, source, kind, camera, state, time_ns, details)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(event.id, event.source, event.kind, event.camera, event.state, event.time),
            msgspec.json.encode(event.details).decode(),
        )

    def commit(self, *, durable: bool) -> None:
        """Write what waits; `durable`: it is on the disk when this returns.

        Raises sqlite3.OperationalError while the disk does not take it, and nothing is lost then;
        IndexDamagedError when it never will.
        """
        if not self.waiting:
            return
        try:
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._db.execute("BEGIN IMMEDIATE")
            for statement, values in self._pending:
                self._db.execute(statement, values)
            self._db.executemany(
                "INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?, ?, ?)", self._frames
            )
            self._db.execute("COMMIT")
        except sqlite3.Error as exc:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if isinstance(exc, sqlite3.OperationalError):
                raise
            raise explained(self.path, exc) from exc
        self._pending.clear()
        self._frames.clear()

    def withdraw(self) -> None:
        """Forget what was added since the last commit, which the disk did not take."""
        self._pending.clear()
        self._frames.clear()

    def close(self) -> None:
        self._db.close()

    def _add_run(self, camera: str, run: str) -> None:
        self._add("INSERT OR IGNORE INTO runs (camera, run) VALUES (?, ?)", camera, run)

    def _add(self, statement: str, *values: object) -> None:
        self._pending.append((statement, values))


def open_index(folder: Path) -> Index:
    """The index; a damaged one is set aside, and the new one is empty. Raises RecordingError."""
    try:
        return Index(folder)
    except IndexDamagedError as exc:
        log.error("%s; set aside as %s", exc, set_aside(folder).name)
        return Index(folder)


def set_aside(folder: Path) -> Path:
    """Give a damaged index another name, so that the next one is made from the files."""
    path = folder / FILE_NAME
    aside = path.with_name(f"{FILE_NAME}.damaged-{datetime.now(UTC):%Y-%m-%dT%H-%M-%S.%fZ}")
    for ending in ("", "-wal", "-shm"):
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(aside.with_name(aside.name + ending))
    return aside

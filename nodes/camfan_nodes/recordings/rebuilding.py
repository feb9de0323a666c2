"""`camfan recordings rebuild`: the index from the files, with what the old one still tells.

Gaps, events, clips and protected intervals are in no file; they are copied as far as the old index
can be read. It stays beside the new one under another name.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from camfan import RecordingError
from camfan.recording.schema import FILE_NAME, connect_to_read, explained
from camfan_nodes.recorder.index import Index, set_aside
from camfan_nodes.recorder.recovery import recover
from camfan_nodes.recordings.choosing import RecordingsPlace, find_place
from camfan_nodes.recordings.locking import held_folder
from camfan_nodes.recordings.tables import print_lines

TABLES = {
    "gaps": "camera, run, first, last, reason, time_ns",
    "skips": "camera, run, first, last, mode",
    "events": "event, source, kind, camera, state, time_ns, details",
    "clips": "camera, event, source, kind, start_ns, end_ns, event_start_ns, event_end_ns,"
    " peak_ns, thumbnail, name",
    "protected": "id, camera, start_ns, end_ns, note, made_ns",
}


def rebuild_recordings(arguments: argparse.Namespace) -> int:
    place = find_place(arguments)
    with held_folder(place.folder, "rebuild the index of"):
        rebuild(place)
    return 0


def rebuild(place: RecordingsPlace) -> None:
    """The folder is held. Raises RecordingError; the old index is in its place then."""
    try:
        place.index.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".rebuild-", dir=place.index))
    except OSError as exc:
        raise RecordingError(f"cannot write into {place.index}: {exc.strerror}") from exc
    try:
        found = _build(place, folder)
        old = place.index / FILE_NAME
        aside = set_aside(place.index) if old.exists() else None
        (folder / FILE_NAME).rename(old)
    except OSError as exc:
        raise RecordingError(f"cannot rebuild the index of {place.folder}: {exc}") from exc
    except sqlite3.Error as exc:
        raise explained(folder / FILE_NAME, exc) from exc
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print_lines(*found)
    if aside is not None:
        print_lines(f"the old index is {aside}")


def _build(place: RecordingsPlace, folder: Path) -> list[str]:
    """What there is to say of it."""
    with closing(Index(folder)) as index:
        recover(place.folder, index)
        index.commit(durable=True)
        files = len(index.reader.paths())
    with closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as db:
        ((frames,),) = db.execute("SELECT count(*) FROM frames")
        lines = [f"{files} files, {frames} frames"]
        lines += _copied(place.index / FILE_NAME, db)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode = DELETE")  # the one file that is renamed is all of it
    return lines


def _copied(old: Path, db: sqlite3.Connection) -> list[str]:
    if not old.is_file():
        return ["there was no index: gaps, events, clips and protected intervals are not known"]
    try:
        source = connect_to_read(old)
    except RecordingError as exc:
        return [f"{exc}; its gaps, events, clips and protected intervals are lost"]
    with closing(source):
        return [_copy(source, db, table, columns) for table, columns in TABLES.items()]


def _copy(source: sqlite3.Connection, db: sqlite3.Connection, table: str, columns: str) -> str:
    """Row by row, to where the old table is damaged; what became of it."""
    count, error = 0, ""
    marks = ", ".join("?" * len(columns.split(",")))
    db.execute("BEGIN")
    try:
        for row in source.execute(f"SELECT {columns} FROM {table}"):  # noqa: S608 - names of our own
            with suppress(sqlite3.IntegrityError):  # of a row that is damaged
                db.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", row)  # noqa: S608 - as above
                count += 1
    except (sqlite3.Error, ValueError, OverflowError) as exc:
        error = f"; the rest is damaged: {exc}"
    db.execute("COMMIT")
    return f"{table}: {count} kept{error}"

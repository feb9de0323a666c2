"""Protected intervals: the rows that a recorder reads before it deletes anything.

They are written by other programs than the recorder, which may run meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from camfan.recording.errors import RecordingError
from camfan.recording.queries import IndexReader
from camfan.recording.reader_index import open_to_read
from camfan.recording.rows import ProtectionRow
from camfan.recording.schema import FILE_NAME, connect, explained

MAX_NOTE = 200
ProtectedFields = tuple[str | None, int, int, str, int]  # camera, start, end, note, made


@contextmanager
def writable_index(folder: Path) -> Iterator[sqlite3.Connection]:
    """One transaction on an index that exists. Raises RecordingError."""
    path = folder / FILE_NAME
    open_to_read(folder).close()  # it is an index, and not made here
    try:
        with closing(connect(path)) as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
    except sqlite3.Error as exc:
        if getattr(exc, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY:
            raise RecordingError(f"{path} is not writable for this user") from exc
        raise explained(path, exc) from exc


def insert_protection(db: sqlite3.Connection, row: ProtectedFields) -> ProtectionRow:
    cursor = db.execute(
        "INSERT INTO protected (camera, start_ns, end_ns, note, made_ns) VALUES (?, ?, ?, ?, ?)",
        row,
    )
    number = cursor.lastrowid
    return next(each for each in IndexReader(db).protections() if each.id == number)


def delete_protections(db: sqlite3.Connection, numbers: list[int]) -> None:
    db.executemany("DELETE FROM protected WHERE id = ?", [(each,) for each in numbers])

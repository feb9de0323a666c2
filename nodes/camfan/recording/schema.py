"""Opening an index; a file that is not an index of ours is rejected by name."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from camfan.recording.errors import IndexDamagedError, RecordingError
from camfan.recording.tables import (
    ADDED_IN_2,
    EDITS_OF_2,
    SCHEMA,
    SEGMENT_COLUMNS_OF_2,
    VIEWS_ON_1,
)
from camfan_config.report.mounts import network_share

FILE_NAME = "index.sqlite"
APPLICATION_ID = 0x63616D66  # "camf"
VERSION = 2
BUSY_S = 1.0  # how long another program's lock on the index may hold us up


def connect(path: Path) -> sqlite3.Connection:
    """The index at `path`, made if there is none. Raises RecordingError."""
    try:
        db = sqlite3.connect(  # opened on one thread and then used on another, never on both
            path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as exc:
        raise explained(path, exc) from exc
    try:
        _prepare(db, path)
        ((mode,),) = db.execute("PRAGMA journal_mode = WAL")
        if mode != "wal":  # it shares memory between processes, which a network share does not
            raise RecordingError(no_locks(path.parent))
    except sqlite3.Error as exc:
        db.close()
        raise explained(path, exc) from exc
    except RecordingError:
        db.close()
        raise
    return db


def no_locks(folder: Path) -> str:
    """The sentence for a folder in which SQLite gets no lock."""
    kind = network_share(folder)
    shown = f"on a network share ({kind})" if kind else "on a network share or used elsewhere"
    return (
        f"SQLite gets no lock on {folder / FILE_NAME}, which is {shown}; "
        "set `index:` of the recorder to a folder on a local disk"
    )


def _name_of(error: sqlite3.Error) -> str:
    return f"{getattr(error, 'sqlite_errorname', '')} {error}".lower()


def explained(path: Path, error: sqlite3.Error) -> RecordingError:
    """The sentence for what SQLite complains of."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # absent: Python itself complains
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return IndexDamagedError(f"{path} is damaged: {error}")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return RecordingError(f"{no_locks(path.parent)} ({error})")
    if code == sqlite3.SQLITE_IOERR and "lock" in _name_of(error):
        return RecordingError(f"{no_locks(path.parent)} ({error})")
    if code == sqlite3.SQLITE_CANTOPEN and path.is_dir():
        return RecordingError(f"{path} is a folder; the index is a file of that name")
    return RecordingError(f"{path}: {error}")


def connect_to_read(path: Path, *, immutable: bool = False) -> sqlite3.Connection:
    """The index at `path`, which is only read, of this version or of an older one.

    `immutable`: no other program writes meanwhile; then SQLite needs neither locks nor shared
    memory. One thread at a time may use the connection. Raises RecordingError.
    """
    mode = "mode=ro&immutable=1" if immutable else "mode=ro"
    try:
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?{mode}",
            uri=True,
            timeout=BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as exc:
        raise explained(path, exc) from exc
    try:
        if _version(db, path) == 1:
            db.executescript(VIEWS_ON_1)
    except sqlite3.Error as exc:
        db.close()
        raise explained(path, exc) from exc
    except RecordingError:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or bring those of an older version up to date."""
    ((tables,),) = db.execute("SELECT count(*) FROM sqlite_schema")
    if not tables:
        pragmas = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
        db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} {pragmas} COMMIT;")
    elif _version(db, path) == 1:
        _migrate(db)


def _version(db: sqlite3.Connection, path: Path) -> int:
    ((application,),) = db.execute("PRAGMA application_id")
    ((version,),) = db.execute("PRAGMA user_version")
    if application != APPLICATION_ID:
        raise RecordingError(f"{path} is a database of another program; give the recorder a folder")
    if not 1 <= version <= VERSION:
        raise RecordingError(
            f"{path} is of version {version}, this camfan knows versions up to {VERSION}: "
            "use the camfan that wrote it, or another folder"
        )
    return int(version)


def _migrate(db: sqlite3.Connection) -> None:
    """Version 1 becomes version 2, in one transaction; the rows stay where they are."""
    try:
        db.execute("BEGIN IMMEDIATE")
        for column in SEGMENT_COLUMNS_OF_2:
            db.execute(f"ALTER TABLE segments ADD COLUMN {column}")
        db.execute("PRAGMA writable_schema = ON")
        for table, old, new in EDITS_OF_2:
            db.execute(
                "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = ?",
                (old, new, table),
            )
        ((cookie,),) = db.execute("PRAGMA schema_version")
        db.execute(f"PRAGMA schema_version = {cookie + 1}")
        db.execute("PRAGMA writable_schema = RESET")
        for statement in _statements(ADDED_IN_2):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    except sqlite3.Error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: `executescript` would commit what is open."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""

"""The tables of an index, and the door to it: what is no index of ours is refused by name."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from camfan.recording.errors import IndexDamagedError, RecordingError
from camfan_config.report.mounts import network_share

FILE_NAME = "index.sqlite"
APPLICATION_ID = 0x63616D66  # "camf"
VERSION = 1
BUSY_S = 1.0  # how long somebody else's lock on the index may hold us up

SCHEMA = """
CREATE TABLE runs (           -- in the order in which they were first seen
    id INTEGER PRIMARY KEY,
    camera TEXT NOT NULL,
    run TEXT NOT NULL,
    UNIQUE (camera, run)
) STRICT;
CREATE TABLE segments (       -- one file: one camera, one run, one picture size
    id INTEGER PRIMARY KEY,
    camera TEXT NOT NULL,
    run TEXT NOT NULL,
    path TEXT NOT NULL UNIQUE,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'closed', 'salvaged')),
    start_ns INTEGER NOT NULL, -- site time of the first frame
    end_ns INTEGER,            -- and of the last
    first INTEGER,             -- sequences
    last INTEGER,
    bytes INTEGER NOT NULL,
    synced_bytes INTEGER NOT NULL -- of these, surely on the disk
) STRICT;
CREATE INDEX segments_by_time ON segments (camera, start_ns);
CREATE INDEX segments_by_run ON segments (camera, run, last);
CREATE INDEX segments_open ON segments (id) WHERE state = 'open';
CREATE TABLE frames (
    segment INTEGER NOT NULL REFERENCES segments (id),
    sequence INTEGER NOT NULL,
    captured_ns INTEGER NOT NULL, -- the camera's wall clock, as it came
    time_ns INTEGER NOT NULL,     -- site time
    "offset" INTEGER NOT NULL,    -- of the JPEG in the file
    size INTEGER NOT NULL,        -- of the JPEG
    PRIMARY KEY (segment, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE gaps (           -- what will not come, as it was told; see frames for what came late
    id INTEGER PRIMARY KEY,
    camera TEXT NOT NULL,
    run TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER,             -- null: how many is not known
    reason TEXT NOT NULL,
    time_ns INTEGER NOT NULL,
    UNIQUE (camera, run, first)
) STRICT;
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    event TEXT NOT NULL,      -- the same from start to end
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    camera TEXT,
    state TEXT NOT NULL,
    time_ns INTEGER NOT NULL,
    details TEXT NOT NULL     -- JSON
) STRICT;
CREATE INDEX events_by_time ON events (time_ns);
"""


def connect(path: Path) -> sqlite3.Connection:
    """The index at `path`, made if there is none. Raises RecordingError."""
    try:
        db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    except sqlite3.Error as exc:
        raise explained(path, exc) from exc
    try:
        _check(db, path)
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


def _check(db: sqlite3.Connection, path: Path) -> None:
    ((tables,),) = db.execute("SELECT count(*) FROM sqlite_schema")
    ((application,),) = db.execute("PRAGMA application_id")
    ((version,),) = db.execute("PRAGMA user_version")
    if not tables:
        pragmas = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
        db.executescript(f"BEGIN; {SCHEMA} {pragmas} COMMIT;")
    elif application != APPLICATION_ID:
        raise RecordingError(f"{path} is a database of another program; give the recorder a folder")
    elif version != VERSION:
        raise RecordingError(
            f"{path} is of version {version}, this camfan knows version {VERSION}: "
            "use the camfan that wrote it, or another folder"
        )

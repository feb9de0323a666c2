"""An index of version 1 is read as it is, and is brought to version 2 when a recorder opens it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from camfan.recording.queries import IndexReader
from camfan.recording.rows import UsageRow
from camfan.recording.schema import APPLICATION_ID, connect, connect_to_read
from camfan.recording.tables import SCHEMA_1
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import RUN, START_NS, frame

ROWS = f"""
INSERT INTO runs VALUES (1, 'porch', '{RUN}');
INSERT INTO segments VALUES (1, 'porch', '{RUN}', 'porch/2026-11-22/a.mkv', 64, 48, 'closed',
    {START_NS}, {START_NS + 1}, 0, 1, 4711, 4711);
INSERT INTO frames VALUES (1, 0, 77, {START_NS}, 500, 100), (1, 1, 78, {START_NS + 1}, 700, 100);
INSERT INTO gaps VALUES (1, 'porch', '{RUN}', 2, 3, 'ring', {START_NS});
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An index as version 1 left it."""
    path = tmp_path / "index.sqlite"
    with closing(sqlite3.connect(path)) as db:
        pragmas = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1;"
        db.executescript(f"PRAGMA journal_mode = WAL; {SCHEMA_1} {pragmas} {ROWS}")
    return path


def look(db: sqlite3.Connection) -> list[object]:
    """What a reader learns from an index."""
    index = IndexReader(db)
    found: list[object] = [*index.segments(), *index.frames_of(1), *index.gaps("porch")]
    return [*found, *index.usage(), *index.clips(), *index.protections(), index.positions()]


def test_a_reader_takes_version_1_as_it_is(old: Path) -> None:
    """The same answers before and after the migration, and reading changes nothing."""
    before = old.read_bytes()
    with closing(connect_to_read(old)) as db:
        as_it_was = look(db)
    unchanged = old.read_bytes()
    with closing(connect(old)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
        migrated = look(db)

    assert unchanged == before
    assert as_it_was == migrated
    assert UsageRow("porch", 1, 4711) in migrated


def test_a_migrated_index_has_the_columns_of_a_new_one(old: Path, tmp_path: Path) -> None:
    """Same tables, columns, indexes and triggers, and SQLite finds nothing wrong."""
    questions = [
        "SELECT type, name, tbl_name FROM sqlite_schema ORDER BY 1, 2",
        *(f"PRAGMA table_info({table})" for table in ("segments", "frames", "clips", "usage")),
        "PRAGMA integrity_check",
    ]
    with closing(connect(old)) as migrated, closing(connect(tmp_path / "new.sqlite")) as new:
        for question in questions:
            assert migrated.execute(question).fetchall() == new.execute(question).fetchall()
        migrated.execute("UPDATE segments SET state = 'deleting'")
        migrated.execute("INSERT INTO frames VALUES (1, 5, NULL, 1, 1, 1)")
        with pytest.raises(sqlite3.IntegrityError):
            migrated.execute("UPDATE segments SET form = 'mp3'")


def test_a_migration_that_fails_leaves_version_1(old: Path) -> None:
    """All of it or nothing: a table in the way costs the start, not the index."""
    with closing(sqlite3.connect(old)) as db:
        db.execute("CREATE TABLE clips (mine TEXT)")
        before = db.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()

    with pytest.raises(Exception, match="clips already exists"):
        connect(old)

    with closing(sqlite3.connect(old)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert db.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall() == before


def test_capture_times_survive_without_a_place_of_their_own(tmp_path: Path) -> None:
    """Those that follow from the site time and those of a clock that was set."""
    captured = [START_NS, START_NS + 100, START_NS + 7_200_000_000_000, -(2**63)]
    with Storage("archive", tmp_path, 60.0, 5.0) as storage:
        for sequence, captured_ns in enumerate(captured):
            storage.append(frame(sequence, captured=captured_ns, offset=-5))

    with closing(connect_to_read(tmp_path / "index.sqlite")) as db:
        index = IndexReader(db)
        rows = [row for segment in index.segments() for row in index.frames_of(segment.id)]
        (usage,) = index.usage()
        stored = db.execute("SELECT count(*) FROM frames WHERE captured_ns IS NULL").fetchone()

    assert [row.captured_ns for row in sorted(rows, key=lambda row: row.sequence)] == captured
    assert usage.bytes == sum(path.stat().st_size for path in tmp_path.rglob("*.mkv"))
    assert stored[0] >= 2

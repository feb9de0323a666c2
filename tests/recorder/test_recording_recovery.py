"""At the start, files and index are made to say the same; no whole frame is given up."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from camfan.recording.errors import IndexDamagedError, RecordingError
from camfan.recording.queries import IndexReader
from camfan_nodes.recorder.index import Index
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import NEXT_RUN, RUN, START_NS, frame, packets, picture
from camfan_wire.header import Position

FRAMES = 6


@contextmanager
def opened(folder: Path) -> Iterator[Storage]:
    with Storage("archive", folder, 60.0, 5.0) as storage:
        yield storage


@contextmanager
def reader(folder: Path) -> Iterator[IndexReader]:
    index = Index(folder)
    yield index.reader
    index.close()


def recorded(folder: Path) -> list[int]:
    """The sequences of porch that are in the index, each with its bytes in its file."""
    sequences = []
    with reader(folder) as questions:
        for row, entry in questions.frames("porch"):
            data = (folder / row.path).read_bytes()[entry.offset : entry.offset + entry.size]
            assert data == picture(entry.sequence)
            sequences.append(entry.sequence)
    return sequences


def crash(folder: Path, to: Path, *, ticks: bool) -> Path:
    """What is on the disk while a recorder is in the middle of its work; the file it writes."""
    now_s = 100.0
    with Storage("archive", folder, 60.0, 5.0, clock=lambda: now_s) as storage:
        for number in range(FRAMES):
            storage.append(frame(number))
            if ticks and number == FRAMES // 2:
                now_s += 4.5
                storage.tick()  # synced and committed up to here
        shutil.copytree(folder, to)
    (path,) = to.rglob("*.mkv")
    return path


@pytest.mark.parametrize("ticks", [True, False], ids=["indexed", "not indexed"])
def test_a_crash_costs_no_frame(ticks: bool, tmp_path: Path) -> None:
    """Frames that the index had not heard of yet are found in the file."""
    crash(tmp_path / "a", tmp_path / "b", ticks=ticks)

    with opened(tmp_path / "b") as storage:
        assert storage.positions() == {"porch": Position(RUN, FRAMES - 1)}
        storage.append(frame(2))
        storage.append(frame(FRAMES))

    assert recorded(tmp_path / "b") == list(range(FRAMES + 1))
    with reader(tmp_path / "b") as questions:
        assert [row.state for row in questions.segments()] == ["salvaged", "closed"]


@pytest.mark.parametrize("ticks", [True, False], ids=["indexed", "not indexed"])
def test_a_torn_frame_is_cut_off_and_comes_again(ticks: bool, tmp_path: Path) -> None:
    """The position is that of the last whole frame, so that the torn one is asked for again."""
    path = crash(tmp_path / "a", tmp_path / "b", ticks=ticks)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 100)

    with opened(tmp_path / "b") as storage:
        assert storage.positions() == {"porch": Position(RUN, FRAMES - 2)}
        assert [data for _, data in packets(path)] == [picture(n) for n in range(FRAMES - 1)]
        storage.append(frame(FRAMES - 1))

    assert recorded(tmp_path / "b") == list(range(FRAMES))


def test_a_disk_that_lost_what_it_promised_is_believed(tmp_path: Path) -> None:
    """A file shorter than what was synced is read from its start, and its rows are put right."""
    path = crash(tmp_path / "a", tmp_path / "b", ticks=True)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 3)

    with opened(tmp_path / "b"):
        pass

    assert recorded(tmp_path / "b") == [0]


@pytest.mark.parametrize("left", [b"", None], ids=["empty", "gone"])
def test_a_file_without_a_frame_leaves_no_trace(left: bytes | None, tmp_path: Path) -> None:
    """A file of which nothing reached the disk is forgotten."""
    path = crash(tmp_path / "a", tmp_path / "b", ticks=True)
    path.unlink() if left is None else path.write_bytes(left)

    with opened(tmp_path / "b") as storage:
        assert not path.exists()
        assert storage.positions() == {}

    with reader(tmp_path / "b") as questions:
        assert questions.segments() == []


def fill(folder: Path) -> None:
    with opened(folder) as storage:
        for number in range(4):
            storage.append(frame(number))
    with opened(folder) as storage:
        storage.append(frame(4))
        storage.append(frame(0, run=NEXT_RUN, captured=START_NS + 10**10))


def test_an_index_is_made_again_from_the_files(tmp_path: Path) -> None:
    """Without its index a recording still knows every frame, its run, its time and its place."""
    fill(tmp_path)
    with reader(tmp_path) as questions:
        before = [(row.run, entry) for row, entry in questions.frames("porch")]
    for path in tmp_path.glob("index.sqlite*"):
        path.unlink()

    with opened(tmp_path) as storage:
        assert storage.positions() == {"porch": Position(NEXT_RUN, 0)}

    with reader(tmp_path) as questions:
        assert [(row.run, entry) for row, entry in questions.frames("porch")] == before
        assert {row.state for row in questions.segments()} == {"closed"}


def other_bytes(data: bytes) -> bytes:
    return b"not a database".ljust(len(data), b"!")


def cut_off(data: bytes) -> bytes:
    return data[:3000]


def zeros(data: bytes) -> bytes:
    return data[:100] + bytes(len(data) - 100)


@pytest.mark.parametrize("damage", [other_bytes, cut_off, zeros])
def test_a_damaged_index_is_set_aside(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """The damaged file is kept under another name, and a new one is made from the files."""
    fill(tmp_path)
    path = tmp_path / "index.sqlite"
    path.write_bytes(damage(path.read_bytes()))

    with opened(tmp_path):
        pass

    assert len(list(tmp_path.glob("index.sqlite.damaged-*"))) == 1
    with reader(tmp_path) as questions:
        assert len(list(questions.frames("porch"))) == 6


def test_an_index_damaged_while_recording_is_set_aside(tmp_path: Path) -> None:
    """The recorder ends with a sentence, and its next start has every frame."""
    now_s = 100.0
    storage = Storage("archive", tmp_path, 60.0, 5.0, clock=lambda: now_s)
    storage.append(frame(0))
    now_s += 5.0
    storage.tick()
    path = tmp_path / "index.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"\xee" * (len(data) - 100))
    storage.append(frame(1))
    now_s += 5.0

    with pytest.raises(IndexDamagedError, match="set aside as index"):
        storage.tick()
    storage.close()

    with opened(tmp_path) as again:
        assert again.positions() == {"porch": Position(RUN, 1)}
    assert recorded(tmp_path) == [0, 1]


def test_an_index_of_another_version_is_not_changed(tmp_path: Path) -> None:
    """An index from a newer camfan is neither read nor changed, and the sentence says so."""
    fill(tmp_path)
    path = tmp_path / "index.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 3")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.read_bytes()

    with pytest.raises(RecordingError, match="is of version 3, this camfan knows versions up to 2"):
        Storage("archive", tmp_path, 60.0, 5.0)

    assert path.read_bytes() == before


def test_a_database_of_another_program_is_not_changed(tmp_path: Path) -> None:
    """An index.sqlite of another program is not written to."""
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as db:
        db.execute("CREATE TABLE photos (name TEXT)")

    with pytest.raises(RecordingError, match="is a database of another program"):
        Storage("archive", tmp_path, 60.0, 5.0)


def test_only_files_of_ours_are_taken_in(tmp_path: Path) -> None:
    """Whatever else lies in the folder is neither indexed nor touched."""
    fill(tmp_path)
    (day,) = (tmp_path / "porch").iterdir()
    others = [
        tmp_path / "holiday.mkv",
        tmp_path / "Camera One" / "2026-11-22" / "2026-11-22T10-15-00.123Z.mkv",
        day / "notes.txt",
        day / "copy of 2026-11-22T10-15-00.123Z.mkv",
        day / "2026-11-22T11-00-00.000Z.mkv",
        tmp_path / "lost+found" / "x",
    ]
    for other in others:
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_bytes(b"of another program")

    with opened(tmp_path):
        pass

    assert all(other.read_bytes() == b"of another program" for other in others)
    with reader(tmp_path) as questions:
        assert len(questions.segments()) == 3

"""Folders damaged in every way: what can be read is read, and what is lost is named exactly."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from camfan import FrameLostError, Recording
from camfan.frame import Frame
from camfan.recording.matroska import PREFIX_BYTES, SAMPLE_BYTES, SUFFIX_BYTES
from camfan_nodes.cli import main
from camfan_nodes.recorder.storage import Storage
from camfan_nodes.recordings.checking import verify
from camfan_nodes.recordings.choosing import RecordingsPlace, opened_index
from camfan_nodes.recordings.verifying import Verifier
from camfan_testing.recordings import INTERVAL_NS, START_NS, frame, packets
from camfan_wire.messages import Event, Gap

COUNT = 50  # frames of the camera, in four files


@cache
def small(seed: int) -> bytes:
    """A JPEG of a few hundred bytes that is like no other."""
    image = np.random.default_rng(seed).integers(0, 255, (2, 2, 3), np.uint8)
    return bytes(simplejpeg.encode_jpeg(image.repeat(8, 0).repeat(8, 1), quality=50))


def tiny(number: int, camera: str = "porch") -> Frame:
    return frame(number, camera=camera, jpeg=small(number), width=16, height=16)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in order: frames, a gap, an event, a clip with a thumbnail, a protected time."""
    folder = tmp_path_factory.mktemp("whole")
    with Storage("archive", folder, 1.0, 5.0) as storage:
        for number in range(COUNT):
            if number == 20:
                storage.gap(Gap(camera="porch", run=tiny(0).run, first=20, last=22, reason="x"))
            if not 20 <= number < 23:
                storage.append(tiny(number))
        storage.event(
            Event(
                id="e", time=START_NS, source="watch", kind="motion", state="start", camera="porch"
            )
        )
    thumbnail = min(folder.rglob("*.mkv")).with_suffix(".jpg")
    thumbnail.write_bytes(small(1))
    with closing(sqlite3.connect(folder / "index.sqlite")) as db:
        db.execute(
            "INSERT INTO clips (camera, event, source, kind, start_ns, end_ns, event_start_ns,"
            " event_end_ns, peak_ns, thumbnail) VALUES ('porch', 'e', 'watch', 'motion', ?, ?, ?,"
            " ?, ?, ?)",
            (
                *(START_NS, START_NS + 10 * INTERVAL_NS, START_NS),
                *(START_NS + INTERVAL_NS, START_NS, thumbnail.relative_to(folder).as_posix()),
            ),
        )
        db.execute("INSERT INTO protected VALUES (1, NULL, ?, ?, '', 0)", (START_NS, START_NS + 1))
        db.commit()
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "folder"))


NUMBERS = [n for n in range(COUNT) if not 20 <= n < 23]


def read(folder: Path) -> tuple[list[int], list[int]]:
    """Sequences that can be read, whose bytes are right, and those that are reported as lost."""
    lost: list[FrameLostError] = []
    there: list[int] = []
    with Recording(folder) as recording:
        for each in recording.frames("porch", on_lost=lost.append):
            assert bytes(each.jpeg)[::SAMPLE_BYTES] == small(each.sequence)[::SAMPLE_BYTES]
            there.append(each.sequence)
    return there, [each.sequence for each in lost]


def named(folder: Path) -> list[int]:
    """Sequences that `verify` names as damaged or gone."""
    found = verify(RecordingsPlace(folder, folder), [])
    kinds = ("frames-damaged", "file-gone")
    return sorted(n for p in found.problems if p.kind in kinds for n in p.sequences)


def places(folder: Path) -> dict[int, tuple[Path, int, int]]:
    """File, offset and size of each frame, as the index of a whole folder has it."""
    with closing(sqlite3.connect(folder / "index.sqlite")) as db:
        rows = db.execute(
            'SELECT sequence, path, "offset", size FROM frames JOIN segments ON id = segment'
        ).fetchall()
    return {number: (folder / path, offset, size) for number, path, offset, size in rows}


def run(*arguments: object) -> int:
    return main(["recordings", *map(str, arguments)])


@pytest.mark.timeout(300)
def test_a_file_cut_at_any_byte_loses_exactly_the_frames_behind(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The last file is cut at every offset of its last two frames: all agree on what is left."""
    where = places(folder)
    path = where[COUNT - 1][0]
    ends = {n: at + size + SUFFIX_BYTES for n, (file, at, size) in where.items() if file == path}
    first_cut = where[COUNT - 2][1] - PREFIX_BYTES
    with Recording(folder) as recording, opened_index(RecordingsPlace(folder, folder)) as db:
        for length in range(ends[COUNT - 1] - 1, first_cut - 1, -1):
            os.truncate(path, length)
            expected = sorted(n for n, end in ends.items() if end > length)

            lost: list[FrameLostError] = []
            there = [f.sequence for f in recording.frames("porch", on_lost=lost.append)]
            assert [each.sequence for each in lost] == expected
            assert there == [n for n in NUMBERS if n not in expected]
            found = Verifier(folder, db).run().problems
            assert [p.sequences for p in found] == [expected, []]
            if length % 97 == 0:
                check_commands(folder, length, expected)
    assert "Traceback" not in capfd.readouterr().err

    assert run("verify", "--path", folder, "--repair", "--yes") == 0
    assert read(folder) == ([n for n in NUMBERS if n < COUNT - 2], [])
    with Recording(folder) as recording:
        gap = recording.gaps("porch")[-1]
    assert (gap.first, gap.last, gap.reason) == (COUNT - 2, COUNT - 1, "damaged")
    assert [jpeg for _, jpeg in packets(path)] == [small(n) for n in sorted(ends) if n < COUNT - 2]


def check_commands(folder: Path, length: int, expected: list[int]) -> None:
    """List works, verify and export end with 1, and the export names what is lost."""
    out = folder.parent / f"{length}.zip"
    assert run("list", "--path", folder) == 0
    assert run("verify", "--path", folder) == 1
    assert run("export", "--path", folder, "--output", out) == 1
    with zipfile.ZipFile(out) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
    assert [int(name[-12:-4]) for name in names] == [n for n in NUMBERS if n not in expected]
    listed = json.loads(out.with_name(out.name + ".json").read_bytes())
    assert [each["sequence"] for each in listed["cameras"][0]["lost"]] == expected


def lost_in(path: Path, before: bytes, where: dict[int, tuple[Path, int, int]]) -> list[int]:
    """The frames of a file whose checked bytes are not what they were."""
    if not path.is_file():
        return sorted(n for n, (file, _, _) in where.items() if file == path)
    after, found = path.read_bytes(), []
    for number, (file, at, size) in where.items():
        if file == path:
            checked = [
                *range(at, at + size, SAMPLE_BYTES),
                *range(at + size, at + size + SUFFIX_BYTES),
            ]
            same = all(i < len(after) and after[i] == before[i] for i in checked)
            if not same:
                found.append(number)
    return sorted(found)


def flip(at: Callable[[int], int], length: int = 1) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        data = bytearray(path.read_bytes())
        start = at(len(data))
        for index in range(start, min(start + length, len(data))):
            data[index] ^= 0x55
        path.write_bytes(data)

    return damage


def cut(at: Callable[[int], int]) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, at(path.stat().st_size))


def overwritten(content: Callable[[int], bytes]) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content(path.stat().st_size))  # type: ignore[return-value]  # its result is not used


def replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


def doubled(path: Path) -> None:
    path.write_bytes(path.read_bytes() * 2)


def shifted(path: Path) -> None:
    path.write_bytes(b"\0" + path.read_bytes())


def zeroed_sector(path: Path) -> None:
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 512 * 512
    data[middle : middle + 512] = bytes(512)
    path.write_bytes(data[: len(path.read_bytes())])


DAMAGES: dict[str, Callable[[Path], None]] = {
    "gone": Path.unlink,
    "empty": cut(lambda _size: 0),
    "one byte": cut(lambda _size: 1),
    "half": cut(lambda size: size // 2),
    "a page less": cut(lambda size: max(size - 4096, 0)),
    "a byte less": cut(lambda size: size - 1),
    "first byte": flip(lambda _size: 0),
    "byte 40": flip(lambda _size: 40),
    "byte 100": flip(lambda _size: 100),
    "the head": flip(lambda _size: 0, 300),
    "a third": flip(lambda size: size // 3, 512),
    "the middle": flip(lambda size: size // 2, 600),
    "last byte": flip(lambda size: size - 1),
    "the tail": flip(lambda size: size - 200, 200),
    "a sector of zeros": zeroed_sector,
    "zeros": overwritten(bytes),
    "noise": overwritten(lambda size: random.Random(5).randbytes(size)),
    "text": overwritten(lambda _size: b"nothing to see here\n" * 40),
    "twice": doubled,
    "a byte more": shifted,
    "a folder": replaced(Path.mkdir),
    "a link to nothing": replaced(lambda path: path.symlink_to("nowhere")),
    "a link to a device": replaced(lambda path: path.symlink_to("/dev/zero")),
    "a pipe": replaced(os.mkfifo),
}
damages = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())


@damages
def test_a_damaged_segment_costs_its_damaged_frames(
    folder: Path, damage: Callable[[Path], None], capfd: pytest.CaptureFixture[str]
) -> None:
    """Every other frame is read; the lost ones are named; repair leaves what can be read."""
    where = places(folder)
    path = where[30][0]
    before = path.read_bytes()
    damage(path)
    expected = lost_in(path, before, where)

    there, lost = read(folder)
    assert lost == expected
    assert sorted(there + lost) == NUMBERS
    assert named(folder) == expected
    assert run("list", "--path", folder) == 0
    assert run("show", "--path", folder) == 0
    assert run("verify", "--path", folder) == 1
    out = folder.parent / "out.mp4"
    assert run("export", "--path", folder, "--output", out) == (1 if expected else 0)
    listed = json.loads(out.with_name("out.mp4.json").read_bytes())
    assert [each["sequence"] for each in listed["cameras"][0]["lost"]] == expected

    code = run("verify", "--path", folder, "--repair", "--yes")
    said = capfd.readouterr()
    assert "Traceback" not in said.err
    assert code in (0, 69), said
    if code == 0:
        assert read(folder) == (there, [])
        for file in folder.rglob("*.mkv"):
            if file.is_file() and not file.is_symlink():
                packets(file)


@damages
@pytest.mark.parametrize("name", ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"])
def test_a_damaged_index_is_named_and_made_again(
    folder: Path, damage: Callable[[Path], None], name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Commands end with a sentence; after `rebuild` every frame is there."""
    if name != "index.sqlite":
        with_log(folder)
    damage(folder / name)

    code = run("verify", "--path", folder)
    said = capfd.readouterr()
    assert code in (0, 1, 69), said
    assert "Traceback" not in said.out + said.err
    if code:
        assert "index.sqlite" in said.out + said.err
    out = folder.parent / "out.zip"
    for action in (["list"], ["show"], ["export", "--output", out]):
        assert run(*action, "--path", folder) in (0, 1, 69)
    assert "Traceback" not in capfd.readouterr().err

    if run("rebuild", "--path", folder) == 0:
        assert read(folder) == (NUMBERS, [])
        assert [
            p for p in verify(RecordingsPlace(folder, folder), []).problems if p.kind != "clip"
        ] == []
    else:
        assert name in capfd.readouterr().err


def with_log(folder: Path) -> None:
    """As a recorder leaves it that was killed: the last second is in the log."""
    source = folder.parent / "source"
    shutil.copytree(folder, source)
    with closing(sqlite3.connect(source / "index.sqlite", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("UPDATE events SET time_ns = time_ns + 1")
        for ending in ("", "-wal", "-shm"):
            shutil.copy(source / f"index.sqlite{ending}", folder / f"index.sqlite{ending}")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE clips SET camera = 'gone', thumbnail = NULL", "nothing of it is recorded"),
        ("UPDATE clips SET thumbnail = 'porch/2026-11-22/none.jpg'", "its thumbnail is gone"),
        ("UPDATE clips SET thumbnail = '../../../../etc/passwd'", "its thumbnail is gone"),
        ("UPDATE clips SET start_ns = 5, end_ns = 6", "nothing of it is recorded"),
        ("DELETE FROM segments WHERE id = 2", "frames of files that it does not have"),
        ("UPDATE segments SET bytes = 5 WHERE id = 2", "the index says 5"),
        ("UPDATE segments SET path = '../../etc/passwd' WHERE id = 2", "not the path of a file"),
        ("UPDATE frames SET size = -5 WHERE sequence = 3", "frame 3: the index is damaged"),
        ("UPDATE frames SET size = 1 << 40 WHERE sequence = 3", "frame 3: the index is damaged"),
        (
            'UPDATE frames SET "offset" = 1 << 60 WHERE sequence = 3',
            "frame 3: the file ends",
        ),
        (
            'UPDATE frames SET "offset" = "offset" + 1 WHERE sequence = 3',
            "frame 3: the file has",
        ),
        ("DELETE FROM frames WHERE sequence = 3", "frame 3: whole, but not in the index"),
        ("UPDATE frames SET sequence = 99 WHERE sequence = 3", "frame 99: the file has frame 3"),
    ],
)
def test_rows_that_point_nowhere_are_named_and_repaired(
    folder: Path, statement: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A row that is wrong is found, and after the repair all is well and no frame is lost."""
    with closing(sqlite3.connect(folder / "index.sqlite")) as db:
        db.execute(statement)
        db.commit()
    for action in (["list"], ["show"]):
        assert run(*action, "--path", folder) == 0

    assert run("verify", "--path", folder) == 1
    said = capfd.readouterr()
    assert words in said.out
    assert "Traceback" not in said.err
    assert run("verify", "--path", folder, "--repair") == 1, "asked for no change"
    assert "nothing was changed" in capfd.readouterr().out

    assert run("verify", "--path", folder, "--repair", "--yes") == 0
    assert read(folder) == (NUMBERS, [])


def test_files_that_the_index_does_not_know_are_named(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A copied segment, what a kill left, and a file that is something else."""
    known = min(folder.rglob("*.mkv"))
    copied = known.with_name("2026-11-22T11-00-00.000Z.mkv")
    shutil.copy(known, copied)
    known.with_name("2026-11-22T11-00-01.000Z.mkv.new").write_bytes(b"half a frame")
    foreign = known.with_name("2026-11-22T11-00-02.000Z.mkv")
    foreign.write_bytes(b"holiday film")
    known.with_name("notes.txt").write_bytes(b"mine")

    found = {(p.kind, p.file) for p in verify(RecordingsPlace(folder, folder), []).problems}
    day = known.parent.relative_to(folder).as_posix()
    assert found == {
        ("file-unknown", f"{day}/{copied.name}"),
        ("file-unfinished", f"{day}/2026-11-22T11-00-01.000Z.mkv.new"),
        ("file-foreign", f"{day}/{foreign.name}"),
    }
    assert run("verify", "--path", folder, "--repair", "--yes") == 0
    assert foreign.read_bytes() == b"holiday film"
    assert known.with_name("notes.txt").read_bytes() == b"mine"


@pytest.fixture
def recording_now(folder: Path) -> Iterator[Storage]:
    with Storage("archive", folder, 1.0, 5.0) as storage:
        for number in range(COUNT, COUNT + 5):
            storage.append(tiny(number))
        storage.tick()
        yield storage


def test_a_recorder_that_runs_is_not_disturbed(
    folder: Path, recording_now: Storage, capfd: pytest.CaptureFixture[str]
) -> None:
    """Verify finds nothing wrong; what would change files is refused."""
    assert run("verify", "--path", folder) == 0
    next(path for path in sorted(folder.rglob("*.mkv"))).unlink()
    assert run("verify", "--path", folder, "--repair", "--yes") == 69
    assert "while its recorder runs; stop it first" in capfd.readouterr().err
    assert run("rebuild", "--path", folder) == 69
    assert "while its recorder runs; stop it first" in capfd.readouterr().err
    assert run("protect", "--path", folder, "--camera", "porch", "--from", "2026-11-22") == 0
    recording_now.append(tiny(COUNT + 5))
    assert recording_now.trouble is None

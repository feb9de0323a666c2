"""A recorder deletes what `keep` no longer holds, and nothing else."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from camfan.recording.queries import IndexReader
from camfan.recording.rows import SegmentRow
from camfan.recording.schema import connect, connect_to_read
from camfan_config import CameraKeep, Clips, Keep
from camfan_config.types import ClipKeep
from camfan_nodes.recorder.cutting import cut_segment
from camfan_nodes.recorder.index import Index
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import INTERVAL_NS, START_NS, frame, packets, picture

SECOND_NS = 1_000_000_000
FRAMES_A_SECOND = 15


class FakeClock:
    """Seconds since the first frame, which pass when they are set."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def site_ns(self) -> int:
        return START_NS + int(self.now_s * 1e9)


def opened(folder: Path, clock: FakeClock, keep: Keep, **more: object) -> Storage:
    return Storage(
        "archive", folder, 2.0, 1.0, keep=keep, clock=clock, site_ns=clock.site_ns, **more  # type: ignore[arg-type]
    )  # fmt: skip


def record(storage: Storage, clock: FakeClock, first_s: int, last_s: int, *cameras: str) -> None:
    """The seconds from one to before another of each camera."""
    for number in range(first_s * FRAMES_A_SECOND, last_s * FRAMES_A_SECOND):
        clock.now_s = max(clock.now_s, number * INTERVAL_NS / SECOND_NS)
        for camera in cameras or ("porch",):
            storage.append(frame(number, camera=camera))
        storage.tick()


def segments(folder: Path, camera: str | None = None) -> list[SegmentRow]:
    with closing(connect_to_read(folder / "index.sqlite")) as db:
        return IndexReader(db).segments(camera)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.mkv")}


def check(folder: Path) -> None:
    """Files, rows and sums say the same."""
    with closing(connect_to_read(folder / "index.sqlite")) as db:
        index = IndexReader(db)
        assert files(folder) == {row.path for row in index.segments()}
        orphans = "SELECT count(*) FROM frames WHERE segment NOT IN (SELECT id FROM segments)"
        assert db.execute(orphans).fetchone() == (0,)
        stored = {row.camera: 0 for row in index.segments()}
        for row in index.segments():
            stored[row.camera] += (folder / row.path).stat().st_size
        assert {row.camera: row.bytes for row in index.usage()} == stored


def settle(storage: Storage) -> None:
    """All that retention has to do; it works for a tenth of a second at a time."""
    for _ in range(100):
        storage.tick()


def recorded(folder: Path, camera: str) -> list[int]:
    """The sequences that are there, in order of time; each is whole, and plays."""
    found = []
    with closing(connect_to_read(folder / "index.sqlite")) as db:
        index = IndexReader(db)
        for row in index.segments(camera):
            frames = index.frames_of(row.id)
            jpegs = [jpeg for _, jpeg in packets(folder / row.path)]
            assert jpegs == [frame(each.sequence).jpeg for each in frames]
            assert [each.captured_ns for each in frames] == [
                START_NS + each.sequence * INTERVAL_NS for each in frames
            ]
            found += [each.sequence for each in frames]
    return found


def within(from_s: float, until_s: float) -> list[int]:
    """The sequences of an interval, both ends included."""
    first, last = (int(at_s * SECOND_NS) for at_s in (from_s, until_s))
    return list(range(-(-first // INTERVAL_NS), last // INTERVAL_NS + 1))


def change(folder: Path, statement: str, *values: object) -> None:
    """What another program, such as `camfan recordings protect`, writes into the index."""
    with closing(connect(folder / "index.sqlite")) as db:
        db.execute(statement, values)


def protect(folder: Path, from_s: float, until_s: float, camera: str | None = None) -> None:
    times = (START_NS + int(from_s * SECOND_NS), START_NS + int(until_s * SECOND_NS))
    change(folder, "INSERT INTO protected VALUES (NULL, ?, ?, ?, '', 0)", camera, *times)


def add_clip(folder: Path, from_s: float, until_s: float, thumbnail: str | None = None) -> None:
    start, end = (START_NS + int(at_s * SECOND_NS) for at_s in (from_s, until_s))
    values = ("porch", "e", "eye", "motion", start, end, start, end, start, thumbnail, None)
    change(folder, f"INSERT INTO clips VALUES (NULL{', ?' * len(values)})", *values)


def test_age_deletes_what_is_older(tmp_path: Path) -> None:
    """Each minute, and before each file; rows, frames, sums and empty folders go with the files."""
    clock = FakeClock()
    with opened(tmp_path, clock, Keep(age=10.0)) as storage:
        record(storage, clock, 0, 30)
        clock.now_s += 1
        storage.tick()
        kept = segments(tmp_path)
        assert kept[0].start_ns >= START_NS + 16 * SECOND_NS
        clock.now_s += 61
        storage.tick()  # the file is no longer written to, and closed
        clock.now_s += 61
        storage.tick()
    check(tmp_path)
    assert [row.path for row in segments(tmp_path)] == []
    assert not (tmp_path / "porch" / "2026-11-22").exists()


def test_what_a_machine_without_a_clock_records_is_marked_and_not_old(tmp_path: Path) -> None:
    """Frames of 1970 do not go at once when the clock is set, but with those that follow them."""
    clock = FakeClock()
    clock.now_s = 100.0 - START_NS / SECOND_NS
    with opened(tmp_path, clock, Keep(age=1000.0)) as storage:
        for number in range(60):
            captured = (100 + number) * SECOND_NS
            storage.append(frame(number, captured=captured))
        clock.now_s = 0.0  # the clock is set
        for number in range(60, 120):
            storage.append(frame(number, captured=START_NS + number * INTERVAL_NS))
        clock.now_s = 500.0
        settle(storage)
        clocks = [row.clock for row in segments(tmp_path)]
        assert {"unset", "set"} == set(clocks)
        clock.now_s = 1100.0
        settle(storage)
        assert segments(tmp_path) == []
    check(tmp_path)


def test_size_holds_for_all_and_for_single_cameras(tmp_path: Path) -> None:
    """Within a file a camera, at any moment."""
    clock = FakeClock()
    one = len(frame(0).jpeg) + 115
    keep = Keep(size=one * 300, cameras={"drive": CameraKeep(size=one * 60)})
    with opened(tmp_path, clock, keep) as storage:
        for second in range(30):
            record(storage, clock, second, second + 1, "porch", "drive")
            stored = {row.camera: 0 for row in segments(tmp_path)}
            for path in tmp_path.rglob("*.mkv"):
                stored[path.parts[-3]] += path.stat().st_size
            assert stored.get("drive", 0) < one * (60 + 45)
            assert sum(stored.values()) < one * (300 + 2 * 45)
    check(tmp_path)
    newest = [max(row.last or 0 for row in segments(tmp_path, name)) for name in ("porch", "drive")]
    assert newest == [449, 449]


def test_a_recorder_that_starts_deletes_what_has_aged_meanwhile(tmp_path: Path) -> None:
    """A shorter age, or a long rest, counts from the first moment."""
    clock = FakeClock()
    with opened(tmp_path, clock, Keep()) as storage:
        record(storage, clock, 0, 10)
    before = len(segments(tmp_path))

    with opened(tmp_path, clock, Keep(age=5.0)) as storage:
        storage.tick()

    assert 0 < len(segments(tmp_path)) < before
    check(tmp_path)


def test_what_is_protected_stays_until_it_is_not(tmp_path: Path) -> None:
    """Also against size, and of one camera or of all."""
    clock = FakeClock()
    with opened(tmp_path, clock, Keep()) as storage:
        record(storage, clock, 0, 20, "porch", "drive")
    everything = recorded(tmp_path, "porch")
    assert everything == list(range(300))
    protect(tmp_path, 4.5, 5.5, "porch")
    protect(tmp_path, 10.5, 10.6)
    clock.now_s += 1000

    with opened(tmp_path, clock, Keep(age=100.0, size=0)) as storage:
        settle(storage)
        assert recorded(tmp_path, "porch") == within(4.5, 5.5) + within(10.5, 10.6)
        assert recorded(tmp_path, "drive") == within(10.5, 10.6)
        check(tmp_path)
        change(tmp_path, "DELETE FROM protected")
        clock.now_s += 61
        settle(storage)
    assert files(tmp_path) == set()
    check(tmp_path)


def test_a_clip_outlives_the_rest_and_goes_by_its_own_age(tmp_path: Path) -> None:
    """With its thumbnail; until then its files stay."""
    clock = FakeClock()
    thumbnail = "porch/2026-11-22/2026-11-22T10-15-05.000Z.jpg"
    clips = Clips(source=("eye",), keep=ClipKeep(age=1000.0))
    with opened(tmp_path, clock, Keep(age=100.0), clips=clips) as storage:
        record(storage, clock, 0, 20)
        (tmp_path / thumbnail).write_bytes(b"jpeg")
        add_clip(tmp_path, 5, 6, thumbnail)
        clock.now_s = 500
        settle(storage)  # the last file is closed as well
        clock.now_s += 61
        settle(storage)
        assert recorded(tmp_path, "porch") == within(5, 6)
        assert (tmp_path / thumbnail).exists()
        clock.now_s = 1100
        settle(storage)
    assert files(tmp_path) == set()
    assert not (tmp_path / thumbnail).exists()
    check(tmp_path)


def test_without_anything_else_the_oldest_clips_give_way(tmp_path: Path) -> None:
    """Size holds for clips as well; what is protected never gives way."""
    clock = FakeClock()
    with opened(tmp_path, clock, Keep()) as storage:
        record(storage, clock, 0, 20)
    for start_s in (2.0, 8.0, 14.0):
        add_clip(tmp_path, start_s, start_s + 0.5)
    protect(tmp_path, 2.0, 2.5)

    with opened(tmp_path, clock, Keep(size=0)) as storage:
        settle(storage)
        assert recorded(tmp_path, "porch") == within(2.0, 2.5)

    with closing(connect_to_read(tmp_path / "index.sqlite")) as db:
        clips = IndexReader(db).clips()
    assert [(clip.start_ns - START_NS) // SECOND_NS for clip in clips] == [2]
    check(tmp_path)


@pytest.fixture
def undeletable() -> Iterator[list[Path]]:
    """Files that even root cannot delete, while they are in the list."""
    held: list[Path] = []
    yield held
    for path in held:
        subprocess.run(["chattr", "-i", str(path)], check=True)


def hold(path: Path, held: list[Path]) -> None:
    if (
        shutil.which("chattr") is None
        or subprocess.run(["chattr", "+i", str(path)], capture_output=True).returncode
    ):
        pytest.skip("a file that cannot be deleted needs root and a disk that knows chattr")
    held.append(path)


def test_a_row_outlives_a_failed_unlink(
    tmp_path: Path, undeletable: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    """The file is listed and tried again, across a restart too; the others go; it is said once."""
    clock = FakeClock()
    with opened(tmp_path, clock, Keep()) as storage:
        record(storage, clock, 0, 12)
    stubborn = segments(tmp_path)[1]
    hold(tmp_path / stubborn.path, undeletable)
    clock.now_s += 100

    for _ in range(2):
        with opened(tmp_path, clock, Keep(age=50.0)) as storage:
            storage.tick()
            clock.now_s += 61
            storage.tick()
            assert str(tmp_path / stubborn.path) in (storage.expiry.trouble or "")
        assert [(row.path, row.state) for row in segments(tmp_path)] == [
            (stubborn.path, "deleting")
        ]
        check(tmp_path)
    assert len([line for line in caplog.messages if "cannot be deleted" in line]) == 2

    subprocess.run(["chattr", "-i", str(undeletable.pop())], check=True)
    with opened(tmp_path, clock, Keep(age=50.0)) as storage:
        storage.tick()
        assert storage.expiry.trouble is None
    assert files(tmp_path) == set()


def test_what_is_protected_after_a_failed_unlink_stays(
    tmp_path: Path, undeletable: list[Path]
) -> None:
    """The user's word counts until the file is gone."""
    clock = FakeClock()
    with opened(tmp_path, clock, Keep()) as storage:
        record(storage, clock, 0, 4)
    stubborn = segments(tmp_path)[0]
    hold(tmp_path / stubborn.path, undeletable)
    clock.now_s += 100
    with opened(tmp_path, clock, Keep(age=50.0)) as storage:
        storage.tick()
    subprocess.run(["chattr", "-i", str(undeletable.pop())], check=True)
    change(tmp_path, "INSERT INTO protected VALUES (NULL, NULL, 0, ?, '', 0)", 2**62)

    with opened(tmp_path, clock, Keep(age=50.0)) as storage:
        storage.tick()

    assert [row.path for row in segments(tmp_path)] == [stubborn.path]
    assert segments(tmp_path)[0].state == "closed"


def test_a_disk_that_deletes_nothing_costs_no_marks(tmp_path: Path) -> None:
    """Read-only: every row stays as it was, so that nothing is deleted once it is writable."""
    clock = FakeClock()
    recordings, index = tmp_path / "recordings", tmp_path / "index"
    recordings.mkdir()
    command = ["mount", "-t", "tmpfs", "camfan-test", str(recordings)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting needs root")
    try:
        with opened(recordings, clock, Keep(), index=index) as storage:
            record(storage, clock, 0, 12)
        with opened(recordings, clock, Keep(age=50.0), index=index) as storage:
            subprocess.run(["mount", "-o", "remount,ro", str(recordings)], check=True)
            clock.now_s += 100
            storage.tick()
            assert storage.expiry.trouble is not None
        assert {row.state for row in segments(index)} == {"closed"}
    finally:
        subprocess.run(["umount", str(recordings)], check=True)


@pytest.mark.parametrize("what", ["file", "day", "camera"])
def test_no_link_leads_out_of_the_folder(what: str, tmp_path: Path) -> None:
    """Neither a segment that became a symbolic link nor one behind it is deleted."""
    clock = FakeClock()
    folder, elsewhere = tmp_path / "recordings", tmp_path / "elsewhere"
    with opened(folder, clock, Keep()) as storage:
        record(storage, clock, 0, 2)
    path = next(folder.rglob("*.mkv"))
    target = {"file": path, "day": path.parent, "camera": path.parent.parent}[what]
    target.rename(elsewhere)
    target.symlink_to(elsewhere)
    if what != "file":  # a recorder removes files without a frame, but only its own
        (elsewhere / "2026-11-22T10-15-00.123Z.mkv.new").write_bytes(b"")
        (elsewhere / "2026-11-22T10-15-00.999Z.mkv").write_bytes(b"")
    precious = {p: p.read_bytes() for p in [elsewhere, *elsewhere.rglob("*")] if p.is_file()}
    clock.now_s += 100

    with opened(folder, clock, Keep(age=1.0)) as storage:
        storage.tick()

        if what != "file":
            storage.append(frame(100, captured=clock.site_ns()))
            if what == "camera":
                assert storage.trouble is not None
                assert "a symbolic link" in storage.trouble.message

    assert precious
    assert {p: p.read_bytes() for p in precious} == precious


@pytest.mark.parametrize(
    "path", ["../outside.mkv", "/etc/hostname", "porch/2026-11-22/notes.txt", "porch/../x/y.mkv"]
)
def test_a_row_that_points_elsewhere_deletes_nothing(path: str, tmp_path: Path) -> None:
    """Only files with the place and the name of a segment are deleted."""
    clock = FakeClock()
    folder = tmp_path / "recordings"
    with opened(folder, clock, Keep(age=1.0)) as storage:
        record(storage, clock, 0, 1)
        others = [tmp_path / "outside.mkv", folder / "porch" / "2026-11-22" / "notes.txt"]
        for other in others:
            other.write_bytes(b"precious")
        change(
            folder,
            "INSERT INTO segments (id, camera, run, path, width, height, state, start_ns, end_ns,"
            " bytes, synced_bytes) VALUES (99, 'porch', 'a', ?, 1, 1, 'closed', 1, 2, 3, 3)",
            path,
        )
        clock.now_s += 100
        storage.tick()
        assert [row.id for row in segments(folder) if row.state == "deleting"] == [99]
        assert "cannot be deleted" in (storage.expiry.trouble or "")
    assert [other.read_bytes() for other in others] == [b"precious", b"precious"]
    assert Path("/etc/hostname").exists()


def test_min_free_holds_while_another_program_fills_the_disk(tmp_path: Path) -> None:
    """The oldest goes, recording goes on, and nothing is lost."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=20m", "camfan-test", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        clock = FakeClock()
        big = bytes(20_000)
        with opened(folder, clock, Keep(min_free=8_000_000)) as storage:
            for number in range(30 * FRAMES_A_SECOND):
                clock.now_s = number * INTERVAL_NS / SECOND_NS
                storage.append(frame(number, jpeg=picture(number) + big))
                storage.tick()
                if number % 30 == 0:
                    (folder / f"ballast{number}").write_bytes(bytes(300_000))
                    storage.append(frame(number, camera="drive"))
            clock.now_s += 61
            storage.tick()
            assert storage.trouble is None
            assert (storage.free_bytes() or 0) >= 8_000_000 - 31 * 22_000
            assert storage.tallies["porch"].lost == 0
        assert 0 < len(segments(folder, "porch")) < 15
        check(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(path: Path) -> None:
    """All that the disk has left."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        with contextlib.suppress(OSError):
            while True:
                os.write(fd, bytes(4096))
    finally:
        os.close(fd)


def test_a_full_disk_is_emptied_by_retention(tmp_path: Path) -> None:
    """Without room for a mark in the index either, the oldest file goes and recording resumes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=20m", "camfan-test", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        clock = FakeClock()
        with opened(folder, clock, Keep(min_free=9_000_000)) as storage:
            record(storage, clock, 0, 20)
            fill(folder / "ballast")
            number = 20 * FRAMES_A_SECOND
            while storage.trouble is None:
                storage.append(frame(number, jpeg=picture(number) + bytes(20_000)))
                number += 1
                clock.now_s += 0.1
                storage.tick()
            clock.now_s += 61
            storage.tick()
            assert len(files(folder)) < 5
            (folder / "ballast").unlink()
            clock.now_s += 5
            storage.append(frame(number))
            assert storage.tallies["porch"].until_ns == frame(number).captured
        check(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_locked_index_delays_retention_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A program that holds the index costs a warning; the next check catches up."""
    clock = FakeClock()
    with opened(tmp_path, clock, Keep(age=5.0)) as storage, caplog.at_level(logging.WARNING):
        record(storage, clock, 0, 4)
        with closing(sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            clock.now_s += 100
            storage.tick()
            assert "retention waits" in caplog.text
            assert storage.trouble is None
            other.execute("ROLLBACK")
        clock.now_s += 61
        storage.tick()
        clock.now_s += 61
        storage.tick()
    assert files(tmp_path) == set()


@pytest.mark.parametrize("named", [False, True])
def test_a_kill_while_a_file_is_cut_loses_and_doubles_nothing(named: bool, tmp_path: Path) -> None:
    """Between the index that refers to the new file and the file that gets its name, and after."""
    clock = FakeClock()
    with opened(tmp_path, clock, Keep()) as storage:
        record(storage, clock, 0, 2)
    index = Index(tmp_path)
    row = index.reader.segments()[0]
    frames = index.reader.frames_of(row.id)
    cut = cut_segment(tmp_path, row, frames[3:9], index.new_id())
    assert cut is not None
    index.replace_segment(row.id, cut.row, cut.frames)
    index.commit(durable=True)
    if named:
        cut.file.reveal()
    cut.file.close()
    index.close()
    rest = [number for number in range(30) if number not in {f.sequence for f in frames}]

    with opened(tmp_path, clock, Keep()) as storage:
        storage.tick()

    assert sorted(recorded(tmp_path, "porch")) == [f.sequence for f in frames[3:9]] + rest
    check(tmp_path)


def test_a_cut_that_is_killed_before_the_index_knows_it_leaves_no_trace(tmp_path: Path) -> None:
    """The old file is still the one."""
    clock = FakeClock()
    with opened(tmp_path, clock, Keep()) as storage:
        record(storage, clock, 0, 2)
    index = Index(tmp_path)
    row = index.reader.segments()[0]
    cut = cut_segment(tmp_path, row, index.reader.frames_of(row.id)[3:9], index.new_id())
    assert cut is not None
    cut.file.close()
    index.close()

    with opened(tmp_path, clock, Keep()):
        assert list(tmp_path.rglob("*.new")) == []

    assert recorded(tmp_path, "porch") == list(range(30))
    check(tmp_path)

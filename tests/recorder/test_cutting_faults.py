"""Cutting a file down to its clips: on a full disk, with a full index, and of a damaged file."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from camfan.recording.queries import IndexReader
from camfan.recording.rows import SegmentRow
from camfan.recording.schema import connect, connect_to_read
from camfan_config import Keep
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import INTERVAL_NS, START_NS, frame, packets, picture
from camfan_wire.messages import Gap

FRAMES = 60
NEEDED = range(4, 14)  # of the first file, which has frames 0 to 29 or a few less
JPEG_BYTES = 20_000


class FakeClock:
    """Seconds since the first frame, which pass when they are set."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def site_ns(self) -> int:
        return START_NS + int(self.now_s * 1e9)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "camfan-test", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def big(number: int) -> bytes:
    return picture(number) + bytes(JPEG_BYTES)


def opened(folder: Path, clock: FakeClock, keep: Keep, index: Path | None = None) -> Storage:
    return Storage(
        "archive", folder, 2.0, 1.0, keep=keep, clock=clock, site_ns=clock.site_ns, index=index
    )


def record(folder: Path, clock: FakeClock, index: Path | None = None) -> None:
    """A few seconds of a camera, of which an interval is protected."""
    with opened(folder, clock, Keep(), index) as storage:
        for number in range(FRAMES):
            clock.now_s = number * INTERVAL_NS / 1e9
            storage.append(frame(number, jpeg=big(number)))
            storage.tick()
    start_ns, end_ns = (START_NS + number * INTERVAL_NS for number in (NEEDED[0], NEEDED[-1]))
    with closing(connect((index or folder) / "index.sqlite")) as db:
        words = "INSERT INTO protected VALUES (NULL, 'porch', ?, ?, '', 0)"
        db.execute(words, (start_ns, end_ns))


def fill(folder: Path, left: int) -> Path:
    """Take all of a disk but `left` bytes."""
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(folder).free - left))
    return ballast


def pass_minutes(storage: Storage, clock: FakeClock, minutes: int = 3) -> None:
    for _ in range(minutes):
        clock.now_s += 61
        for _ in range(20):
            storage.tick()


def readable(folder: Path, index: Path | None = None) -> list[int]:
    """The sequences in the files that are there, each as it was published."""
    sequences = []
    with closing(connect_to_read((index or folder) / "index.sqlite")) as db:
        reader = IndexReader(db)
        for row in reader.segments():
            own = [entry.sequence for entry in reader.frames_of(row.id)]
            if (folder / row.path).exists():
                assert [data for _, data in packets(folder / row.path)] == [big(n) for n in own]
                sequences += own
    return sequences


def found(folder: Path, index: Path | None = None) -> tuple[list[SegmentRow], list[int], list[Gap]]:
    """The files, the sequences in them, each as it was published, and the gaps."""
    with closing(connect_to_read((index or folder) / "index.sqlite")) as db:
        rows, gaps = IndexReader(db).segments(), IndexReader(db).gaps("porch")
    sequences = readable(folder, index)
    assert {row.path for row in rows} == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*.mkv")
    }
    assert list(folder.rglob("*.new")) == []
    return rows, sequences, gaps


def test_a_file_that_a_full_disk_cannot_cut_is_cut_once_there_is_space(small_disk: Path) -> None:
    clock = FakeClock()
    record(small_disk, clock)
    ballast = fill(small_disk, 150_000)  # for the index, and not for the copy

    with opened(small_disk, clock, Keep(age=5.0)) as storage:
        pass_minutes(storage, clock, 1)
        assert set(NEEDED) < set(found(small_disk)[1])
        ballast.unlink()
        pass_minutes(storage, clock)

    assert found(small_disk)[1] == list(NEEDED)


def test_an_index_that_takes_nothing_while_a_file_is_cut_loses_no_frame(
    small_disk: Path, tmp_path: Path
) -> None:
    """What the index still has is what the disk has, also before the next start."""
    clock, folder = FakeClock(), tmp_path / "recordings"
    record(folder, clock, small_disk)
    with opened(folder, clock, Keep(age=5.0), small_disk) as storage:
        ballast = fill(small_disk, 0)
        pass_minutes(storage, clock)
        assert set(NEEDED) <= set(readable(folder, small_disk))
        assert list(folder.rglob("*.new")) == []
        ballast.unlink()
        pass_minutes(storage, clock)
        assert found(folder, small_disk)[1] == list(NEEDED)

    assert found(folder, small_disk)[1] == list(NEEDED)


@pytest.mark.parametrize("how", ["changed", "cut off"])
def test_a_damaged_frame_is_not_copied_as_if_it_were_whole(how: str, tmp_path: Path) -> None:
    clock = FakeClock()
    record(tmp_path, clock)
    rows, _, _ = found(tmp_path)
    damaged = NEEDED[6]
    path = tmp_path / rows[0].path
    data = path.read_bytes()
    at = data.index(big(damaged))
    if how == "changed":
        path.write_bytes(data[:at] + bytes(JPEG_BYTES) + data[at + JPEG_BYTES :])
    else:
        path.write_bytes(data[: at + 1000])

    with opened(tmp_path, clock, Keep(age=5.0)) as storage:
        pass_minutes(storage, clock)

    _, sequences, gaps = found(tmp_path)
    lost = [damaged] if how == "changed" else list(range(damaged, NEEDED[-1] + 1))
    assert sequences == [number for number in NEEDED if number not in lost]
    assert [(gap.first, gap.last, gap.reason) for gap in gaps] == [(lost[0], lost[-1], "damaged")]

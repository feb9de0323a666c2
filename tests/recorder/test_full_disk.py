"""A disk that takes nothing stops the recording loudly, and only for as long as it lasts."""

from __future__ import annotations

import logging
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from camfan.recording.queries import IndexReader
from camfan.recording.rows import Completeness
from camfan.recording.schema import connect_to_read
from camfan_nodes.recorder.index import Index
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import RUN, frame, packets, picture
from camfan_wire.messages import Event


def big(number: int) -> bytes:
    """A picture of 100 kB, most of it behind its end."""
    return picture(number) + bytes(100_000)


class FakeClock:
    """Seconds that pass when they are set."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def reason(storage: Storage) -> str | None:
    return storage.trouble.reason if storage.trouble else None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 20 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=20m", "camfan-test", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def check(folder: Path) -> list[int]:
    """Every file plays to its end and the index has just its frames; their sequences."""
    index = Index(folder)
    sequences = []
    for row in index.reader.segments():
        entries = index.reader.frames_of(row.id)
        jpegs = [data for _, data in packets(folder / row.path)]
        assert jpegs == [big(entry.sequence) for entry in entries]
        sequences += [entry.sequence for entry in entries]
    index.close()
    return sequences


def test_recording_stops_loudly_and_resumes_by_itself(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Full: an event, a status, gaps with the reason. Space again: it goes on within a second."""
    clock, published = FakeClock(), list[Event]()
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(15_000_000))
    lost: list[int] = []

    def announce(event: Event) -> Event:
        published.append(event)
        return event

    with (
        caplog.at_level(logging.WARNING),
        Storage("archive", small_disk, 60.0, 5.0, clock=clock, announce=announce) as storage,
    ):
        for number in range(150):
            storage.append(frame(number, jpeg=big(number)))
            storage.tick()
            if storage.trouble is not None:
                assert storage.trouble.reason == "disk-full"
                assert str(small_disk) in storage.trouble.message
                lost.append(number)
            if number == 120:
                assert lost
                ballast.unlink()
            clock.now_s += 0.067
        assert storage.trouble is None
        assert storage.tallies["porch"].lost == len(lost)

    assert check(small_disk) == [n for n in range(150) if n not in lost]
    index = Index(small_disk)
    assert index.reader.completeness("porch") == [
        Completeness("porch", RUN, 0, 149, 150 - len(lost), {"disk-full": len(lost)}, 0)
    ]
    assert [event for event in index.reader.events() if event.kind == "disk-full"] == published
    index.close()
    assert [(event.kind, event.state) for event in published] == [
        ("disk-full", "start"),
        ("disk-full", "end"),
    ]
    assert len(caplog.messages) == 2  # once an outage, not once an attempt


def test_a_recorder_that_ends_on_a_full_disk_is_repaired(small_disk: Path) -> None:
    """Files that could not be finished are finished by the first start that has the room."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(17_000_000))
    with Storage("archive", small_disk, 60.0, 5.0) as storage:
        number = 0
        while storage.trouble is None:
            storage.append(frame(number, jpeg=big(number)))
            number += 1
    ballast.unlink()

    with Storage("archive", small_disk, 60.0, 5.0):
        pass

    assert check(small_disk) == list(range(number - 1))


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    """No file may grow beyond this, which the kernel enforces on writes of this process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_write_that_fails_midway_leaves_whole_frames(tmp_path: Path) -> None:
    """A disk error in the middle of a frame costs that frame, and is said with its reason."""
    clock = FakeClock()
    with Storage("archive", tmp_path, 60.0, 5.0, clock=clock) as storage:
        storage.append(frame(0, jpeg=big(0)))
        (path,) = tmp_path.rglob("*.mkv")
        with file_size_limit(path.stat().st_size + 5000):
            storage.append(frame(1, jpeg=big(1)))
            assert reason(storage) == "disk-error"
            assert len(packets(path)) == 1
            storage.append(frame(2, jpeg=big(2)))
        clock.now_s += 1.0
        storage.append(frame(3, jpeg=big(3)))
        assert reason(storage) is None

    assert check(tmp_path) == [0, 3]
    index = Index(tmp_path)
    assert index.reader.completeness("porch")[0].lost == {"disk-error": 2}
    index.close()


def test_what_was_lost_is_as_safe_as_the_frame_behind_it(tmp_path: Path) -> None:
    """Killed right after it records again, a recorder would not hear of the lost frames again."""
    clock = FakeClock()
    with Storage("archive", tmp_path, 60.0, 5.0, clock=clock) as storage:
        storage.append(frame(0, jpeg=big(0)))
        (path,) = tmp_path.rglob("*.mkv")
        with file_size_limit(path.stat().st_size + 5000):
            storage.append(frame(1, jpeg=big(1)))
            storage.append(frame(2, jpeg=big(2)))
        clock.now_s += 1.0
        storage.append(frame(3, jpeg=big(3)))
        assert reason(storage) is None
        with closing(connect_to_read(tmp_path / "index.sqlite")) as db:
            gaps = IndexReader(db).gaps("porch")

    assert [(gap.first, gap.last, gap.reason) for gap in gaps] == [(1, 2, "disk-error")]


def test_a_folder_that_vanishes_stops_the_recording_only(tmp_path: Path) -> None:
    """A disk that is unplugged is an error that is tried again, not the end of the process."""
    clock = FakeClock()
    folder = tmp_path / "recordings"
    with Storage("archive", folder, 60.0, 5.0, clock=clock) as storage:
        storage.append(frame(0))
        folder.rename(tmp_path / "away")
        storage.append(frame(1, width=32, height=32))  # needs a new file
        assert reason(storage) == "disk-missing"
        (tmp_path / "away").rename(folder)
        clock.now_s += 1.0
        storage.append(frame(2, width=32, height=32))
        assert reason(storage) is None

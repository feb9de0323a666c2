"""A disk that takes nothing for a while costs a gap with its reason, and nothing else."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from camfan.frame import Frame
from camfan.recording.errors import RecordingError
from camfan.recording.rows import Completeness
from camfan_nodes.recorder import writer
from camfan_nodes.recorder.index import Index
from camfan_nodes.recorder.storage import Storage
from camfan_nodes.recorder.writer import StorageThread
from camfan_testing.live import wait_until
from camfan_testing.recordings import RUN, frame, picture

BIG = bytes(1_000_000)


class StallingStorage(Storage):
    """Takes frames while it is let; a disk that hangs does this to every write."""

    may_write: threading.Event
    stalled: threading.Event

    def append(self, frame: Frame) -> None:
        if not self.may_write.is_set():
            self.stalled.set()
            assert self.may_write.wait(30)
        super().append(frame)


def big(number: int) -> Frame:
    return frame(number, jpeg=picture(number) + BIG)


def test_what_a_slow_disk_costs_is_a_gap_in_its_place(tmp_path: Path) -> None:
    """64 MB wait; what comes beyond is lost and counted, and the rest is there, once, in order."""
    said = list[bool]()
    with StallingStorage("archive", tmp_path, 60.0, 5.0) as storage:
        storage.may_write, storage.stalled = threading.Event(), threading.Event()
        storage.may_write.set()
        with StorageThread(storage, lambda _storage: None, said.append) as thread:
            thread.put(big(0))
            wait_until(lambda: "porch" in storage.tallies and storage.tallies["porch"].frames == 1)
            storage.may_write.clear()
            thread.put(big(1))
            assert storage.stalled.wait(10)
            for number in range(2, 100):
                thread.put(big(number))
            assert said == [True]
            storage.may_write.set()
            wait_until(lambda: storage.tallies["porch"].frames > 60)
            wait_until(lambda: caught_up(thread, said))
            for number in range(100, 110):
                thread.put(big(number))
        assert storage.trouble is None
        lost = storage.tallies["porch"].lost
        assert storage.tallies["porch"].missing == 0

    assert 30 < lost < 40
    index = Index(tmp_path)
    assert index.reader.completeness("porch") == [
        Completeness("porch", RUN, 0, 109, 110 - lost, {"disk-slow": lost}, 0)
    ]
    (gap,) = index.reader.gaps("porch")
    assert (gap.last or 0) - gap.first + 1 == lost
    index.close()


def caught_up(thread: StorageThread, said: list[bool]) -> bool:
    thread.check()
    return said == [True, False]


def put_for_ever(thread: StorageThread) -> None:
    """Until the thread has failed; at most for half a minute."""
    for number in range(1, 3000):
        thread.put(frame(number, jpeg=picture(0)))
        threading.Event().wait(0.01)


def test_nothing_waits_for_the_disk_that_hands_frames_over(tmp_path: Path) -> None:
    """While a write hangs, a thousand frames are taken from the broker all the same."""
    with StallingStorage("archive", tmp_path, 60.0, 5.0) as storage:
        storage.may_write, storage.stalled = threading.Event(), threading.Event()
        with StorageThread(storage, lambda _storage: None) as thread:
            for number in range(1000):
                thread.put(frame(number))
            assert storage.stalled.wait(10)
            assert storage.tallies == {}
            storage.may_write.set()
        assert storage.tallies["porch"].frames == 1000


def test_memory_is_bounded_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of many small stretches of several cameras."""
    monkeypatch.setattr(writer, "QUEUE_BYTES", 10_000)
    monkeypatch.setattr(writer, "RESUMED_BYTES", 5_000)
    with StallingStorage("archive", tmp_path, 60.0, 5.0) as storage:
        storage.may_write, storage.stalled = threading.Event(), threading.Event()
        with StorageThread(storage, lambda _storage: None) as thread:
            for number in range(2000):
                thread.put(frame(number, camera=("porch", "drive")[number % 2]))
            storage.may_write.set()
        counted = {name: t.frames + t.lost for name, t in storage.tallies.items()}
    assert sum(counted.values()) == 2000
    assert storage.tallies["porch"].frames < 50


def test_a_failure_of_the_thread_ends_the_recorder(tmp_path: Path) -> None:
    """An index that is damaged is an error of the next thing that is put."""
    with (
        Storage("archive", tmp_path, 60.0, 0.1) as storage,
        StorageThread(storage, lambda _storage: None) as thread,
    ):
        thread.put(frame(0))
        wait_until(lambda: (tmp_path / "index.sqlite-wal").stat().st_size > 10_000)
        with (tmp_path / "index.sqlite-wal").open("r+b") as wal:
            wal.truncate(0)
        for name in ("index.sqlite", "index.sqlite-shm"):
            size = (tmp_path / name).stat().st_size
            (tmp_path / name).write_bytes(os.urandom(size))
        with pytest.raises(RecordingError, match="damaged"):
            put_for_ever(thread)

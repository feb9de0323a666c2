"""The part of a ring that survives its process: what was published is there, or in a gap."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camfan import Publisher
from camfan.ring.absences import EncodingDecision
from camfan.ring.disk_ring import DiskRing
from camfan.ring.repair import RepairResponder
from camfan.ring.ring import MemoryRing, StoredFrame
from camfan.ring.ring_file import (
    HEAD_BYTES,
    RecordKind,
    RingFileError,
    pack,
    read_contents,
    read_frame,
)
from camfan.ring.ring_folder import PendingRecord, RingFolder
from camfan_config import CameraRing
from camfan_testing.jpegs import jpeg
from camfan_testing.live import wait_until
from camfan_testing.peer import Answer, Peer
from camfan_testing.processes import Process
from camfan_wire import messages
from camfan_wire.clock import ClockEstimate
from camfan_wire.header import Header, Position, encode_header
from camfan_wire.messages import Gap

RUNS = [f"{number:016x}" for number in range(1, 9)]
EVERYTHING = EncodingDecision()


def frame(run: str, sequence: int, size: int = 10) -> StoredFrame:
    header = Header(
        version=1, camera="porch", run=run, sequence=sequence, captured=1000 + sequence,
        offset=None, error=None, width=1, height=1, size=max(4, size),
    )  # fmt: skip
    seed = hashlib.sha256(f"{run}{sequence}".encode()).digest()
    return StoredFrame(
        header, (seed * (size // 32 + 1))[: max(4, size)], wall_minus_monotonic_ns=sequence
    )


@contextmanager
def disk_ring(folder: Path, run: str, limit: int = 1_000_000) -> Iterator[DiskRing]:
    ring = DiskRing(folder, "porch", run, limit)
    try:
        yield ring
    finally:
        ring.close(0)


def items_of(
    ring: MemoryRing, disk: DiskRing, after: Position, before: Position | None = None
) -> list[StoredFrame | Gap]:
    repairs = RepairResponder("porch", ring, ClockEstimate(), disk)
    return list(repairs._items(after, before))


Acts = list[list[tuple[str, int]]]  # by run
ACTS = st.lists(
    st.lists(
        st.one_of(
            st.tuples(st.just("frame"), st.integers(4, 30_000)),
            st.tuples(st.just("refuse"), st.just(0)),
            st.tuples(st.just("skip"), st.integers(1, 20)),
            st.tuples(st.just("demand"), st.integers(0, 4)),
        ),
        max_size=30,
    ),
    min_size=1,
    max_size=4,
)  # fmt: skip


@given(ACTS, st.sampled_from([0, 50_000]), st.booleans())
@settings(max_examples=60)
def test_every_run_comes_in_order_and_once(acts: Acts, memory: int, clean: bool) -> None:
    """Whatever each life of the camera did, and however it ended: no hole, nothing twice."""
    with TemporaryDirectory() as lives:
        truths: dict[str, list[StoredFrame | str]] = {}
        folder = Path(lives) / "0"
        for run, life in zip(RUNS, acts, strict=False):
            with disk_ring(folder, run) as disk:
                ring = MemoryRing(run, memory)
                truths[run] = _live(ring, disk, run, life)
                disk.settle()
                assert sum(path.stat().st_size for path in folder.glob("*.ring")) <= 1_000_000
                found = items_of(ring, disk, Position(RUNS[0], 0))
                killed = Path(lives) / run
                shutil.copytree(folder, killed)  # what is there if it is killed now
            folder = folder if clean else killed
        _compare(found, truths, last=run)


def _live(
    ring: MemoryRing, disk: DiskRing, run: str, life: list[tuple[str, int]]
) -> list[StoredFrame | str]:
    """What became of each sequence of this run."""
    making = EncodingDecision()
    truth: list[StoredFrame | str] = []
    for act, number in life:
        sequence = len(truth)
        if act == "demand":
            making = EncodingDecision(demand=number)
        elif act == "refuse":
            ring.refuse(EVERYTHING)
            disk.refuse(sequence, EVERYTHING)
            truth.append("refused")
        elif act == "skip":
            for _ in range(number):
                sequence = len(truth)
                left_out = making if making.reason(sequence) else EncodingDecision(demand=0)
                if ring.leave_out(1, left_out):
                    disk.leave_out(sequence, left_out)
                truth.append("not-wanted")
        else:
            kept = frame(run, sequence, number)
            ring.append(kept, EVERYTHING)
            disk.keep(kept, encode_header(kept.header), EVERYTHING)
            truth.append(kept)
    return truth


def _compare(
    found: list[StoredFrame | Gap], truths: dict[str, list[StoredFrame | str]], last: str
) -> None:
    place = {run: (1 if run == RUNS[0] else 0) for run in truths}  # after its first
    order = []
    for item in found:
        run = item.header.run if isinstance(item, StoredFrame) else item.run
        order.append(RUNS.index(run))
        if isinstance(item, StoredFrame):
            assert place[run] == item.header.sequence
            expected = truths[run][place[run]]
            assert isinstance(expected, StoredFrame)
            assert (item.jpeg, item.header) == (expected.jpeg, expected.header)
            place[run] += 1
        elif item.last is not None:
            assert place[run] == item.first <= item.last
            for sequence in range(item.first, item.last + 1):
                if item.reason != "ring-overrun":
                    assert truths[run][sequence] == item.reason
            place[run] = item.last + 1
        else:
            assert run == RUNS[0]
            assert item.reason == ("ring-overrun" if truths[run] else "camera-restarted")
            place[run] = len(truths[run])
    assert order == sorted(order)
    for run, truth in truths.items():
        # What was left out at the end of a run that was killed is not known, and no frame.
        rest = truth[place[run] :]
        assert not [item for item in rest if isinstance(item, StoredFrame)]
    assert place[last] >= len(truths[last])


def _file_of(folder: Path, *, frames: int) -> bytes:
    ring = RingFolder(folder, "porch", RUNS[0], 1_000_000)
    ring.open()
    for sequence in range(frames):
        kept = frame(RUNS[0], sequence, 20 + sequence)
        header = encode_header(kept.header)
        ring.append(
            PendingRecord(RecordKind.FRAME, EVERYTHING, sequence, 0, header, kept.jpeg, 1000)
        )
    ring.append(PendingRecord(RecordKind.LEFT_OUT, EncodingDecision(demand=0), frames))
    ring.append(PendingRecord(RecordKind.REFUSED, EVERYTHING, frames + 1))
    ring.close()
    (path,) = folder.glob("*.ring")
    return path.read_bytes()


def test_a_tail_that_is_torn_anywhere_is_cut(tmp_path: Path) -> None:
    """At every byte: what is whole before it stays, and the next run goes on behind it."""
    whole = _file_of(tmp_path / "made", frames=3)
    counts = []
    for end in range(len(whole) + 1):
        folder = tmp_path / "torn"
        folder.mkdir()
        (folder / "0000000001.ring").write_bytes(whole[:end])
        ring = RingFolder(folder, "porch", RUNS[1], 1_000_000)
        ring.open()
        kept = frame(RUNS[1], 0)
        ring.append(
            PendingRecord(
                RecordKind.FRAME, EVERYTHING, 0, 0, encode_header(kept.header), kept.jpeg, 1000
            )
        )
        counts.append(ring.frames - 1)
        assert [s.run for s in ring.segments][-1] == RUNS[1]
        for path in folder.glob("*.ring"):
            handle = os.open(path, os.O_RDONLY)
            contents = read_contents(handle, path.stat().st_size, verify=True)
            assert contents.end == path.stat().st_size
            os.close(handle)
        ring.close()
        shutil.rmtree(folder)

    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 3)


@given(st.data())
@settings(max_examples=200)
def test_bytes_that_changed_are_never_given(data: st.DataObject) -> None:
    """For any damage: the frames that were written, or fewer, but no others."""
    with TemporaryDirectory() as folder:
        whole = bytearray(_file_of(Path(folder), frames=4))
        for _ in range(data.draw(st.integers(1, 8))):
            at = data.draw(st.integers(0, len(whole) - 1))
            whole[at] = data.draw(st.integers(0, 255))
        (path,) = Path(folder).glob("*.ring")
        path.write_bytes(whole)
        handle = os.open(path, os.O_RDONLY)
        try:
            contents = read_contents(handle, len(whole), verify=data.draw(st.booleans()))
            found = [read_frame(handle, record) for record in contents.frames]
        except RingFileError:
            found = []
        finally:
            os.close(handle)

    for kept in found:
        if kept is not None:
            expected = frame(RUNS[0], kept.header.sequence, 20 + kept.header.sequence)
            assert (kept.header, kept.jpeg) == (expected.header, expected.jpeg)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "0000000001.ring"
        path.write_bytes(data)
        ring = RingFolder(Path(folder), "porch", RUNS[0], 1_000_000)
        ring.open()
        ring.close()
        assert ring.segments == ()


def test_a_record_has_the_bytes_that_are_documented() -> None:
    head, meta, body = pack(RecordKind.FRAME, EncodingDecision(3, 2), 7, -1, b"{}", b"jpeg")

    assert HEAD_BYTES == 32
    expected = ["63665231", "02", "23", "0200", "04000000", "0700000000000000", "ff" * 8]
    assert head[:28].hex() == "".join(expected)
    assert (meta, body) == (b"{}", b"jpeg")


def test_the_ring_is_bounded_and_the_oldest_go(tmp_path: Path) -> None:
    with disk_ring(tmp_path, RUNS[0]) as disk:
        ring = MemoryRing(RUNS[0], 0)
        for sequence in range(400):
            kept = frame(RUNS[0], sequence, 10_000)
            ring.append(kept, EVERYTHING)
            disk.keep(kept, encode_header(kept.header), EVERYTHING)
            disk.settle()
            assert sum(p.stat().st_size for p in tmp_path.glob("*.ring")) <= 1_000_000
        found = items_of(ring, disk, Position(RUNS[0], 0))
        span = disk.span()

    gap, *frames = found
    assert isinstance(gap, Gap)
    assert (gap.first, gap.reason) == (1, "ring-overrun")
    assert gap.last is not None
    sequences = [kept.header.sequence for kept in frames if isinstance(kept, StoredFrame)]
    assert sequences == list(range(gap.last + 1, 400))
    assert len(sequences) == span.frames > 80


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as running:
        yield running


@contextmanager
def publisher(peer: Peer, folder: Path, **sizes: int) -> Iterator[Publisher]:
    ring = CameraRing(**{"memory": 20_000, "disk": 1_000_000, **sizes}, path=str(folder))
    with Publisher(peer.delivery, "porch", ingest=peer.ingest, ring=ring) as camera:
        peer.hello = None
        peer.serve_until(lambda: peer.hello)
        yield camera


def test_a_new_process_gives_what_the_old_one_kept(peer: Peer, tmp_path: Path) -> None:
    """All runs, in order, over the end of one and the start of the next."""
    peer.listen()
    pictures, runs = [jpeg(64, 48, n) for n in range(40)], []
    for _ in range(2):
        with publisher(peer, tmp_path) as camera:
            runs.append(camera.run)
            for picture in pictures:
                camera.publish(picture)
            camera.skip(2)
    with publisher(peer, tmp_path) as camera:
        runs.append(camera.run)
        camera.publish(pictures[0])
        answers = [peer.repair("porch", Position(runs[0], 0), Position(runs[2], 0), frames=50)]
        while not answers[-1].done:
            answers.append(peer.repair("porch", _end(answers[-1]), Position(runs[2], 0), frames=50))

    frames = [frame for answer in answers for frame in answer.frames]
    assert [data for _, data in frames] == [*pictures[1:], *pictures]
    assert [h.run for h, _ in frames] == [runs[0]] * 39 + [runs[1]] * 40
    gaps = [item for answer in answers for item in answer.told if isinstance(item, Gap)]
    assert [(g.run, g.first, g.last, g.reason) for g in gaps] == [
        (run, 40, 41, "not-wanted") for run in runs[:2]
    ]


def _end(answer: Answer) -> Position:
    item = answer.told[-1]
    if not isinstance(item, Gap):
        return item[0].position
    assert item.last is not None
    return Position(item.run, item.last)


def test_a_run_of_which_nothing_is_left_is_an_overrun(peer: Peer, tmp_path: Path) -> None:
    """It is known that it was; a run that never was here is the restart of a camera."""
    peer.listen()
    with publisher(peer, tmp_path) as camera:
        first = camera.run
        camera.publish(jpeg())
    for _ in range(2):
        with publisher(peer, tmp_path) as camera:
            for seed in range(200):
                camera.publish(jpeg(320, 240, seed % 8) + b"")
        if not list(tmp_path.rglob("0000000001.ring")):
            break
    with publisher(peer, tmp_path) as camera:
        overrun = peer.repair("porch", Position(first, 0), frames=1)
        unknown = peer.repair("porch", Position("f" * 16, 7), frames=1, id="u")

    assert overrun.gaps[0] == (1, None, "ring-overrun")
    assert unknown.gaps[0] == (8, None, "camera-restarted")


PUBLISH = """
import hashlib, sys
from camfan import Publisher
from camfan_config import CameraRing
from camfan_testing.jpegs import jpeg
ring = CameraRing(memory=200_000, disk=8_000_000, path=sys.argv[3])
with Publisher(sys.argv[1], "porch", ingest=sys.argv[2], ring=ring) as camera:
    for number in range(100_000):
        picture = jpeg(96, 64, number % 64)
        sequence = camera.sequence
        camera.publish(picture)
        print(camera.run, sequence, hashlib.sha256(picture).hexdigest(), flush=True)
"""


def test_a_killed_process_has_lost_nothing(peer: Peer, tmp_path: Path) -> None:
    """SIGKILL in the middle of publishing, three times, the broker away: all of it is there."""
    support = str(Path(__file__).parents[1] / "support")
    published: list[str] = []
    peer.listen()
    for life in range(3):
        command = [sys.executable, "-c", PUBLISH, peer.delivery, peer.ingest, str(tmp_path)]
        with Process(command, env={"PYTHONPATH": support}) as process:
            _wait_for_lines(process, 150 + 70 * life)
            process.stop(signal.SIGKILL)
        published += [line for line in process.lines if len(line.split()) == 3]
    runs = list(dict.fromkeys(line.split()[0] for line in published))

    peer.identity = peer.hello = None
    with publisher(peer, tmp_path, disk=8_000_000) as camera:
        found, after = [], Position(runs[0], 0)
        while True:
            answer = peer.repair("porch", after, Position(camera.run, 0))
            assert answer.gaps == []
            found += answer.frames
            if answer.done:
                break
            after = _end(answer)

    got = {(h.run, h.sequence): hashlib.sha256(data).hexdigest() for h, data in found}
    assert len(got) == len(found)
    assert len(runs) == 3
    for line in published[1:]:
        run, sequence, digest = line.split()
        assert got[run, int(sequence)] == digest, f"{run} {sequence} is missing"


def _wait_for_lines(process: Process, count: int) -> None:
    wait_until(lambda: len(process.lines) > count, timeout=30)


def test_one_process_writes_a_ring(
    peer: Peer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A second one says so once, and goes on in memory."""
    with publisher(peer, tmp_path), publisher(peer, tmp_path) as second:
        for _ in range(3):
            second.publish(jpeg())
        second.report_now()
        peer.serve_until(lambda: peer.statuses and peer.statuses[-1].message)
        status = peer.statuses[-1]

        answer = peer.repair("porch", Position(second.run, 0))

    assert "another process writes this ring" in str(status.message)
    assert answer.sequences == [1, 2]
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1


def test_a_folder_that_cannot_be_written_costs_no_picture(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "porch").write_text("a file where the folder should be")
    with publisher(peer, tmp_path) as camera:
        for _ in range(3):
            camera.publish(jpeg())
        camera.report_now()
        peer.serve_until(lambda: peer.statuses and peer.figures.disk_error)
        wait_until(lambda: camera._store.disk is not None and camera._store.disk.lost == 3)
        answer = peer.repair("porch", Position(camera.run, 0))

    assert answer.sequences == [1, 2]


def test_a_folder_that_is_gone_is_noticed_and_made_again(peer: Peer, tmp_path: Path) -> None:
    """No picture is lost to the memory; once the folder is made again, the disk goes on."""
    peer.listen()
    with publisher(peer, tmp_path, memory=64_000_000) as camera:
        camera.publish(jpeg())
        disk = camera._store.disk
        assert disk is not None
        shutil.rmtree(tmp_path / "porch")
        wait_until(lambda: not camera.publish(jpeg()) and disk.trouble is not None)
        wait_until(lambda: not camera.publish(jpeg()) and disk.trouble is None)
        camera.publish(jpeg(seed=1))

        answer = peer.repair("porch", Position(camera.run, 0), frames=64)
        span = disk.span()

    assert answer.sequences == list(range(1, len(answer.sequences) + 1))
    assert answer.gaps == []
    assert 0 < span.frames < camera.sequence
    assert disk.lost > 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "camfan-test", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_makes_the_ring_smaller(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It has less than it was promised, says so once, and goes on with the newest."""
    with disk_ring(small_disk / "porch", RUNS[0], limit=4_000_000) as disk:
        ring = MemoryRing(RUNS[0], 0)
        for sequence in range(300):
            kept = frame(RUNS[0], sequence, 20_000)
            ring.append(kept, EVERYTHING)
            disk.keep(kept, encode_header(kept.header), EVERYTHING)
            disk.settle()
        found = items_of(ring, disk, Position(RUNS[0], 0))
        trouble = disk.trouble

    gap, *frames = found
    assert isinstance(gap, Gap)
    assert gap.reason == "ring-overrun"
    assert gap.last is not None
    sequences = [kept.header.sequence for kept in frames if isinstance(kept, StoredFrame)]
    assert sequences == list(range(gap.last + 1, 300))
    assert len(sequences) > 20
    assert "the disk is full; the ring has" in str(trouble)
    assert sum("disk is full" in record.message for record in caplog.records) == 1


def test_a_disk_full_of_other_things_costs_no_picture(small_disk: Path) -> None:
    (small_disk / "other").write_bytes(bytes(1_000_000))
    with disk_ring(small_disk / "porch", RUNS[0], limit=4_000_000) as disk:
        ring = MemoryRing(RUNS[0], 1_000_000)
        for sequence in range(10):
            kept = frame(RUNS[0], sequence, 50_000)
            ring.append(kept, EVERYTHING)
            disk.keep(kept, encode_header(kept.header), EVERYTHING)
        wait_until(lambda: disk.lost > 0)
        found = items_of(ring, disk, Position(RUNS[0], 0))

    assert [item.header.sequence for item in found if isinstance(item, StoredFrame)] == list(
        range(1, 10)
    )


def test_what_a_power_cut_took_is_a_gap_of_unknown_length(tmp_path: Path) -> None:
    """The machine was restarted and the run has no end: its last frames are unknown."""
    old = RingFolder(tmp_path, "porch", RUNS[0], 1_000_000)
    old.boot = "another-life"
    old.open()
    kept = frame(RUNS[0], 0)
    old.append(
        PendingRecord(
            RecordKind.FRAME, EVERYTHING, 0, 0, encode_header(kept.header), kept.jpeg, 1000
        )
    )
    old.close()
    with disk_ring(tmp_path, RUNS[1]) as disk:
        ring = MemoryRing(RUNS[1], 1_000_000)
        ring.append(frame(RUNS[1], 0), EVERYTHING)
        found = items_of(ring, disk, Position(RUNS[0], 0))

    gap, newest = found
    assert isinstance(gap, Gap)
    assert (gap.run, gap.first, gap.last, gap.reason) == (RUNS[0], 1, None, "camera-restarted")
    assert isinstance(newest, StoredFrame)


def test_messages_about_other_runs_are_not_a_demand(peer: Peer, tmp_path: Path) -> None:
    """A run that began unwatched has its reason in the gap."""
    with publisher(peer, tmp_path) as camera:
        first = camera.run
        peer.say(messages.Demand(camera="porch", layers=0))
        peer.serve_until(camera.idle)
        camera.skip(20)
        peer.say(messages.Demand(camera="porch", layers=4))
        peer.serve_until(camera.wanted)
        camera.publish(jpeg())
    with publisher(peer, tmp_path) as camera:
        answer = peer.repair("porch", Position(first, 0), Position(camera.run, 0))

    assert answer.gaps == [(1, 19, "not-wanted")]
    assert answer.sequences == [20]

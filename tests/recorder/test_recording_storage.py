"""Every frame once, in the right file, at the right time, and in the index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from camfan.frame import Frame
from camfan.recording.errors import RecordingError
from camfan.recording.queries import IndexReader
from camfan.recording.rows import Completeness
from camfan_nodes.recorder.index import Index
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import (
    INTERVAL_NS,
    NEXT_RUN,
    RUN,
    START_NS,
    frame,
    packets,
    picture,
)
from camfan_wire.header import Position
from camfan_wire.messages import Event, Gap

HOUR_NS = 3_600_000_000_000


class FakeClock:
    """Seconds that pass when they are set."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def record(folder: Path, *items: Frame | Gap, segment_s: float = 60.0) -> Storage:
    """One life of a storage."""
    with Storage("archive", folder, segment_s, 5.0) as storage:
        for item in items:
            if isinstance(item, Gap):
                storage.gap(item)
            else:
                storage.append(item)
    return storage


@contextmanager
def reader(folder: Path) -> Iterator[IndexReader]:
    index = Index(folder)
    yield index.reader
    index.close()


def check(folder: Path) -> dict[tuple[str, int], bytes]:
    """Every row has its bytes and every file has exactly its rows; what is recorded."""
    found: dict[tuple[str, int], bytes] = {}
    with reader(folder) as questions:
        rows = questions.segments()
        for row in rows:
            data = (folder / row.path).read_bytes()
            frames = questions.frames_of(row.id)
            assert (row.first, row.last) == (frames[0].sequence, frames[-1].sequence)
            assert row.bytes == row.synced_bytes == len(data)
            jpegs = [data[f.offset : f.offset + f.size] for f in frames]
            assert [jpeg for _, jpeg in packets(folder / row.path)] == jpegs
            for entry, jpeg in zip(frames, jpegs, strict=True):
                assert (row.run, entry.sequence) not in found
                found[row.run, entry.sequence] = jpeg
        assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.mkv")} == {
            row.path for row in rows
        }
    return found


def gap(first: int, last: int | None, reason: str = "ring", run: str = RUN) -> Gap:
    return Gap(camera="porch", run=run, first=first, last=last, reason=reason)


def test_every_frame_is_there_with_its_place_and_time(tmp_path: Path) -> None:
    """What was appended is in the file and in the index, byte for byte."""
    record(tmp_path, *(frame(n) for n in range(10)))

    assert check(tmp_path) == {(RUN, n): picture(n) for n in range(10)}
    with reader(tmp_path) as questions:
        times = [entry.time_ns for _, entry in questions.frames("porch")]
        assert times == [START_NS + n * INTERVAL_NS for n in range(10)]
        middle = questions.frames("porch", times[3], times[6])
        assert [entry.sequence for _, entry in middle] == [3, 4, 5]
        assert [row.state for row in questions.segments()] == ["closed"]


def test_segments_end_on_a_grid_and_lose_nothing(tmp_path: Path) -> None:
    """A new file begins with the first frame beyond the end of the last one."""
    record(tmp_path, *(frame(n) for n in range(60)), segment_s=1.0)

    assert len(check(tmp_path)) == 60
    with reader(tmp_path) as questions:
        rows = questions.segments()
    assert len(rows) in (4, 5)
    assert all((row.end_ns or 0) - row.start_ns < 1_000_000_000 for row in rows)
    phases = {row.start_ns % 1_000_000_000 for row in rows[1:]}
    assert max(phases) - min(phases) <= 2 * INTERVAL_NS


def test_cameras_do_not_change_files_at_one_moment(tmp_path: Path) -> None:
    """Each camera has its own grid."""
    for camera in ("porch", "barn"):
        record(tmp_path, *(frame(n, camera=camera) for n in range(30)), segment_s=1.0)

    with reader(tmp_path) as questions:
        second = {camera: questions.segments(camera)[1].start_ns for camera in ("porch", "barn")}
    assert abs(second["porch"] - second["barn"]) > INTERVAL_NS


def test_a_frame_is_recorded_once(tmp_path: Path) -> None:
    """What comes again, in the same life or the next, is not written again."""
    record(tmp_path, frame(0), frame(1), frame(1), frame(0), frame(2))
    storage = record(tmp_path, frame(1), frame(2), frame(3), frame(2, late=True))

    assert check(tmp_path) == {(RUN, n): picture(n) for n in range(4)}
    assert (storage.tallies["porch"].frames, storage.tallies["porch"].repeated) == (1, 3)


def test_only_frames_that_are_known_to_be_missing_are_counted(tmp_path: Path) -> None:
    """A run whose end is not known is a gap, and not a number of frames."""
    storage = record(tmp_path, frame(0), frame(1), gap(2, 5), frame(6), gap(7, None))

    assert storage.tallies["porch"].missing == 4


def test_a_recorder_knows_where_it_was(tmp_path: Path) -> None:
    """The position of each camera is the last that was recorded or lost, of its newest run."""
    record(tmp_path, frame(7), frame(8), frame(3, run=NEXT_RUN), frame(9, late=True))
    record(tmp_path, gap(4, 6, run=NEXT_RUN), frame(0, camera="barn"))

    with Storage("archive", tmp_path, 60.0, 5.0) as storage:
        assert storage.positions() == {
            "porch": Position(NEXT_RUN, 6),
            "barn": Position(RUN, 0),
        }


def test_a_late_frame_lands_in_its_time(tmp_path: Path) -> None:
    """Frames that come after later ones are found between their neighbours."""
    order = [0, 1, 5, 6, 2, 3, 7, 4]
    record(tmp_path, *(frame(n, late=n in (2, 3, 4)) for n in order))

    assert len(check(tmp_path)) == 8
    with reader(tmp_path) as questions:
        assert [entry.sequence for _, entry in questions.frames("porch")] == list(range(8))
        assert len(questions.segments()) == 2


def test_a_whole_outage_delivered_late_is_not_disorder(tmp_path: Path) -> None:
    """Late frames that are in order, also of a new run, go on where the recording was."""
    frames = [frame(n, late=True) for n in range(2, 5)]
    record(tmp_path, frame(0), frame(1), *frames, frame(0, run=NEXT_RUN, late=True))

    with reader(tmp_path) as questions:
        assert [row.run for row in questions.segments()] == [RUN, NEXT_RUN]
        assert questions.positions() == {"porch": Position(NEXT_RUN, 0)}


def test_another_picture_size_is_another_file(tmp_path: Path) -> None:
    """All pictures of a file have one size, the one that its header says."""
    record(tmp_path, frame(0), frame(1, width=32, height=32), frame(2, width=32, height=32))

    assert len(check(tmp_path)) == 3
    with reader(tmp_path) as questions:
        sizes = [(row.width, row.height, row.first) for row in questions.segments()]
    assert sizes == [(64, 48, 0), (32, 32, 1)]


def noting(published: list[Event]) -> Callable[[Event], Event]:
    """What a publisher does, without one."""

    def announce(event: Event) -> Event:
        published.append(event)
        return event

    return announce


def test_time_in_files_survives_a_clock_that_is_set(tmp_path: Path) -> None:
    """A camera's clock set back an hour leaves order and intervals, and an event."""
    stepped = [
        frame(n, captured=START_NS + n * INTERVAL_NS - HOUR_NS, offset=HOUR_NS) for n in (3, 4, 5)
    ]
    published: list[Event] = []
    with Storage("archive", tmp_path, 60.0, 5.0, announce=noting(published)) as storage:
        for item in [frame(0), frame(1), frame(2), *stepped]:
            storage.append(item)

    with reader(tmp_path) as questions:
        (row,) = questions.segments()
        assert [ms for ms, _ in packets(tmp_path / row.path)] == [0, 67, 133, 200, 267, 333]
        assert questions.events() == published
    assert [(event.kind, event.camera) for event in published] == [("clock-step", "porch")]
    assert published[0].details["step_s"] == pytest.approx(-3600)


def test_clocks_beyond_all_reason_are_recorded(tmp_path: Path) -> None:
    """A capture time at the edge of what can be said costs nothing but its own truth."""
    ends = [frame(n, captured=time_ns) for n, time_ns in enumerate([-(2**63), 2**63 - 1, 0])]
    record(tmp_path, *ends)

    assert len(check(tmp_path)) == 3


def test_losses_are_accounted_for(tmp_path: Path) -> None:
    """Every sequence is recorded, in a gap with its reason, or owned up to as unexplained."""
    record(
        tmp_path,
        *(frame(0), frame(1), gap(2, 5), gap(2, 5), frame(6), gap(7, 8, "camera-ring")),
        *(frame(4, late=True), frame(11), gap(12, None)),
    )

    with reader(tmp_path) as questions:
        assert questions.completeness("porch") == [
            Completeness("porch", RUN, 0, 11, 5, {"ring": 3, "camera-ring": 2}, 2)
        ]
        assert questions.gaps("porch") == [gap(2, 5), gap(7, 8, "camera-ring"), gap(12, None)]


def test_the_index_follows_within_a_second_and_syncs_on_time(tmp_path: Path) -> None:
    """Rows are there for readers after a second; what is synced is said before `sync` is over."""
    clock = FakeClock()
    with Storage("archive", tmp_path, 60.0, 5.0, clock=clock) as storage:
        storage.append(frame(0))
        clock.now_s += 1.0
        storage.tick()
        with reader(tmp_path) as questions:
            ((row, entry),) = questions.frames("porch")
            assert (row.state, row.last, row.synced_bytes) == ("open", 0, 0)
            assert packets(tmp_path / row.path) == [(0, picture(0))]
            assert entry.size == len(picture(0))
        clock.now_s += 4.0
        storage.tick()
        with reader(tmp_path) as questions:
            (row,) = questions.segments()
            assert row.synced_bytes == row.bytes == (tmp_path / row.path).stat().st_size


def test_a_file_without_new_frames_is_finished(tmp_path: Path) -> None:
    """When a camera falls silent its file is closed after the length of a segment."""
    clock = FakeClock()
    with Storage("archive", tmp_path, 60.0, 5.0, clock=clock) as storage:
        storage.append(frame(0))
        clock.now_s += 61.0
        storage.tick()
        with reader(tmp_path) as questions:
            assert [row.state for row in questions.segments()] == ["closed"]
        storage.append(frame(1))
    assert len(check(tmp_path)) == 2


def test_events_are_kept(tmp_path: Path) -> None:
    """An event of another node comes back as it was."""
    event = Event(
        id="x",
        time=START_NS,
        source="yard",
        kind="motion",
        state="start",
        camera="porch",
        details={"boxes": [[0.1, 0.2, 0.3, 0.4]], "zone": "drive"},
    )
    with Storage("archive", tmp_path, 60.0, 5.0) as storage:
        storage.event(event)

    with reader(tmp_path) as questions:
        assert questions.events() == [event]


def a_file(path: Path) -> None:
    path.write_text("not a folder")


def a_dangling_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere") / "at-all")


@pytest.mark.parametrize("put", [a_file, a_dangling_link], ids=lambda put: str(put.__name__))
def test_a_folder_that_cannot_be_used_is_named(put: Callable[[Path], None], tmp_path: Path) -> None:
    """What stands in the way is said with its path."""
    path = tmp_path / "recordings"
    put(path)

    with pytest.raises(RecordingError, match=f"cannot record into {path}: "):
        Storage("archive", path, 60.0, 5.0)


def test_two_recorders_do_not_share_a_folder(tmp_path: Path) -> None:
    """The second one gets an error, and the first one does not notice."""
    with Storage("archive", tmp_path, 60.0, 5.0) as storage:
        with pytest.raises(RecordingError, match="another recorder does so already"):
            Storage("second", tmp_path, 60.0, 5.0)
        storage.append(frame(0))

    assert len(check(tmp_path)) == 1


def test_a_new_folder_is_made(tmp_path: Path) -> None:
    """A recorder's first start needs no mkdir."""
    record(tmp_path / "srv" / "recordings", frame(0))

    assert len(check(tmp_path / "srv" / "recordings")) == 1

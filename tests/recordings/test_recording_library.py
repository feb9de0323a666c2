"""`Recording`: what was recorded, read back by time and by number, also while it is recorded."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from camfan import (
    ClosedError,
    FrameLostError,
    IndexDamagedError,
    Position,
    Recording,
    RecordingError,
    UnknownCameraError,
)
from camfan.frame import Frame
from camfan.recording.schema import APPLICATION_ID
from camfan.recording.tables import SCHEMA_1
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import INTERVAL_NS, NEXT_RUN, RUN, START_NS, frame, picture
from camfan_wire.messages import Event, Gap

SECOND_NS = 1_000_000_000
WRITER = """
import sys
from pathlib import Path
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import frame
with Storage("archive", Path(sys.argv[1]), 1.0, 0.2) as storage:
    number = 0
    while True:
        storage.append(frame(number))
        storage.tick()
        print(number, flush=True)
        number += 1
"""

KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import RUN, frame
from camfan_wire.messages import Gap
storage = Storage("archive", Path(sys.argv[1]), 1.0, 60.0)
for number in range(50):
    storage.append(frame(number))
storage.gap(Gap(camera="porch", run=RUN, first=50, last=54, reason="ring-overrun"))
for number in range(55, 80):
    storage.append(frame(number))
storage.gap(Gap(camera="barn", run=RUN, first=0, last=0, reason="x"))  # which commits
os.kill(os.getpid(), signal.SIGKILL)
"""


def record(folder: Path, *items: Frame | Gap | Event, segment_s: float = 1.0) -> None:
    """One life of a recorder's storage."""
    with Storage("archive", folder, segment_s, 5.0) as storage:
        for item in items:
            if isinstance(item, Gap):
                storage.gap(item)
            elif isinstance(item, Event):
                storage.event(item)
            else:
                storage.append(item)


def time_of(sequence: int) -> int:
    return START_NS + sequence * INTERVAL_NS


def gap(first: int, last: int | None, reason: str = "ring-overrun") -> Gap:
    return Gap(camera="porch", run=RUN, first=first, last=last, reason=reason)


def happened(time_ns: int, camera: str | None = "porch") -> Event:
    return Event(
        id="e1", time=time_ns, source="watch", kind="motion", state="start", camera=camera,
        details={"area": 0.5},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A hundred frames in seven files, of two cameras."""
    record(tmp_path, *(frame(n) for n in range(100)), *(frame(n, camera="barn") for n in range(5)))
    return tmp_path


def test_every_frame_comes_back_as_it_was(folder: Path) -> None:
    """JPEG, number, capture time and size of each frame are those that were recorded."""
    with Recording(folder) as recording:
        found = list(recording.frames("porch"))

    assert [f.sequence for f in found] == list(range(100))
    assert [bytes(f.jpeg) for f in found] == [picture(n) for n in range(100)]
    assert [f.captured for f in found] == [time_of(n) for n in range(100)]
    assert {(f.camera, f.run, f.width, f.height) for f in found} == {("porch", RUN, 64, 48)}
    assert found[3].image().shape == (48, 64, 3)


def test_cameras_and_spans_are_known(folder: Path) -> None:
    """The cameras in order, and the first and last moment of each."""
    with Recording(str(folder)) as recording:
        assert recording.cameras() == ["barn", "porch"]
        assert recording.span("porch") == (time_of(0), time_of(99))
        assert recording.span("barn") == (time_of(0), time_of(4))


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (time_of(10), time_of(13), [10, 11, 12]),
        (time_of(10) + 1, time_of(13) + 1, [11, 12, 13]),
        (None, time_of(2), [0, 1]),
        (time_of(98), None, [98, 99]),
        (time_of(40), time_of(40), []),
        (time_of(100), None, []),
        (0, time_of(0), []),
        (time_of(14), time_of(47), list(range(14, 47))),
    ],
)
def test_a_range_has_its_first_moment_and_not_its_last(
    folder: Path, start: int | None, end: int | None, expected: list[int]
) -> None:
    """From `start` on and before `end`, across files."""
    with Recording(folder) as recording:
        assert [f.sequence for f in recording.frames("porch", start, end)] == expected


def test_times_may_be_datetimes_of_any_zone(folder: Path) -> None:
    """An aware datetime is the same moment in every zone."""
    moment = datetime.fromtimestamp(time_of(50) // SECOND_NS, UTC)
    there = moment.astimezone(timezone(timedelta(hours=-7)))
    with Recording(folder) as recording:
        assert recording.at("porch", moment) is not None
        ours = [f.sequence for f in recording.frames("porch", moment)]
        assert ours == [f.sequence for f in recording.frames("porch", there)]
        assert ours[0] == min(
            n for n in range(100) if time_of(n) >= time_of(50) // SECOND_NS * SECOND_NS
        )


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (datetime(2026, 11, 22, 10, 15), ValueError, "without a time zone"),
        ("10:15", TypeError, "a datetime or ns since 1970"),
        (1.5, TypeError, "a datetime or ns since 1970"),
        (True, TypeError, "a datetime or ns since 1970"),
    ],
)
def test_what_is_not_a_time_is_named(
    folder: Path, wrong: object, error: type[Exception], words: str
) -> None:
    """A wrong time is an error when it is given, not an empty answer."""
    with Recording(folder) as recording:
        with pytest.raises(error, match=f"^start is .*{words}"):
            recording.frames("porch", wrong)  # type: ignore[arg-type]  # that is the test
        with pytest.raises(error, match=f"^time is .*{words}"):
            recording.at("porch", wrong)  # type: ignore[arg-type]  # as above
        with pytest.raises(ValueError, match="after end"):
            recording.frames("porch", time_of(3), time_of(2))


def test_the_frame_of_a_moment_is_the_newest_until_then(folder: Path) -> None:
    """Between two frames it is the earlier; after the last it is the last; before all, none."""
    with Recording(folder) as recording:
        for number in (0, 1, 14, 15, 16, 50, 98):
            for moment in (time_of(number), time_of(number + 1) - 1):
                found = recording.at("porch", moment)
                assert found is not None
                assert (found.sequence, bytes(found.jpeg)) == (number, picture(number))
        last = recording.at("porch", datetime(2100, 1, 1, tzinfo=UTC))
        assert last is not None
        assert last.sequence == 99
        assert recording.at("porch", time_of(0) - 1) is None


def test_a_frame_is_found_by_its_number(folder: Path) -> None:
    """Run and sequence name one frame."""
    with Recording(folder) as recording:
        found = recording.frame("porch", Position(RUN, 77))
        assert found is not None
        assert bytes(found.jpeg) == picture(77)
        assert found.position == Position(RUN, 77)
        assert recording.frame("porch", Position(RUN, 100)) is None
        assert recording.frame("porch", Position(NEXT_RUN, 7)) is None


@pytest.mark.parametrize("every", [0.1, 0.5, timedelta(seconds=1), 2])
def test_one_frame_of_each_interval(folder: Path, every: float | timedelta) -> None:
    """`every` gives the first frame of each interval from `start` on."""
    seconds = every.total_seconds() if isinstance(every, timedelta) else every
    step_ns = int(seconds * 1e9)
    with Recording(folder) as recording:
        found = [f.sequence for f in recording.frames("porch", time_of(3), every=every)]

    first: dict[int, int] = {}
    for number in range(3, 100):
        first.setdefault((time_of(number) - time_of(3)) // step_ns, number)
    assert found == list(first.values())


def test_long_intervals_are_looked_up_and_not_walked(tmp_path: Path) -> None:
    """An interval of hours gives the same frames as picking them out of all."""
    apart_ns = 700 * SECOND_NS
    numbers = range(60)
    record(tmp_path, *(frame(n, captured=START_NS + n * apart_ns) for n in numbers))
    with Recording(tmp_path) as recording:
        found = [f.sequence for f in recording.frames("porch", every=3600)]

    first: dict[int, int] = {}
    for number in numbers:
        first.setdefault(number * 700 // 3600, number)
    assert found == list(first.values())


@pytest.mark.parametrize("every", [0, -1, "1s", True])
def test_an_interval_is_a_time_above_zero(folder: Path, every: object) -> None:
    with Recording(folder) as recording, pytest.raises((TypeError, ValueError), match="every is"):
        recording.frames("porch", every=every)  # type: ignore[arg-type]  # that is the test


def test_late_frames_are_in_their_place(tmp_path: Path) -> None:
    """Frames that were recorded later, into files of their own, come in order of time."""
    early = [n for n in range(80) if not 20 <= n < 50]
    record(
        tmp_path,
        *(frame(n) for n in early),
        *(frame(n, late=True) for n in range(20, 50)),
    )
    with Recording(tmp_path) as recording:
        assert [f.sequence for f in recording.frames("porch")] == list(range(80))
        assert [f.sequence for f in recording.frames("porch", time_of(30), time_of(60))] == list(
            range(30, 60)
        )
        for number in (19, 20, 35, 49, 50):
            found = recording.at("porch", time_of(number))
            assert found is not None
            assert found.sequence == number


def test_any_moment_of_any_recording(tmp_path: Path) -> None:
    """Random recordings with restarts, pauses and late frames: all in order of time."""
    chance = random.Random(7)
    times: list[tuple[int, int]] = []
    now_ns = START_NS
    with Storage("archive", tmp_path, 3.0, 5.0) as storage:
        late: list[int] = []
        for number in range(400):
            now_ns += chance.choice((20_000_000, INTERVAL_NS, INTERVAL_NS, 900_000_000))
            times.append((now_ns, number))
            if chance.random() < 0.2:
                late.append(number)
                continue
            storage.append(frame(number, captured=now_ns))
            if late and chance.random() < 0.05:
                for each in late:
                    storage.append(frame(each, captured=times[each][0], late=True))
                late = []
        for each in late:
            storage.append(frame(each, captured=times[each][0], late=True))

    with Recording(tmp_path) as recording:
        assert [(f.captured, f.sequence) for f in recording.frames("porch")] == times
        for _ in range(300):
            moment = chance.randrange(times[0][0] - 10, times[-1][0] + SECOND_NS)
            expected = [number for at_ns, number in times if at_ns <= moment]
            found = recording.at("porch", moment)
            assert (found.sequence if found else None) == (expected[-1] if expected else None)
        for _ in range(50):
            start, end = sorted(chance.choice(times)[0] + chance.randint(-1, 1) for _ in range(2))
            expected = [number for at_ns, number in times if start <= at_ns < end]
            assert [f.sequence for f in recording.frames("porch", start, end)] == expected


def test_several_runs_follow_each_other(tmp_path: Path) -> None:
    """A camera that was restarted counts again from 0; time goes on."""
    record(tmp_path, *(frame(n) for n in range(5)))
    again = [frame(n, run=NEXT_RUN, captured=time_of(100 + n)) for n in range(3)]
    record(tmp_path, *again)
    with Recording(tmp_path) as recording:
        found = [(f.run, f.sequence) for f in recording.frames("porch")]
        assert found == [(RUN, n) for n in range(5)] + [(NEXT_RUN, n) for n in range(3)]
        restarted = recording.frame("porch", Position(NEXT_RUN, 0))
        assert restarted is not None
        assert bytes(restarted.jpeg) == picture(0)


def test_gaps_have_their_place_in_time(tmp_path: Path) -> None:
    """A gap lies between two frames; what came late is not missing any more."""
    record(
        tmp_path,
        *(frame(n) for n in range(10)),
        gap(10, 19),
        *(frame(n) for n in range(20, 40)),
        gap(40, 43, "not-wanted"),
        *(frame(n) for n in range(44, 50)),
        *(frame(n, late=True) for n in range(40, 44)),
        *(frame(n, late=True) for n in range(15, 18)),
    )
    with Recording(tmp_path) as recording:
        (found,) = recording.gaps("porch")
        assert (found.first, found.last, found.missing, found.reason) == (10, 19, 7, "ring-overrun")
        assert (found.start, found.end) == (time_of(9), time_of(20))
        assert recording.gaps("porch", time_of(21)) == []
        assert recording.gaps("porch", end=time_of(9)) == []
        assert recording.gaps(start=time_of(15), end=time_of(16)) == [found]
        assert recording.gaps("barn") == []


def test_gaps_of_a_time_are_those_of_all_that_overlap_it(tmp_path: Path) -> None:
    """Random gaps, some noted much later: a range finds what picking out of all finds."""
    chance = random.Random(3)
    items: list[Frame | Gap] = []
    number = 0
    while number < 600:
        count = chance.randint(1, 30)
        items += [frame(n) for n in range(number, number + count)]
        number += count
        missing = chance.choice((1, 5, 60))
        items.append(gap(number, number + missing - 1))
        number += missing
    items.append(frame(number))
    record(tmp_path, *items)
    with Recording(tmp_path) as recording:
        every = recording.gaps("porch")
        assert len(every) == sum(isinstance(item, Gap) for item in items)
        for _ in range(100):
            start = START_NS + chance.randrange(-10, number + 10) * INTERVAL_NS
            end = start + chance.choice((1, 10, 300)) * INTERVAL_NS
            expected = [g for g in every if (g.end or 0) >= start and (g.start or 0) < end]
            assert recording.gaps("porch", start, end) == expected
            assert recording.gaps(None, start, end) == expected


def test_events_of_a_time_and_a_camera(tmp_path: Path) -> None:
    """Events come back whole, in order of time, also those that are about no camera."""
    events = [happened(time_of(5)), happened(time_of(2), None), happened(time_of(3), "barn")]
    record(tmp_path, frame(0), *events)
    with Recording(tmp_path) as recording:
        assert recording.events() == [events[1], events[2], events[0]]
        assert recording.events("porch") == [events[0]]
        assert recording.events(start=time_of(3), end=time_of(5)) == [events[2]]
        assert recording.clips() == []


def test_the_recorder_may_be_writing(tmp_path: Path) -> None:
    """From another process, frames are read as they become known; none is torn, none twice."""
    writer = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(
        writer,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        try:
            said = int(process.stdout.readline())
            with Recording(tmp_path) as recording:
                seen: list[int] = []
                while len(seen) < 500:
                    said = max(said, int(process.stdout.readline()))
                    start = time_of(seen[-1]) + 1 if seen else None
                    if not recording.cameras():
                        continue
                    for each in recording.frames("porch", start):
                        assert bytes(each.jpeg) == picture(each.sequence)
                        seen.append(each.sequence)
                assert seen == list(range(len(seen)))
        finally:
            process.kill()


def test_what_a_killed_recorder_left_is_read_whole(tmp_path: Path) -> None:
    """Rows of files that were just begun say nothing of their ends yet; their frames do."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED_WRITER, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=30,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    numbers = [*range(50), *range(55, 80)]
    with Recording(tmp_path) as recording:
        assert [f.sequence for f in recording.frames("porch")] == numbers
        assert recording.span("porch") == (time_of(0), time_of(79))
        for number in numbers:
            found = recording.frame("porch", Position(RUN, number))
            then = recording.at("porch", time_of(number))
            assert found is not None
            assert then is not None
            assert found.sequence == then.sequence == number
        first = recording.gaps("porch")[0]
        assert (first.missing, first.start, first.end) == (5, time_of(49), time_of(55))


def test_a_damaged_frame_is_named_and_the_rest_goes_on(folder: Path) -> None:
    """One flipped byte costs one frame; by default it is an error, on request it is reported."""
    with Recording(folder) as recording:
        found = recording.frame("porch", Position(RUN, 20))
        assert found is not None
        files = {path: path.read_bytes() for path in folder.rglob("porch/*/*.mkv")}
        (path,) = [path for path, data in files.items() if bytes(found.jpeg) in data]
        data = files[path]
        at = data.index(bytes(found.jpeg))
        with path.open("r+b") as file:
            file.seek(at)
            file.write(bytes([data[at] ^ 1]))

        lost: list[FrameLostError] = []
        numbers = [f.sequence for f in recording.frames("porch", on_lost=lost.append)]
        assert numbers == [n for n in range(100) if n != 20]
        assert [(each.sequence, each.reason) for each in lost] == [(20, "its checksum is wrong")]
        assert lost[0].path == path.relative_to(folder).as_posix()
        assert lost[0].time == time_of(20)
        with pytest.raises(FrameLostError, match=r"porch, frame 20 of run .* checksum"):
            list(recording.frames("porch"))


def test_a_file_that_is_gone_is_named(folder: Path) -> None:
    """Frames of a deleted file are lost one by one, with the name of the file."""
    gone = sorted(folder.rglob("porch/*/*.mkv"))[2]
    gone.unlink()
    with Recording(folder) as recording:
        lost: list[FrameLostError] = []
        there = [f.sequence for f in recording.frames("porch", on_lost=lost.append)]
    assert {each.path for each in lost} == {gone.relative_to(folder).as_posix()}
    assert {each.reason for each in lost} == {"the file is gone"}
    assert sorted(there + [each.sequence for each in lost]) == list(range(100))


def test_a_file_that_was_replaced_meanwhile_is_opened_again(folder: Path) -> None:
    """The recorder may rewrite a file: what its name stands for now is read."""
    with Recording(folder) as recording:
        path = min(folder.rglob("porch/*/*.mkv"))
        whole = path.read_bytes()
        path.rename(path.with_suffix(".away"))
        path.write_bytes(bytes(len(whole)))
        with pytest.raises(FrameLostError):
            recording.at("porch", time_of(0))
        path.unlink()
        path.write_bytes(whole)
        found = recording.at("porch", time_of(0))
        assert found is not None
        assert bytes(found.jpeg) == picture(0)


def test_many_files_do_not_use_up_the_descriptors(folder: Path) -> None:
    """Only the last few files are kept open, and none after `close`."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    record(folder, *(frame(n, captured=time_of(n * 20)) for n in range(100, 160)))
    with Recording(folder) as recording:
        assert len(list(recording.frames("porch"))) == 160
        assert len(list(Path("/proc/self/fd").iterdir())) < before + 24
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_camera_that_was_not_recorded_is_an_error(folder: Path) -> None:
    """A typing error does not look like an empty recording."""
    with Recording(folder) as recording:
        for ask in (recording.frames, recording.span, lambda name: recording.at(name, START_NS)):
            with pytest.raises(UnknownCameraError, match="did you mean 'porch'"):
                ask("porhc")
        with pytest.raises(UnknownCameraError, match="it has barn, porch"):
            recording.span("x")


def test_a_closed_recording_says_so(folder: Path) -> None:
    recording = Recording(folder)
    recording.close()
    with pytest.raises(ClosedError):
        recording.cameras()


def test_the_index_may_be_in_another_folder(tmp_path: Path) -> None:
    """As with `index:` of the recorder."""
    with Storage("archive", tmp_path / "files", 60, 5, index=tmp_path / "index") as storage:
        storage.append(frame(0))
    with Recording(tmp_path / "files", index=tmp_path / "index") as recording:
        assert [f.sequence for f in recording.frames("porch")] == [0]
    with pytest.raises(RecordingError, match=r"has no index.sqlite; if the recorder keeps"):
        Recording(tmp_path / "files")


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"", RecordingError, "another program"),
        (b"no database, but long enough to be one" * 40, IndexDamagedError, "damaged"),
    ],
)
def test_what_is_not_an_index_is_named(
    tmp_path: Path, content: bytes, error: type[RecordingError], words: str
) -> None:
    (tmp_path / "index.sqlite").write_bytes(content)
    with pytest.raises(error, match=f"{tmp_path}/index.sqlite .*{words}"):
        Recording(tmp_path)
    assert (tmp_path / "index.sqlite").read_bytes() == content
    with pytest.raises(RecordingError, match=f"{tmp_path}/none .*does not exist"):
        Recording(tmp_path / "none")


def test_an_index_on_a_network_share_is_read_only_while_it_is_at_rest(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Said in the log; with a recorder at work on another machine it is refused."""
    monkeypatch.setattr("camfan.recording.reader_index.network_share", lambda _: "nfs4")
    with Recording(folder) as recording:
        assert len(list(recording.frames("porch"))) == 100
    assert f"{folder / 'index.sqlite'} is on a network share (nfs4)" in caplog.text

    with Storage("archive", folder, 60.0, 5.0) as storage:
        storage.append(frame(200))
        storage.gap(gap(150, 160))
        with pytest.raises(RecordingError, match="a recorder has it open or has crashed"):
            Recording(folder)


def test_an_index_of_version_1_is_read(folder: Path) -> None:
    """What an older camfan recorded needs no conversion."""
    old, new = folder / "old.sqlite", folder / "index.sqlite"
    columns = "id, camera, run, path, width, height, state, start_ns, end_ns, first, last, bytes"
    with closing(sqlite3.connect(old)) as db:
        db.executescript(SCHEMA_1)
        db.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1;")
        db.execute("ATTACH ? AS new", (str(new),))
        db.execute(
            f"INSERT INTO segments ({columns}, synced_bytes) SELECT {columns}, synced_bytes"
            " FROM new.segments"
        )
        db.execute(
            "INSERT INTO frames SELECT segment, sequence,"
            " coalesce(captured_ns, time_ns + shift_ns), time_ns,"
            ' "offset", size FROM new.frames JOIN new.segments ON id = segment'
        )
        db.commit()
    old.rename(new)
    with Recording(folder) as recording:
        found = [bytes(f.jpeg) for f in recording.frames("porch")]
        assert found == [picture(n) for n in range(100)]
        assert recording.clips() == []


def test_a_read_only_folder_can_be_read(folder: Path) -> None:
    """A disk that is mounted read-only, or belongs to another user, is read as it is."""
    reader = (
        "import sys; from camfan import Recording\n"
        "print(len(list(Recording(sys.argv[1]).frames('porch'))))"
    )
    command = [sys.executable, "-c"]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
        if subprocess.run([*command, "import camfan"], check=False).returncode:
            pytest.skip("another user cannot run this Python, so a folder cannot be read-only")
    with tempfile.TemporaryDirectory() as place:  # not below a folder that only one user may enter
        Path(place).chmod(0o755)
        copied = Path(shutil.copytree(folder, Path(place) / "recordings"))
        for path in (copied, *copied.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        done = subprocess.run(
            [*command, reader, str(copied)], capture_output=True, text=True, timeout=30, check=False
        )
        for path in (copied, *copied.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert (done.stdout, done.stderr) == ("100\n", "")

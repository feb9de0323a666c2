"""kill -9 while files are deleted and cut: what is wanted stays, whole and once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from camfan.recording.queries import IndexReader
from camfan.recording.schema import connect, connect_to_read
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import INTERVAL_NS, START_NS, packets, picture

SUPPORT = {"PYTHONPATH": os.pathsep.join(sys.path)}
CAMERAS = ("porch", "drive")
KEPT_FRAMES = 60  # that `age` keeps: 4 s
# Time follows from the number of the frame. An event of ten frames begins every 50th.
WRITER = """
import sys
from pathlib import Path
from camfan_config import Clips, Keep
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import INTERVAL_NS, START_NS, frame
from camfan_wire.messages import Event
number = 0
def site_ns():
    return START_NS + number * INTERVAL_NS
with Storage(
    "archive", Path(sys.argv[1]), 1.0, 0.5, clock=lambda: number * INTERVAL_NS / 1e9,
    site_ns=site_ns, keep=Keep(age=4.0), clips=Clips(source=("eye",), before=0.5, after=0.5),
) as storage:
    positions = storage.positions()
    number = 1 + max((position.sequence for position in positions.values()), default=-1)
    while True:
        for camera in ("porch", "drive"):
            storage.append(frame(number, camera=camera))
        storage.tick()
        state = {0: "start", 10: "end"}.get(number % 50)
        if state:
            storage.event(Event(
                id=f"e{number // 50}", time=site_ns(), source="eye", kind="motion", state=state,
                camera="porch",
            ))
        print(number, flush=True)
        number += 1
"""


def write_until_killed(folder: Path, frames: int) -> int:
    """The last frame of both cameras that the writer said is in."""
    command = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **SUPPORT}
    ) as process:
        assert process.stdout is not None
        for _ in range(frames):
            line = process.stdout.readline()
            assert line, "the writer ended by itself"
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split("\n")[:-1]
    return int(rest[-1] if rest else line)


def check(folder: Path, last: int, protected: range) -> None:
    """Files and rows say the same, and all that is wanted is there, whole and once."""
    with closing(connect_to_read(folder / "index.sqlite")) as db:
        index = IndexReader(db)
        assert {p.relative_to(folder).as_posix() for p in folder.rglob("*.mkv")} == {
            row.path for row in index.segments()
        }
        assert list(folder.rglob("*.new")) == []
        for camera in CAMERAS:
            found = []
            for row in index.segments(camera):
                sequences = [each.sequence for each in index.frames_of(row.id)]
                jpegs = [jpeg for _, jpeg in packets(folder / row.path)]
                assert jpegs == [picture(number) for number in sequences]
                found += sequences
            assert len(found) == len(set(found))
            wanted = {*protected, *range(max(last - KEPT_FRAMES + 1, 0), last + 1)}
            for clip in index.clips(camera):
                first, end = clip.start_ns - START_NS, clip.end_ns - START_NS
                numbers = range(max(-(-first // INTERVAL_NS), 0), end // INTERVAL_NS + 1)
                wanted |= {number for number in numbers if number <= last}
            assert sorted(wanted - set(found)) == []


def killed(folder: Path, times: int, seed: int) -> None:
    """A recorder that is killed that many times, checked after each."""
    numbers = random.Random(seed)
    protected = range(20, 31)
    with Storage("archive", folder, 1.0, 0.5):
        pass
    with closing(connect(folder / "index.sqlite")) as db:
        span = (START_NS + 20 * INTERVAL_NS, START_NS + 30 * INTERVAL_NS)
        db.execute("INSERT INTO protected VALUES (NULL, NULL, ?, ?, '', 0)", span)
    for _ in range(times):
        last = write_until_killed(folder, numbers.randint(40, 160))
        with Storage("archive", folder, 1.0, 0.5, site_ns=lambda: START_NS):
            pass
        check(folder, last, protected)
    with closing(connect_to_read(folder / "index.sqlite")) as db:
        index = IndexReader(db)
        rows = [each for row in index.segments("drive") for each in index.frames_of(row.id)]
        assert len(rows) < last, "nothing was deleted, so nothing was tested"
        cut = [row for row in index.segments("porch") if row.kept]
        assert cut, "nothing was cut, so nothing was tested"


def test_kill_9_while_deleting_and_cutting(tmp_path: Path) -> None:
    """Six times, at random."""
    killed(tmp_path, 6, seed=1)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_two_hundred_kills(tmp_path: Path) -> None:
    """The same, 200 times."""
    killed(tmp_path, 200, seed=2)

"""kill -9 at any moment: nothing that was appended is lost, and the next life goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from camfan_nodes.recorder.index import Index
from camfan_nodes.recorder.storage import Storage
from camfan_testing.processes import Process
from camfan_testing.recordings import NEXT_RUN, RUN, packets, picture
from camfan_wire.header import Position

SUPPORT = {"PYTHONPATH": os.pathsep.join(sys.path)}
# Appends frames as fast as it can, says so after each, and never ends by itself. Its segments take
# `segment_s` seconds; where that is one frame, most kills come while a file is begun.
WRITER = """
import sys
from pathlib import Path
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import RUN, frame
with Storage("archive", Path(sys.argv[1]), float(sys.argv[2]), 0.2) as storage:
    position = storage.positions().get("porch")
    number = position.sequence + 1 if position else 0
    while True:
        storage.append(frame(number))
        storage.tick()
        print(number, flush=True)
        number += 1
"""


def write_until_killed(folder: Path, frames: int, segment_s: float = 1.0) -> int:
    """A writer that is killed once it has said that this many frames are in; the last it said."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(segment_s)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **SUPPORT},
    )
    assert process.stdout is not None
    with process, process.stdout as said:
        for _ in range(frames):
            line = said.readline()
            assert line, "the writer ended by itself"
        process.send_signal(signal.SIGKILL)
        rest = said.read().split("\n")[:-1]  # what it still said before it died
    return int(rest[-1] if rest else line)


@pytest.mark.parametrize("seed", range(3))
def test_kill_9_loses_no_frame_that_was_appended(seed: int, tmp_path: Path) -> None:
    """After each kill every frame the writer said is in, is in: in its file and in the index."""
    numbers = random.Random(seed)
    last = -1
    for _ in range(3):
        last = write_until_killed(tmp_path, numbers.randint(1, 120))
        for path in tmp_path.rglob("*.mkv"):
            assert packets(path), f"{path} does not play"

    with Storage("archive", tmp_path, 60.0, 5.0) as storage:
        position = storage.positions()["porch"]

    assert position.run == RUN
    assert position.sequence >= last
    index = Index(tmp_path)
    sequences = []
    for row in index.reader.segments():
        jpegs = [data for _, data in packets(tmp_path / row.path)]
        entries = index.reader.frames_of(row.id)
        assert row.state != "open"
        assert jpegs == [picture(entry.sequence) for entry in entries]
        sequences += [entry.sequence for entry in entries]
    index.close()
    assert sequences == list(range(position.sequence + 1))
    assert position == Position(RUN, position.sequence)


def test_every_file_plays_right_after_a_kill(tmp_path: Path) -> None:
    """Also the one that was being begun: a kill between its name and its first frame."""
    for frames in (1, 7, 30, 60, 90):
        write_until_killed(tmp_path, frames, segment_s=0.05)
        for path in tmp_path.rglob("*.mkv"):
            assert packets(path), f"{path} does not play"


TELLER = """
import sys, threading
from pathlib import Path
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import NEXT_RUN, RUN, frame
from camfan_wire.messages import Gap
with Storage("archive", Path(sys.argv[1]), 60.0, 5.0) as storage:
    storage.append(frame(0))
    storage.gap(Gap(camera="porch", run=RUN, first=1, last=None, reason="camera-restarted"))
    storage.append(frame(0, run=NEXT_RUN))
    print("there", flush=True)
    threading.Event().wait()
"""


def test_a_gap_is_as_safe_as_the_frames_behind_it(tmp_path: Path) -> None:
    """Killed right after a frame that follows a gap: both are there, or the gap would never
    be reported again.
    """
    with Process([sys.executable, "-c", TELLER, str(tmp_path)], env=SUPPORT) as teller:
        teller.wait_for("there")
        teller.stop(signal.SIGKILL)

    with Storage("archive", tmp_path, 60.0, 5.0) as storage:
        assert storage.positions()["porch"] == Position(NEXT_RUN, 0)
    index = Index(tmp_path)
    gaps = index.reader.gaps("porch")
    index.close()
    assert [(gap.run, gap.first, gap.last) for gap in gaps] == [(RUN, 1, None)]

"""kill -9 in a mode that skips frames: what was skipped is known after it."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from pathlib import Path

import pytest

from camfan.recording.queries import IndexReader
from camfan.recording.schema import connect_to_read
from camfan_config import RecordingMode
from camfan_nodes.recorder.storage import Storage
from camfan_testing.processes import Process
from camfan_testing.recordings import NEXT_RUN, RUN

SUPPORT = {"PYTHONPATH": os.pathsep.join(sys.path)}
# Commits the index up to 20 s; the frames after that reach the files only.
SKIPPER = """
import sys, threading
from pathlib import Path
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import INTERVAL_NS, START_NS, frame
now_s, (folder, runs) = [0.0], (Path(sys.argv[1]), sys.argv[2:])
site_ns = lambda: START_NS + int(now_s[0] * 1e9)
more = {"clock": lambda: now_s[0], "site_ns": site_ns, "mode_of": lambda camera: "activity"}
with Storage("archive", folder, 60.0, 5.0, **more) as storage:
    for number in range(603):
        now_s[0] = number * INTERVAL_NS / 1e9
        run, captured = runs[number > 310], START_NS + number * INTERVAL_NS
        sequence = number if run == runs[0] else number - 311
        storage.append(frame(sequence, run=run, captured=captured))
        if number < 300:
            storage.tick()
    print("there", flush=True)
    threading.Event().wait()
"""


def activity(_camera: str) -> RecordingMode:
    return "activity"


@pytest.mark.parametrize("last_run", [RUN, NEXT_RUN])
def test_frames_that_were_skipped_before_a_kill_are_explained(
    last_run: str, tmp_path: Path
) -> None:
    """Their stretch had not reached the index, and frames behind it were in the files."""
    runs = [RUN, last_run]
    script = SKIPPER if last_run != RUN else SKIPPER.replace("> 310", "> 1000")
    with Process([sys.executable, "-c", script, str(tmp_path), *runs], env=SUPPORT) as skipper:
        skipper.wait_for("there")
        skipper.stop(signal.SIGKILL)

    with Storage("archive", tmp_path, 60.0, 5.0, mode_of=activity) as storage:
        at = storage.positions()["porch"]
    with closing(connect_to_read(tmp_path / "index.sqlite")) as db:
        accounts = IndexReader(db).completeness("porch")

    assert at.run == last_run
    assert {account.run for account in accounts} == set(runs)
    assert [account.unexplained for account in accounts] == [0] * len(accounts)
    assert all(account.recorded and account.skipped for account in accounts)

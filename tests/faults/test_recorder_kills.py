"""SIGKILL of the recorder: `kill_recorder.py` does it 200 times."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan_faults.recorder_kills import kill_recorder


@pytest.mark.long
def test_a_recorder_that_is_killed_twice_loses_nothing(tmp_path: Path) -> None:
    found = kill_recorder(tmp_path, 2, seed=1, cameras=3)

    assert found.kills == 2
    assert found.frames
    assert found.files


@pytest.mark.long
def test_many_kills_with_retention_and_clips_lose_nothing(tmp_path: Path) -> None:
    found = kill_recorder(tmp_path, 15, seed=2)

    assert found.expired, "retention had nothing to delete"
    assert found.clips
    assert found.protected

"""Garbage on every port during traffic disturbs no client."""

from __future__ import annotations

from pathlib import Path

from camfan_faults.outage import assert_nothing_lost
from camfan_faults.rubbish import throw_rubbish


def test_garbage_and_half_open_connections_cost_no_frame(tmp_path: Path) -> None:
    assert_nothing_lost(throw_rubbish(tmp_path, 28, seed=3))

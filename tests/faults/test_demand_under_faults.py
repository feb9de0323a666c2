"""A camera makes frames for its readers, also when they leave without a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan_faults.demanding import FPS, come_and_go

pytestmark = pytest.mark.long


def test_a_camera_is_idle_when_all_have_left_or_died(tmp_path: Path) -> None:
    """It makes a picture in two seconds, and every one again when a reader comes."""
    demand = come_and_go(tmp_path)

    assert demand.idle_share <= 2 / FPS  # the trickle of one in 2 s, and one more
    assert demand.unaccounted == 0

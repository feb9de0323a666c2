"""A broker that is killed and comes back: the cameras' rings give what the recording misses."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan.ring.ring import OVERHEAD_BYTES
from camfan_faults.ledger import OVERRUN
from camfan_faults.outage import FPS, FRAME_BYTES, assert_nothing_lost, broker_outage

pytestmark = pytest.mark.long

OUTAGE_S = 3.0  # `make faults` has 60


def test_the_recording_has_every_picture_of_an_outage_that_the_rings_hold(tmp_path: Path) -> None:
    """Each once, in order, byte for byte; viewers get a picture of now, not the backlog.

    Camera one has a ring that is too small: exactly what does not fit is missing, as one gap with
    its reason. Camera two is killed in the middle, and has its ring on disk: both lives are there.
    """
    disk = f"{{memory: 200kB, disk: 20MB, path: {tmp_path / 'rings'}}}"
    outage = broker_outage(tmp_path, OUTAGE_S, {"one": "500kB", "two": disk}, kill="two")

    assert_nothing_lost({name: outage.accounts[name] for name in ("two", "film")})
    assert outage.newer_s < OUTAGE_S
    one = outage.accounts["one"]
    assert one.captured > OUTAGE_S * FPS
    assert set(one.lost) == {OVERRUN}
    assert outage.kept <= 500_000 // FRAME_BYTES
    # While it is asked for the oldest, the ring goes on.
    assert outage.kept >= 500_000 // (FRAME_BYTES + OVERHEAD_BYTES) - 10

"""A broker that is killed and comes back: the cameras' rings give what the recording misses."""

from __future__ import annotations

from pathlib import Path

from camfan_faults.outage import FPS, assert_nothing_lost, broker_outage

OUTAGE_S = 3.0  # `make faults` has 60


def test_the_recording_has_every_picture_of_an_outage(tmp_path: Path) -> None:
    """Each once, in order, byte for byte; viewers get a picture of now, not the backlog."""
    outage = broker_outage(tmp_path, OUTAGE_S)

    assert_nothing_lost(outage.accounts)
    assert all(account.captured > OUTAGE_S * FPS for account in outage.accounts.values())
    assert outage.newer_s < OUTAGE_S

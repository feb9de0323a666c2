"""A broker that is killed and comes back: the cameras' rings give what the recording misses."""

from __future__ import annotations

from pathlib import Path

from camfan.ring import OVERHEAD_BYTES
from camfan_faults.ledger import OVERRUN
from camfan_faults.outage import FPS, FRAME_BYTES, assert_nothing_lost, broker_outage

OUTAGE_S = 3.0  # `make faults` has 60


def test_the_recording_has_every_picture_of_an_outage(tmp_path: Path) -> None:
    """Each once, in order, byte for byte; viewers get a picture of now, not the backlog."""
    outage = broker_outage(tmp_path, OUTAGE_S)

    assert_nothing_lost(outage.accounts)
    assert all(account.captured > OUTAGE_S * FPS for account in outage.accounts.values())
    assert outage.newer_s < OUTAGE_S


def test_a_ring_that_is_too_small_costs_exactly_what_does_not_fit(tmp_path: Path) -> None:
    """As one gap with its reason; the other cameras miss nothing."""
    outage = broker_outage(tmp_path, OUTAGE_S, ring="500kB")

    one = outage.accounts["one"]
    assert_nothing_lost({name: outage.accounts[name] for name in ("two", "film")})
    assert set(one.lost) == {OVERRUN}
    assert outage.kept <= 500_000 // FRAME_BYTES
    # While it is asked for the oldest, the ring goes on.
    assert outage.kept >= 500_000 // (FRAME_BYTES + OVERHEAD_BYTES) - 10


def test_a_ring_on_disk_keeps_what_a_killed_camera_took(tmp_path: Path) -> None:
    """Killed in the middle of the outage: the broker gets both lives whole."""
    disk = f"{{memory: 200kB, disk: 20MB, path: {tmp_path / 'rings'}}}"
    outage = broker_outage(tmp_path, OUTAGE_S, ring=disk, kill_camera=True)

    assert_nothing_lost(outage.accounts)

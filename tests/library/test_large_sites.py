"""A site of many cameras: what the broker says of all of them still reaches its readers."""

from __future__ import annotations

from pathlib import Path

from camfan import Subscriber
from camfan_testing.live import live_broker, wait_until


def test_the_status_of_a_broker_with_many_cameras_is_read(tmp_path: Path) -> None:
    """It is longer than a message of a node may be."""
    names = [f"camera-of-the-north-wing-{number:03d}" for number in range(200)]
    with (
        live_broker(tmp_path, *names, memory="1GB") as live,
        Subscriber(live.site, [], statuses=True) as frames,
    ):
        wait_until(lambda: "broker" in frames.statuses)
        broker = frames.statuses["broker"].broker

    assert broker is not None
    assert broker.cameras.keys() == set(names)

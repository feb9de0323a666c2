"""What a node says when its broker is not there, and what the broker says of the node."""

from __future__ import annotations

from pathlib import Path

from camfan_testing.processes import camfan, running_broker
from camfan_testing.sites import custom_cameras, write_site

AWAY, BACK = "the broker does not answer; trying until it does", "the broker answers"


def test_a_broker_that_is_not_there_yet_is_named_once(tmp_path: Path) -> None:
    """With its address, and not again at each attempt; and so is its coming, and the node's."""
    site = write_site(tmp_path, custom_cameras("one") + "\nrecorders: {archive: {path: r}}")

    with camfan("recorder", "archive", "--config", str(site.path)) as recorder:
        assert site.delivery_endpoint in recorder.wait_for(AWAY)
        with running_broker(site.path) as broker:
            recorder.wait_for(BACK)
            broker.wait_for("archive (recorder) is connected")

            assert recorder.stop() == 0

            broker.wait_for("archive has left")
            assert broker.stop() == 0

    assert (recorder.output.count(AWAY), recorder.output.count(BACK)) == (1, 1)
    assert broker.output.count("is connected") == broker.output.count("has left") == 1

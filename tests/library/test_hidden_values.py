"""Reports and events never contain what the site file got from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from camfan import Event, EventPublisher, Publisher, Report, Status, Subscriber
from camfan.reading.mailbox import Item
from camfan_config import Hidden
from camfan_testing.live import LiveBroker, live_broker, wait_until
from camfan_testing.processes import running_broker
from camfan_testing.sites import write_site
from camfan_wire.figures import PublisherFigures

SECRET = "gate-s3cret"


@pytest.fixture
def hidden() -> Hidden:
    found = Hidden()
    found.add("GATE_PASSWORD", SECRET)
    return found


def status_of(frames: Subscriber[Item], node: str) -> Status:
    wait_until(lambda: node in frames.statuses)
    return frames.statuses[node]


def event_of(frames: Subscriber[Item], source: str) -> Event:
    while not (isinstance(item := frames.read(10), Event) and item.source == source):
        pass
    return item


def test_every_text_of_a_report_is_covered(live: LiveBroker, hidden: Hidden) -> None:
    """The message, and each text among the figures; other values stay as they were."""
    figures = PublisherFigures(
        fps_in=3.0,
        last_error=f"401 at http://u:{SECRET}@gate/",
        disk_error=SECRET,
        restart_reason=f"it said {SECRET}",
    )
    own = Report("offline", f"{SECRET} does not work", publisher=figures)
    with (
        Subscriber(live.site, [], statuses=True) as frames,
        Publisher(live.site, "one", report=lambda: own, hidden=hidden),
    ):
        status = status_of(frames, "one")

    said = status.publisher
    assert status.message == "${GATE_PASSWORD} does not work"
    assert said is not None
    assert said.last_error == "401 at http://u:${GATE_PASSWORD}@gate/"
    assert (said.restart_reason, said.fps_in) == ("it said ${GATE_PASSWORD}", 3.0)
    assert SECRET not in str(status)


def test_every_text_of_an_event_is_covered(live: LiveBroker, hidden: Hidden) -> None:
    """However deep it lies."""
    details = {"reason": SECRET, "tried": [{"url": f"http://{SECRET}/"}, 3], "box": (0.1, 0.2)}
    with (
        Subscriber(live.site, [], events=True) as frames,
        EventPublisher(live.site, "door", hidden=hidden) as door,
    ):
        door.event("door", "start", details=details)
        event = event_of(frames, "door")

    assert event.details == {
        "reason": "${GATE_PASSWORD}",
        "tried": [{"url": "http://${GATE_PASSWORD}/"}, 3],
        "box": [0.1, 0.2],
    }


def test_a_whole_event_comes_back_as_it_was_sent(live: LiveBroker, hidden: Hidden) -> None:
    """So that a recorder records the same as was sent."""
    happened = Event(
        id="1", time=1, source="door", kind="door", state="end", details={"why": SECRET}
    )
    with (
        Subscriber(live.site, [], events=True) as frames,
        EventPublisher(live.site, "door", hidden=hidden) as door,
    ):
        sent = door.publish(happened)
        assert event_of(frames, "door") == sent

    assert sent == replace(happened, details={"why": "${GATE_PASSWORD}"})


def test_the_values_of_a_file_given_by_its_path_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs that use the library need not think of it."""
    monkeypatch.setenv("RING", f"/proc/{SECRET}")
    written = write_site(
        tmp_path, "cameras: {one: {source: custom, ring: {disk: 1GB, path: '${RING}/r'}}}"
    )
    own = Report("offline", f"/proc/{SECRET}/r is not there")
    with (
        running_broker(written.path),
        Subscriber(written.path, [], statuses=True) as frames,
        Publisher(written.path, "one", report=lambda: own),
    ):
        assert status_of(frames, "one").message == "${RING}/r is not there"


def test_a_message_that_is_too_long_does_not_cost_the_status(tmp_path: Path) -> None:
    """A status with a text of more than 1000 characters would be refused as a whole."""
    long = Report("offline", "x" * 5000, publisher=PublisherFigures(last_error="y" * 5000))
    with (
        live_broker(tmp_path, "one") as live,
        Subscriber(live.site, [], statuses=True) as frames,
        Publisher(live.site, "one", report=lambda: long),
    ):
        status = status_of(frames, "one")

    assert status.message == "x" * 1000
    assert status.publisher is not None
    assert status.publisher.last_error == "y" * 1000

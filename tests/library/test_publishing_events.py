"""Events of a node that has no camera."""

from __future__ import annotations

import pytest

from camfan import Event, EventPublisher, Publisher, Report, Subscriber
from camfan_testing.live import LiveBroker, is_subscribed, wait_until
from camfan_wire.figures import MachineFigures

READ_S = 20.0


def test_an_event_arrives_with_what_it_was_given(live: LiveBroker) -> None:
    with (
        Subscriber(live.site, [], events=True) as items,
        EventPublisher(live.site, "barn-door", kind="sensor") as door,
    ):
        wait_until(lambda: door.connected and is_subscribed(live))
        identity = door.event("door", "start", camera="two", time_ns=123, details={"open": True})
        door.event("door", "end", id=identity)
        start, end = items.read(READ_S), items.read(READ_S)

    assert start == Event(
        id=identity,
        time=123,
        source="barn-door",
        kind="door",
        state="start",
        camera="two",
        details={"open": True},
    )
    assert isinstance(end, Event)
    assert (end.id, end.state, end.camera) == (identity, "end", None)


def test_an_event_is_heard_though_its_program_ends_at_once(live: LiveBroker) -> None:
    """A script that says one thing and ends: it waits for the connection, but not for ever."""
    with Subscriber(live.site, [], events=True) as items:
        wait_until(lambda: is_subscribed(live))
        with EventPublisher(live.site, "barn-door") as door:
            identity = door.event("door", "start")
        event = items.read(READ_S)

    assert isinstance(event, Event)
    assert event.id == identity


def test_without_a_broker_a_program_with_an_event_ends_all_the_same() -> None:
    with EventPublisher("tcp://127.0.0.1:1", "barn-door") as door:
        door.event("door", "start")


def test_its_status_is_seen_where_it_reports_one(live: LiveBroker) -> None:
    report = Report("fine", "opened 3 times", machine=MachineFigures(temperature_c=21.5))
    with (
        Subscriber(live.site, [], statuses=True) as frames,
        EventPublisher(live.site, "barn-door", kind="sensor", report=lambda: report),
    ):
        wait_until(lambda: "barn-door" in frames.statuses)
        status = frames.statuses["barn-door"]

    assert (status.kind, status.state, status.message) == ("sensor", "fine", "opened 3 times")
    assert status.machine == report.machine


def test_an_event_of_a_camera_is_about_that_camera(live: LiveBroker) -> None:
    with (
        Subscriber(live.site, [], events=True) as items,
        Publisher(live.site, "one") as camera,
    ):
        wait_until(lambda: items.connected and camera.connected)
        camera.event("bell", "start")
        event = items.read(READ_S)

    assert isinstance(event, Event)
    assert (event.source, event.camera) == ("one", "one")


def test_a_publisher_without_a_camera_cannot_be_made(live: LiveBroker) -> None:
    with pytest.raises(TypeError, match="camera"):
        Publisher(live.site)  # type: ignore[call-arg]  # that is the point

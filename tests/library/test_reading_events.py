"""Events without frames: all of them, or starts and ends, or only those that begin now."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from camfan import ClosedError, Event, EventPublisher, EventSubscriber
from camfan_testing.live import LiveBroker, is_subscribed, wait_until
from camfan_testing.processes import running_broker
from camfan_testing.sites import custom_cameras, write_site, write_two_brokers

READ_S = 20.0
LAST = "last"  # of these tests: what came before it has come


def until_last(events: EventSubscriber) -> list[tuple[str, str]]:
    """Kind and state of all events before the last."""
    found: list[tuple[str, str]] = []
    while (event := events.read(READ_S)).kind != LAST:
        found.append((event.kind, event.state))
    return found


@pytest.fixture
def door(live: LiveBroker):  # type: ignore[no-untyped-def]  # a generator of one
    with EventPublisher(live.site, "door") as made:
        wait_until(lambda: made.connected)
        yield made


def tell(door: EventPublisher, kind: str, *states: str, camera: str | None = None) -> str:
    """One event in these states; its id."""
    identity = None
    for state in states:
        identity = door.event(kind, state, id=identity, camera=camera)  # type: ignore[arg-type]
    assert identity is not None
    return identity


def heard(live: LiveBroker, source: str, events: int) -> None:
    """Wait until the broker has this number of open events."""
    wait_until(lambda: len(live.broker.board._open) == events)


def test_all_of_an_event_comes_and_no_frames_are_asked_for(
    live: LiveBroker, door: EventPublisher
) -> None:
    with EventSubscriber(live.site) as events:
        wait_until(lambda: is_subscribed(live))
        tell(door, "bell", "start", "update", "update", "end")
        tell(door, LAST, "start", "end")
        found = until_last(events)
        wants = [p.reader.wishes.cameras for p in live.broker.peers.values() if p.reader]

    assert found == [("bell", state) for state in ("start", "update", "update", "end")]
    assert wants == [[]]


def test_without_updates_each_event_has_a_start_and_an_end(
    live: LiveBroker, door: EventPublisher
) -> None:
    """Of one that was open before it is the first word, even if that is an update."""
    open_before = tell(door, "open-before", "start", "update")
    heard(live, "door", 1)
    with EventSubscriber(live.site, updates=False) as events:
        first = events.read(READ_S)
        tell(door, "bell", "start", "update", "update", "end")
        for state in ("update", "end"):
            door.event("open-before", state, id=open_before)
        tell(door, LAST, "start", "end")
        found = until_last(events)

    assert (first.kind, first.state) == ("open-before", "update")
    assert found == [("bell", "start"), ("bell", "end"), ("open-before", "end")]


@pytest.mark.parametrize("states", [["start"], ["start", "update"]])
def test_without_those_open_before_nothing_of_them_comes(
    live: LiveBroker, door: EventPublisher, states: list[str]
) -> None:
    open_before = tell(door, "open-before", *states)
    heard(live, "door", 1)
    with EventSubscriber(live.site, open_before=False) as events:
        wait_until(lambda: is_subscribed(live))
        wait_until(lambda: any(p.reader for p in live.broker.peers.values()))
        for state in ("update", "end"):
            door.event("open-before", state, id=open_before)
        tell(door, "bell", "start", "update", "end")
        tell(door, LAST, "start", "end")
        found = until_last(events)

    assert found == [("bell", "start"), ("bell", "update"), ("bell", "end")]


def test_an_event_that_began_in_an_outage_is_not_one_from_before(tmp_path: Path) -> None:
    """After a restart of the broker the publisher's events come; the old one stays unheard."""
    written = write_site(tmp_path, custom_cameras("one"))
    with EventPublisher(written.path, "door") as door:
        with running_broker(written.path) as first:
            old = door.event("old", "start")
            with EventSubscriber(written.path) as any_event:
                assert any_event.read(READ_S).id == old
            events = EventSubscriber(written.path, open_before=False)
            wait_until(lambda: events._session.subscriptions.all[0].began_ns is not None)
            first.popen.kill()
            first.popen.wait()
        with running_broker(written.path), events:
            wait_until(lambda: door.connected)
            began_ns = events._session.subscriptions.all[0].began_ns
            assert began_ns is not None
            door.event("old", "update", id=old, time_ns=began_ns - 1)  # all it knows of it now
            door.event("new", "start")
            event = events.read(READ_S)

    assert event.kind == "new"


def test_only_events_about_some_cameras(live: LiveBroker, door: EventPublisher) -> None:
    with EventSubscriber(live.site, ["o*"]) as events:
        wait_until(lambda: is_subscribed(live))
        tell(door, "bell", "start", "end", camera="two")
        tell(door, "bell", "start", "end")
        tell(door, "motion", "start", "end", camera="one")
        tell(door, LAST, "start", "end", camera="one")

        assert until_last(events) == [("motion", "start"), ("motion", "end")]


def test_events_of_all_brokers_come(tmp_path: Path) -> None:
    custom = "{source: custom, broker: "
    path = write_two_brokers(tmp_path, f"cameras:\n  cow: {custom}barn}}\n  cat: {custom}house}}")
    with (
        running_broker(path, "--name", "barn"),
        running_broker(path, "--name", "house"),
        EventSubscriber(path) as events,
        EventPublisher(path, "door") as door,
    ):
        wait_until(lambda: events.connected and door.connected)
        door.event("bell", "start", camera="cow")
        door.event("bell", "start", camera="cat")
        found = {events.read(READ_S).camera for _ in range(2)}

    assert found == {"cow", "cat"}


def test_asyncio_readers_get_the_same(live: LiveBroker, door: EventPublisher) -> None:
    async def read() -> list[Event]:
        found = []
        async with EventSubscriber(live.site) as events:
            tell(door, "bell", "start")
            async for event in events:
                found.append(event)
                if len(found) == 2:
                    break
                tell(door, "bell", "start")
        return found

    assert [event.kind for event in asyncio.run(read())] == ["bell", "bell"]


def test_closing_ends_the_iteration(live: LiveBroker) -> None:
    events = EventSubscriber(live.site)
    closer = threading.Thread(target=events.close)
    closer.start()

    assert list(events) == []
    closer.join()
    with pytest.raises(ClosedError, match="EventSubscriber was closed"):
        events.read()


def test_flags_are_flags(live: LiveBroker) -> None:
    with pytest.raises(TypeError, match="updates is True or False"):
        EventSubscriber(live.site, updates=0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="open_before is True or False"):
        EventSubscriber(live.site, open_before="no")  # type: ignore[arg-type]

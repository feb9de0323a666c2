"""Each key may do what the site file says, and nothing else, whatever it says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import zmq
from msgspec import structs

from camfan import EventPublisher, Publisher, RefusedError, Subscriber
from camfan_broker.access.rights import rights
from camfan_config import load_site
from camfan_nodes.web.passwords import hash_password
from camfan_testing.jpegs import jpeg
from camfan_testing.live import LiveBroker, publish_first, wait_until
from camfan_testing.security import Socket, frame, keys_of, raw_socket, secure_site
from camfan_testing.stream import Stream
from camfan_wire import messages
from camfan_wire.errors import WireError
from camfan_wire.figures import BrokerFigures
from camfan_wire.messages import Event, Status
from camfan_wire.topics import event_topic, status_topic

READ_S = 10.0
NOTHING_MS = 300


def listening(socket: Socket, topic: bytes) -> None:
    """Wait until the broker has said that it listens for this."""
    while socket.recv() != b"\x01" + topic:
        pass


def refusals(live: LiveBroker, name: str) -> int:
    return sum(count for (peer, _), count in live.broker.refusals.counts.items() if peer == name)


def test_a_camera_publishing_another_ones_name(secure: LiveBroker) -> None:
    """Frames, events and statuses that are not its own are refused, those that are pass."""
    broker = secure.broker
    with (
        Stream(secure.site),
        raw_socket(zmq.XPUB, broker.addresses.ingest, keys_of(secure.site, "two")) as liar,
    ):
        listening(liar, b"frame/two/3/")
        run = broker.cameras["one"].run or ""
        for sequence in range(8):
            liar.send_multipart(frame("one", 1_000_000 + sequence, run))
            liar.send_multipart(frame("one", sequence, "f" * 16))
        event = Event(id="x", time=1, source="one", kind="motion", state="start", camera="one")
        liar.send_multipart([event_topic("one", "motion"), messages.encode(event)])
        status = Status(node="one", kind="camera", time=1, state="live")
        liar.send_multipart([status_topic("one"), messages.encode(status)])
        wait_until(lambda: refusals(secure, "two") >= 18)
        assert broker.cameras["one"].refused["not-allowed"] >= 16
        liar.send_multipart(frame("two", 0))
        wait_until(lambda: broker.cameras["two"].received == 1)


def test_a_camera_subscribing_sees_nothing(secure: LiveBroker) -> None:
    broker, keys = secure.broker, keys_of(secure.site, "two")
    with Stream(secure.site), raw_socket(zmq.SUB, broker.addresses.fanout, keys) as spy:
        for prefix in (b"", b"frame/", b"frame/one/", b"frame/two/", b"event/", b"status/"):
            spy.subscribe(prefix)
        wait_until(lambda: broker.fanout.refused["not-allowed"] == 6)
        assert not spy.poll(NOTHING_MS)
        with raw_socket(zmq.DEALER, broker.addresses.delivery, keys) as spy:
            say_hello(spy, "two")
            spy.send(
                b'{"type":"subscribe","cameras":["*"],"credit":8,"topics":["event/","status/"]}'
            )
            assert "may not see" in answer(spy, "refused")["reason"]
            assert not any(len(parts) > 1 for parts in heard(spy))


@pytest.mark.parametrize("asked", [b"", b"f", b"frame", b"frame/", b"frame/o", b"frame/one/"])
def test_a_viewer_gets_exactly_the_part_it_may_see(secure: LiveBroker, asked: bytes) -> None:
    """Whatever prefix it asks for, it gets the frames of its camera and no other."""
    with (
        Stream(secure.site) as stream,
        Publisher(secure.site, "two") as two,
        raw_socket(zmq.SUB, secure.broker.addresses.fanout, keys_of(secure.site, "lab")) as viewer,
        raw_socket(zmq.SUB, secure.broker.addresses.fanout, keys_of(secure.site, "anna")) as anna,
    ):
        viewer.subscribe(asked)
        anna.subscribe(b"frame/two/")
        wait_until(lambda: len(secure.broker.fanout.subscriptions) == 2)
        publish_first(two)
        assert anna.recv_multipart()[0].startswith(b"frame/two/")
        topics = {viewer.recv_multipart()[0] for _ in range(20)}
        assert len(stream.sequences) > 0

    assert {topic for topic in topics if topic.startswith(b"frame/")}
    assert all(topic.split(b"/")[1] == b"one" for topic in topics)


@pytest.mark.parametrize("asked", [b"frame/two/", b"frame/t", b"event/two/", b"status/broker/"])
def test_a_viewer_gets_nothing_of_what_it_may_not_see(secure: LiveBroker, asked: bytes) -> None:
    with (
        Stream(secure.site),
        Publisher(secure.site, "two") as two,
        raw_socket(zmq.SUB, secure.broker.addresses.fanout, keys_of(secure.site, "lab")) as viewer,
    ):
        viewer.subscribe(asked)
        wait_until(lambda: refusals(secure, "lab") == 1)
        wait_until(lambda: two.publish(jpeg()))
        assert not viewer.poll(NOTHING_MS)


def test_letting_go_of_one_subscription_keeps_the_other(secure: LiveBroker) -> None:
    """Both were granted the same camera; one of them goes."""
    listeners = secure.broker.fanout.subscriptions
    with (
        Stream(secure.site),
        raw_socket(zmq.SUB, secure.broker.addresses.fanout, keys_of(secure.site, "lab")) as viewer,
    ):
        viewer.subscribe(b"frame/")
        viewer.subscribe(b"frame/one/")
        wait_until(lambda: listeners.prefixes[b"frame/one/"] == 1)
        viewer.unsubscribe(b"frame/")
        viewer.subscribe(b"status/one/")  # once it is there, the broker has heard the line before
        wait_until(lambda: listeners.prefixes[b"status/one/"] == 1)
        while viewer.poll(0):
            viewer.recv_multipart()
        assert viewer.recv_multipart()[0].split(b"/")[1] == b"one"
        viewer.unsubscribe(b"frame/one/")
        wait_until(lambda: not listeners.prefixes[b"frame/one/"])


def test_a_viewer_that_asks_delivery_for_another_camera(secure: LiveBroker) -> None:
    """It is rejected, and does not even learn that there is one."""
    lab = keys_path(secure, "lab")
    with Stream(secure.site):
        with (
            Subscriber(secure.site, "two", key=lab) as frames,
            pytest.raises(RefusedError, match=r"no camera 'two' here; there is one$"),
        ):
            frames.read(READ_S)
        with Subscriber(secure.site, "*", key=lab) as frames:
            assert frames.read(READ_S).camera == "one"
            assert frames.cameras == ("one",)
    assert refusals(secure, "lab") >= 1


def test_of_the_brokers_status_a_viewer_gets_what_concerns_it(secure: LiveBroker) -> None:
    """The cameras it may see and itself; no other camera, subscriber or refusal."""
    with (
        Stream(secure.site),
        Publisher(secure.site, "two") as two,
        Subscriber(secure.site, "two", statuses=True, key=keys_path(secure, "anna")) as anna,
        Subscriber(secure.site, "one", statuses=True, key=keys_path(secure, "lab")) as lab,
    ):
        publish_first(two)
        secure.broker.refusals.refuse("two", "not-allowed", "may not see one")
        wait_until(lambda: "broker" in anna.statuses and "broker" in lab.statuses)
        wait_until(lambda: len(figures_of(anna).subscribers) == 3)
        whole, told = anna.statuses["broker"], figures_of(anna)
        wait_until(lambda: lab.statuses["broker"].time >= whole.time)
        part, figures = lab.statuses["broker"], figures_of(lab)

    assert set(told.cameras) == {"one", "two"}
    assert "two may not see one" in str(whole.message)
    assert set(figures.cameras) == {"one"}
    assert figures.cameras["one"].state == "live"
    hidden = structs.replace(figures, cameras={}, subscribers={})
    assert hidden == BrokerFigures()
    assert part.message is None
    assert [name.partition("-")[0] for name in figures.subscribers] == ["lab"]


def figures_of(reader: Subscriber[Any]) -> BrokerFigures:
    """The last status that this reader got from the broker."""
    return reader.statuses["broker"].broker or BrokerFigures()


def test_events_about_a_camera_reach_clients_that_may_see_it(secure: LiveBroker) -> None:
    """Also if another node tells of them; and those about other cameras do not."""
    lab = keys_path(secure, "lab")
    with (
        EventPublisher(secure.site, "anna", key=keys_path(secure, "owner")) as _,
        Publisher(secure.site, "one") as one,
        Publisher(secure.site, "two") as two,
        Subscriber(secure.site, "one", events=True, key=lab) as frames,
    ):
        wait_until(lambda: bool(frames.cameras))
        two.event("motion", "start")
        one.event("motion", "start")
        event = frames.read(READ_S)

    assert isinstance(event, Event)
    assert event.source == "one"


@pytest.mark.parametrize(
    "message",
    [
        messages.Reload(),
        messages.Set(camera="one", fps=1),
        messages.Record(camera="one", on=True),
        messages.Gap(camera="one", run="0" * 16, first=0, last=5, reason="not-received"),
        messages.Repaired(camera="one", id="x", done=True),
        messages.Trace(id="x", camera="two", sequence=1),
        messages.Hello(protocol=1, name="lab", kind="camera", session="0" * 16, publishes="one"),
    ],
    ids=lambda message: type(message).__name__,
)
def test_control_messages_that_only_others_may_send(
    secure: LiveBroker, message: messages.ToBroker
) -> None:
    with (
        Stream(secure.site),
        raw_socket(
            zmq.DEALER, secure.broker.addresses.delivery, keys_of(secure.site, "lab")
        ) as viewer,
    ):
        say_hello(viewer, "lab")
        viewer.send(messages.encode(message))
        assert "may not" in answer(viewer, "refused")["reason"]
        assert refusals(secure, "lab") >= 1


def test_late_frames_that_only_their_camera_may_send(secure: LiveBroker) -> None:
    with (
        Stream(secure.site),
        raw_socket(
            zmq.DEALER, secure.broker.addresses.delivery, keys_of(secure.site, "lab")
        ) as viewer,
    ):
        say_hello(viewer, "lab")
        viewer.send_multipart(frame("one", 3))
        assert "lab is not the node of a camera" in answer(viewer, "refused")["reason"]


def test_the_owner_may_set_and_reload(secure: LiveBroker) -> None:
    with (
        Publisher(secure.site, "one") as camera,
        raw_socket(
            zmq.DEALER, secure.broker.addresses.delivery, keys_of(secure.site, "owner")
        ) as owner,
    ):
        wait_until(lambda: camera.connected)
        say_hello(owner, "owner")
        owner.send(messages.encode(messages.Reload()))
        assert answer(owner, "reloaded") == {"type": "reloaded", "changed": [], "problems": []}


def test_a_name_that_is_not_ones_own_is_not_taken_over(secure: LiveBroker) -> None:
    """Accounts and statuses go by the key: a client that calls itself archive is still lab."""
    with raw_socket(
        zmq.DEALER, secure.broker.addresses.delivery, keys_of(secure.site, "lab")
    ) as viewer:
        say_hello(viewer, "one")
        viewer.send(b'{"type":"subscribe","cameras":["one"]}')
        answer(viewer, "ready")
        names = [peer.hello.name for peer in secure.broker.peers.values()]

    assert [name.partition("-")[0] for name in names] == ["lab"]


def test_events_of_clients_that_may_publish_them(secure: LiveBroker) -> None:
    """`publish_events` is for cameras that one may see."""
    with (
        EventPublisher(secure.site, "lab", key=keys_path(secure, "lab")) as lab,
        Subscriber(secure.site, "one", events=True, key=keys_path(secure, "anna")) as frames,
    ):
        wait_until(lambda: bool(frames.cameras))
        lab.event("gate-open", "start", camera="two")
        lab.event("gate-open", "start", camera="one")
        event = frames.read(READ_S)
        assert isinstance(event, Event)
        assert (event.source, event.camera) == ("lab", "one")
        assert refusals(secure, "lab") == 1


def test_replays_are_refused(secure: LiveBroker) -> None:
    """A frame that came before, one of an ended run, and one of a run that no client may start."""
    camera = secure.broker.cameras["one"]
    with raw_socket(
        zmq.XPUB, secure.broker.addresses.ingest, keys_of(secure.site, "one")
    ) as publisher:
        listening(publisher, b"frame/one/3/")
        first, second = "a" * 16, "b" * 16
        for parts in (frame("one", 8, first), frame("one", 16, first), frame("one", 0, second)):
            publisher.send_multipart(parts)
        wait_until(lambda: camera.run == second)
        publisher.send_multipart(frame("one", 0, second))
        publisher.send_multipart(frame("one", 24, first))
        wait_until(lambda: camera.refused["old"] == 1 and camera.refused["ended-run"] == 1)
        with raw_socket(
            zmq.XPUB, secure.broker.addresses.ingest, keys_of(secure.site, "two")
        ) as thief:
            listening(thief, b"frame/one/3/")
            thief.send_multipart(frame("one", 0, "c" * 16))
            wait_until(lambda: camera.refused["not-allowed"] == 1)
        assert (camera.run, camera.last_sequence) == (second, 0)


def test_a_client_with_control_sets_the_cameras_that_it_may_see(tmp_path: Path) -> None:
    site = secure_site(
        tmp_path, "one", "two", access="\n  access: {bob: {view: [one], control: true}}"
    )
    bob = rights(load_site(site.path))["bob"]

    bob.check_message(messages.Set(camera="one", fps=1))
    with pytest.raises(WireError, match="may not see two"):
        bob.check_message(messages.Set(camera="two", fps=1))


def test_rights_are_those_of_the_sections(tmp_path: Any) -> None:
    """What each name of a site may, as a table."""
    (tmp_path / "site.yaml").write_text(
        f"""version: 1
site: farm
security:
  access:
    anna: {{view: "*", control: true}}
    lab: {{view: [front-*], publish_events: true}}
cameras:
  front-door: {{source: custom}}
  front-gate: {{source: custom}}
  barn: {{source: custom}}
recorders: {{archive: {{path: /r, cameras: [barn]}}}}
motion: {{yard: {{cameras: [front-door]}}}}
web: {{users: {{ann: {{password: "{hash_password("secret")}", role: operator}}}}}}
"""
    )
    found = rights(load_site(tmp_path / "site.yaml"))

    seen = {name: None if r.sees is None else sorted(r.sees) for name, r in found.items()}
    assert seen == {
        "owner": None,
        "front-door": [],
        "front-gate": [],
        "barn": [],
        "archive": ["barn"],
        "yard": ["front-door"],
        "web": None,
        "anna": None,
        "lab": ["front-door", "front-gate"],
    }
    assert {name for name, r in found.items() if r.control} == {"owner", "anna", "web"}
    assert {name: r.camera for name, r in found.items() if r.camera} == {
        "front-door": "front-door",
        "front-gate": "front-gate",
        "barn": "barn",
    }
    assert found["lab"].permitted(b"frame/") == (b"frame/front-door/", b"frame/front-gate/")
    assert found["lab"].permitted(b"event/yard/") == (b"event/yard/",)
    assert found["lab"].permitted(b"frame/barn/") == ()
    assert found["barn"].permitted(b"") == ()


def keys_path(live: LiveBroker, name: str) -> str:
    return f"{live.site.security.keys}/{name}.secret"


def say_hello(socket: Socket, name: str) -> None:
    socket.send(b"")
    answer(socket, "welcome")
    hello = messages.Hello(protocol=1, name=name, kind="test", session="1" * 16)
    socket.send(messages.encode(hello))


def answer(socket: Socket, kind: str) -> dict[str, Any]:
    """The next message of this type."""
    while True:
        parts = socket.recv_multipart()
        said: dict[str, Any] = json.loads(parts[0]) if len(parts) == 1 else {}
        if said.get("type") == kind:
            return said


def heard(socket: Socket) -> list[list[bytes]]:
    found = []
    while socket.poll(NOTHING_MS):
        found.append(socket.recv_multipart())
    return found

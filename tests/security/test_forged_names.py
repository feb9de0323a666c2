"""A client with a key that gives another name in the handshake keeps the name of its key.

A client may put a `User-Id` among the metadata of its INITIATE, where libzmq puts the name that
goes with a key. The connection is let in, and has the rights of its key.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import zmq

from camfan import Publisher
from camfan_testing.curve_wire import CurveWire
from camfan_testing.jpegs import jpeg
from camfan_testing.live import LiveBroker, publish_first, wait_until
from camfan_testing.security import frame, keys_of, raw_socket
from camfan_testing.stream import Stream
from camfan_wire import messages
from camfan_wire.figures import (
    BrokerFigures,
    CameraFigures,
    MachineFigures,
    MotionFigures,
    RecorderCameraFigures,
    RecorderFigures,
    WebFigures,
)
from camfan_wire.topics import status_topic

KINDS = {"ingest": "PUB", "fanout": "SUB", "delivery": "DEALER"}


def forging(live: LiveBroker, door: str, *, key: str, user: str) -> CurveWire:
    """A connection with one's key that says it is the other: by the id the broker has for it."""
    port = int(getattr(live.broker.addresses, door).rpartition(":")[2])
    roster = live.broker.gatekeeper.roster
    assert roster is not None
    (forged_id,) = roster.names()[user]
    forged = {"User-Id": forged_id}
    return CurveWire(port, keys_of(live.site, key), KINDS[door], forged)


def test_a_camera_that_calls_itself_another(secure: LiveBroker) -> None:
    """It cannot publish the other's frames, and can publish its own."""
    one, two = secure.broker.cameras["one"], secure.broker.cameras["two"]
    with Stream(secure.site), forging(secure, "ingest", key="two", user="one") as liar:
        for sequence in range(8):
            liar.send(*frame("one", 1_000_000 + sequence, one.run or ""))
            liar.send(*frame("one", sequence, "f" * 16))
        wait_until(lambda: one.refused["not-allowed"] == 16)
        liar.send(*frame("two", 0))
        wait_until(lambda: two.received == 1)

    assert secure.broker.refusals.counts[("two", "not-allowed")] == 16
    assert one.runs == 1


@pytest.mark.parametrize(
    "message", [messages.Set(camera="one", fps=1), messages.Reload()], ids=["set", "reload"]
)
def test_a_viewer_that_calls_itself_the_owner(
    secure: LiveBroker, message: messages.ToBroker
) -> None:
    """What only the owner may is refused to it."""
    with Stream(secure.site), forging(secure, "delivery", key="lab", user="owner") as liar:
        liar.send(b"")
        answer(liar, "welcome")
        hello = messages.Hello(protocol=1, name="owner", kind="test", session="1" * 16)
        liar.send(messages.encode(hello))
        liar.send(messages.encode(message))
        assert "may not" in answer(liar, "refused")["reason"]

    assert secure.broker.refusals.counts[("lab", "not-allowed")] == 1


@pytest.mark.parametrize(
    "part",
    [
        {"recorder": RecorderFigures(cameras={"one": RecorderCameraFigures(recorded_until=2**62)})},
        {"motion": MotionFigures()},
        {"web": WebFigures()},
        {"broker": BrokerFigures(cameras={"one": CameraFigures(state="live")})},
    ],
    ids=lambda part: next(iter(part)),
)
@pytest.mark.parametrize("key", ["two", "lab"])
def test_a_key_reports_only_what_its_node_is(
    secure: LiveBroker, key: str, part: dict[str, Any]
) -> None:
    """A stolen key cannot report that a recorder has everything, or that a camera is live."""
    status = messages.Status(node=key, kind="recorder", time=1, state="recording", **part)
    with forging(secure, "delivery", key=key, user=key) as liar:
        liar.send(status_topic(key), messages.encode(status))
        wait_until(lambda: secure.broker.refusals.counts[(key, "not-allowed")] == 1)
        own = messages.Status(
            node=key, kind="sensor", time=1, state="well", machine=MachineFigures(throttled=False)
        )
        liar.send(status_topic(key), messages.encode(own))
        wait_until(lambda: key in secure.broker.board.statuses)

    assert secure.broker.board.statuses[key].state == "well"


def test_a_viewer_with_the_name_of_a_recorder(secure: LiveBroker) -> None:
    """It asks for everything and gets the frames of its own camera alone."""
    addresses = secure.broker.addresses
    with (
        Stream(secure.site),
        Publisher(secure.site, "two") as two,
        raw_socket(zmq.SUB, addresses.fanout, keys_of(secure.site, "anna")) as anna,
        forging(secure, "fanout", key="lab", user="anna") as liar,
    ):
        liar.send(b"\x01")
        anna.subscribe(b"frame/two/")
        wait_until(lambda: len(secure.broker.fanout.subscriptions) == 2)
        publish_first(two, jpeg())
        assert anna.recv_multipart()[0].startswith(b"frame/two/")
        topics = [liar.receive()[0] for _ in range(20)]

    assert any(topic.startswith(b"frame/one/") for topic in topics)
    assert all(topic.split(b"/")[1] == b"one" for topic in topics)


def answer(wire: CurveWire, kind: str) -> dict[str, Any]:
    """The next message of this type."""
    while True:
        parts = wire.receive()
        said: dict[str, Any] = json.loads(parts[0]) if len(parts) == 1 else {}
        if said.get("type") == kind:
            return said

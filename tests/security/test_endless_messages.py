"""A message that does not end costs its sender the connection, and the others nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import zmq

from camfan import Publisher, Subscriber
from camfan_testing.attacks import ATTACKS, Target
from camfan_testing.curve_wire import CurveWire
from camfan_testing.jpegs import jpeg
from camfan_testing.live import LiveBroker, serving, wait_until
from camfan_testing.security import frame, keys_of, raw_socket, secure_site
from camfan_testing.stream import Stream

ENDLESS = {"ingest": ("PUB", "two"), "delivery": ("DEALER", "anna"), "fanout": ("SUB", "anna")}


@pytest.fixture
def small_frames(tmp_path: Path) -> Iterator[LiveBroker]:
    """A site with keys whose largest frame is 1 MB."""
    site = secure_site(tmp_path, "one", "two", limits="{frame: 1MB}")
    with serving(site.path) as live:
        yield live


@pytest.mark.parametrize("name", [name for name in ATTACKS if name.startswith("never-ending")])
def test_its_connection_ends_and_its_key_is_suspended(small_frames: LiveBroker, name: str) -> None:
    """At each of the three ports, whichever key: named, counted, and kept out for a while."""
    live, broker = small_frames, small_frames.broker
    key = "two" if name == "never-ending-frame" else "anna"
    with Stream(live.site):
        sent = ATTACKS[name](Target(live.site, key, threading.Event()))  # until it is kept out

        wait_until(lambda: broker.refusals.counts[(key, "unfinished")] == 1)
        assert broker.gatekeeper.roster is not None
        (user,) = broker.gatekeeper.roster.names()[key]
        assert sent > 0
        assert broker.gatekeeper.suspensions.holds(user)
        kind = "DEALER"
        with pytest.raises((ConnectionError, AssertionError)):
            CurveWire(live.site.broker.ports.delivery, keys_of(live.site, key), kind)
        wait_until(lambda: broker.refusals.counts[(key, "suspended")] >= 1)


def test_a_client_that_has_sent_a_message_is_named_too(small_frames: LiveBroker) -> None:
    live = small_frames
    ports = live.site.broker.ports
    with Stream(live.site), CurveWire(ports.delivery, keys_of(live.site, "lab"), "DEALER") as wire:
        wire.send(b"")
        wire.receive()
        with suppress(OSError):
            while True:
                wire.begin(bytes(60_000))
        wait_until(lambda: live.broker.refusals.counts[("lab", "unfinished")] == 1)


def test_many_connections_share_what_one_key_may_have(small_frames: LiveBroker) -> None:
    """Each stays below the limit of one message; together they do not."""
    live = small_frames
    keys, port = keys_of(live.site, "two"), live.site.broker.ports.ingest
    wires = [CurveWire(port, keys, "PUB") for _ in range(8)]
    try:
        for wire in wires:
            with suppress(OSError):  # the first ones may have ended before the last are served
                wire.begin(*[bytes(50_000)] * 18)
        wait_until(lambda: live.broker.refusals.counts[("two", "unfinished")] == 1)
    finally:
        for wire in wires:
            wire.wire.close()


def test_the_largest_frame_is_not_an_endless_message(small_frames: LiveBroker) -> None:
    """A camera may send frames of the largest size one after the other."""
    live = small_frames
    picture = jpeg(64, 48, 0)
    picture = picture[:-2] + bytes(999_000 - len(picture)) + picture[-2:]
    with (
        Subscriber.every(live.site, "two") as frames,
        Publisher(live.site, "two") as camera,
    ):
        wait_until(lambda: camera.connected)
        for _ in range(30):
            wait_until(lambda: camera.publish(picture))
        for _ in range(20):
            assert len(frames.read(timeout=20).jpeg) == len(picture)
    assert not live.broker.refusals.counts


@pytest.mark.parametrize("port", ["ingest", "delivery", "fanout"])
def test_a_message_of_many_parts_costs_its_connection(secure: LiveBroker, port: str) -> None:
    """Nothing of camfan has more than three parts; the rest is dropped a few at a time."""
    live, ports = secure, secure.site.broker.ports
    kind, key = ENDLESS[port]
    first = frame("two", 0)[0] if port == "ingest" else b"\x01frame/"
    with Stream(live.site), CurveWire(getattr(ports, port), keys_of(live.site, key), kind) as wire:
        with suppress(OSError):
            wire.send(first, *[b""] * 3000)
        assert wire.ended()
        reasons = {reason for peer, reason in live.broker.refusals.counts if peer == key}
        # at the fan-out it may have held too much before it was complete
        assert reasons & {"bad-parts", "bad-message", "unfinished"}


def test_a_long_message_of_a_suspended_key_is_one_message(secure: LiveBroker) -> None:
    """It came before the connection ended, and is dropped whole."""
    gatekeeper, refused = secure.broker.gatekeeper, secure.broker.router.refused
    assert gatekeeper.roster is not None
    (user,) = gatekeeper.roster.names()["anna"]
    port = secure.site.broker.ports.delivery
    with Stream(secure.site), CurveWire(port, keys_of(secure.site, "anna"), "DEALER") as wire:
        gatekeeper.suspensions.suspend(user, "keeps asking too much too fast")
        with suppress(OSError):
            wire.send(*[b"x"] * 2000)
        assert wire.ended()
    assert refused == {"suspended": 1}


def test_what_is_left_of_a_long_message_is_not_taken_for_another(live: LiveBroker) -> None:
    """Without keys as well; the next message begins where the long one ends."""
    ports = live.site.broker.ports
    with raw_socket(zmq.DEALER, f"tcp://127.0.0.1:{ports.delivery}") as peer:
        peer.send_multipart([b"x"] * 2000)
        with Stream(live.site):
            wait_until(lambda: live.broker.router.refused["bad-parts"] == 1)
    assert live.broker.router.refused.total() == 1

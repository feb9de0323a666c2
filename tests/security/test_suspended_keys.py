"""A key that keeps exceeding its share is suspended for a while; the others do not notice."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest
import zmq

from camfan import Subscriber, load_site
from camfan_broker.access.suspensions import FIRST_S, Suspensions
from camfan_broker.report.health import warnings
from camfan_broker.report.status import broker_status
from camfan_testing.curve_wire import CurveWire
from camfan_testing.live import LiveBroker, reload, serving, wait_until
from camfan_testing.processes import running_broker
from camfan_testing.security import frame, keys_of, raw_socket, secure_site
from camfan_testing.stream import Stream
from camfan_wire import messages
from camfan_wire.keys import new_pair, store_pairs, store_publics
from camfan_wire.messages import PROTOCOL
from camfan_wire.rate_limit import BURST_S

LIMITS = "{requests: 5}"  # 200 at once of a connection, 800 of a key
HEARTBEAT = messages.encode(messages.Heartbeat())
TRACED = messages.encode(messages.Traced(id="x", camera="one", sequence=0, run=None, hops=[]))
FLOODS = {  # port, kind of socket, key, one message that is refused or costs something
    "requests": ("delivery", "DEALER", "anna", (HEARTBEAT,)),
    "empty-messages": ("delivery", "DEALER", "anna", (b"",)),
    "late-frames": ("delivery", "DEALER", "two", tuple(frame("two", 0))),
    "credit": ("delivery", "DEALER", "anna", (messages.encode(messages.Credit(frames=1)),)),
    "traces-that-were-not-asked-for": ("delivery", "DEALER", "anna", (TRACED,)),
    "messages-that-are-none": ("delivery", "DEALER", "anna", (b"{",)),
    "messages-of-four-parts": ("delivery", "DEALER", "anna", (b"", b"", b"", b"")),
    "what-it-may-not": ("delivery", "DEALER", "anna", (messages.encode(messages.Reload()),)),
    "frames-of-another-camera": ("ingest", "PUB", "two", tuple(frame("one", 0))),
    "frames-of-an-unknown-camera": ("ingest", "PUB", "two", tuple(frame("three", 0))),
    "frames-without-a-picture": ("ingest", "PUB", "two", (b"frame/two/0/",)),
    "invalid-frames": ("ingest", "PUB", "two", (b"frame/two/0/", b"{}", b"x")),
    "events-of-another": ("ingest", "PUB", "two", (b"event/one/test/", b"{}")),
    "events-without-a-body": ("ingest", "PUB", "two", (b"event/two/test/",)),
    "subscriptions": ("fanout", "SUB", "anna", (b"\x01frame/one/",)),
    "ends-of-subscriptions": ("fanout", "SUB", "anna", (b"\x00frame/one/",)),
}
SAID_FIRST = {  # on the same connection
    "credit": (
        messages.encode(
            messages.Hello(protocol=PROTOCOL, name="anna", session="0" * 16, kind="subscriber")
        ),
        messages.encode(messages.Subscribe(cameras=["two"])),  # which sends no frames
    ),
}


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[LiveBroker]:
    with serving(secure_site(tmp_path, "one", "two", limits=LIMITS).path) as live:
        yield live


def flood(live: LiveBroker, kind: str) -> str:
    """Send the same again and again, on one connection after the other, until its key is
    suspended; whose key that is.
    """
    port, socket, key, parts = FLOODS[kind]
    suspensions = live.broker.gatekeeper.suspensions
    deadline = time.monotonic() + 60
    while key not in suspensions.current():
        assert time.monotonic() < deadline
        with suppress(OSError, AssertionError):  # ended, or not admitted any more
            number = getattr(live.site.broker.ports, port)
            with CurveWire(number, keys_of(live.site, key), socket) as wire:
                for said in SAID_FIRST.get(kind, ()):
                    wire.send(said)
                while key not in suspensions.current():
                    wire.send(*parts)
    return key


@pytest.mark.long  # a share has to be used up
@pytest.mark.parametrize("kind", sorted(FLOODS))
def test_a_key_that_keeps_asking_too_much_is_suspended(
    strict: LiveBroker, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it asks for: its connections end, new ones are not admitted, and it is said once."""
    caplog.set_level(logging.INFO)
    broker = strict.broker
    with Stream(strict.site):
        key = flood(strict, kind)

        by_user = broker.gatekeeper.connections.by_user
        wait_until(lambda: not any(user.startswith(f"{key}/") for user in list(by_user)))
        for name, socket in (("delivery", "DEALER"), ("fanout", "SUB"), ("ingest", "PUB")):
            port = getattr(strict.site.broker.ports, name)
            with pytest.raises((OSError, AssertionError)):
                CurveWire(port, keys_of(strict.site, key), socket)
    said = [r.getMessage() for r in caplog.records if r.getMessage().startswith("suspended:")]
    assert said == [
        f"suspended: {key} keeps asking too much too fast; its key is not admitted for 60 s"
    ]
    assert f"key of {key} suspended" in str(broker_status(broker).message)
    assert any(f"key of {key} suspended" in line for line in warnings(broker))


def test_a_suspension_ends_by_itself(strict: LiveBroker, caplog: pytest.LogCaptureFixture) -> None:
    """A program with the same key that is in order is served again, without a restart."""
    caplog.set_level(logging.INFO)
    now = 0.0
    gatekeeper = strict.broker.gatekeeper
    gatekeeper.suspensions = Suspensions(lambda: now)
    keys = Path(strict.site.security.keys or "")
    with (
        Stream(strict.site),
        Subscriber.latest(strict.site, "one", key=keys / "anna.secret") as frames,
    ):
        frames.read(timeout=20)
        gatekeeper.suspend("anna", "too-fast", "keeps asking too much too fast")
        wait_until(lambda: strict.broker.refusals.counts["anna", "suspended"] > 1)

        now = FIRST_S

        wait_until(lambda: frames.connected, 20)
        while frames.read(timeout=20).age is None:
            pass
        wait_until(lambda: "anna is no longer suspended" in caplog.messages)
    assert not warnings(strict.broker)


def test_all_keys_of_a_name_are_suspended_and_later_ones_are_not(strict: LiveBroker) -> None:
    """While a key is replaced there are two; a stolen one that is replaced again harms nothing."""
    folder = Path(strict.site.security.keys or "")
    gatekeeper = strict.broker.gatekeeper
    first, second = new_pair(), new_pair()
    store_publics(folder, "anna", first.public, second.public)
    reload(strict)
    assert gatekeeper.roster is not None
    both = gatekeeper.roster.names()["anna"]
    assert len(both) == 2
    gatekeeper.suspend("anna", "too-fast", "keeps asking too much too fast")
    assert all(map(gatekeeper.suspensions.holds, both))
    assert list(gatekeeper.suspensions.current()) == ["anna"]

    third = new_pair()
    store_pairs(folder, "anna", third)
    store_publics(folder, "anna", second.public, third.public)
    reload(strict)

    with CurveWire(strict.site.broker.ports.delivery, keys_of(strict.site, "anna"), "DEALER"):
        pass


@pytest.mark.parametrize(
    "kind", ["requests", "invalid-frames", "events-of-another", "subscriptions"]
)
def test_a_connection_that_was_admitted_just_before_ends(strict: LiveBroker, kind: str) -> None:
    """At its first message: its key was accepted, and then suspended."""
    port, socket, key, parts = FLOODS[kind]
    gatekeeper = strict.broker.gatekeeper
    assert gatekeeper.roster is not None
    (user,) = gatekeeper.roster.names()[key]
    number = getattr(strict.site.broker.ports, port)
    with Stream(strict.site), CurveWire(number, keys_of(strict.site, key), socket) as wire:
        gatekeeper.suspensions.suspend(user, "keeps asking too much too fast")
        wire.send(*parts)
        assert wire.ended()
    assert strict.broker.refusals.counts[key, "suspended"] == 1


def test_it_is_in_the_metrics(tmp_path: Path) -> None:
    site = secure_site(tmp_path, "one", limits=LIMITS)
    url = f"http://127.0.0.1:{site.http}/metrics"
    with running_broker(site.path) as broker:
        wire = CurveWire(site.delivery, keys_of(load_site(site.path), "anna"), "DEALER")
        with wire, suppress(OSError):
            wire.send(*[b""] * 100)
            wire.ended()
        broker.wait_for("suspended: anna sent more than 8 parts")
        with urlopen(url, timeout=10) as answer:
            text = answer.read().decode()
    assert 'camfan_broker_suspended_seconds{key="anna"}' in text


def test_refusals_are_answered_at_a_bounded_rate(secure: LiveBroker) -> None:
    """The rest is only counted: an answer costs the broker as much as what it answers."""
    endpoint = f"tcp://127.0.0.1:{secure.site.broker.ports.delivery}"
    sent, began_s = 500, time.monotonic()
    with raw_socket(zmq.DEALER, endpoint, keys_of(secure.site, "anna")) as peer:
        for _ in range(sent):
            peer.send(b"{")
        wait_until(lambda: secure.broker.router.refused["bad-message"] == sent)
        peer.send(messages.encode(messages.Probe(sent=1)))
        answers: list[messages.FromBroker] = []
        while not answers or not isinstance(answers[-1], messages.Echo):
            answers.append(messages.decode_from_broker(peer.recv()))
    refused = [answer for answer in answers if isinstance(answer, messages.Refused)]
    assert 0 < len(refused) <= BURST_S + time.monotonic() - began_s

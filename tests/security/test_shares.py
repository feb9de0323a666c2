"""What one key may ask for is a share of its own: the others do not notice when it is used up."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import zmq

from camfan import Publisher, Subscriber
from camfan_broker.access.board import MAX_OPEN_OF_SOURCE
from camfan_broker.delivery.accounts import MAX_KEY_ACCOUNTS
from camfan_broker.delivery.subscribing import MAX_GLOBS
from camfan_broker.delivery.tracer import MAX_OPEN_OF_KEY
from camfan_testing.jpegs import jpeg
from camfan_testing.live import LiveBroker, wait_until
from camfan_testing.security import Socket, keys_of, raw_socket
from camfan_testing.stream import Stream
from camfan_wire import messages
from camfan_wire.keys import apply
from camfan_wire.messages import MAX_CREDIT, PROTOCOL


@contextmanager
def peer(live: LiveBroker, key: str) -> Iterator[Socket]:
    """A raw peer of the delivery port."""
    ports = live.site.broker.ports
    endpoint = f"tcp://127.0.0.1:{ports.delivery}"
    with raw_socket(zmq.DEALER, endpoint, keys_of(live.site, key)) as socket:
        yield socket


def hello(name: str, session: str, publishes: str | None = None) -> bytes:
    return messages.encode(
        messages.Hello(
            protocol=PROTOCOL, name=name, session=session, kind="subscriber", publishes=publishes
        )
    )


def greet(socket: Socket, name: str, session: str = "0" * 16) -> None:
    """Say hello, and wait until the broker has taken it."""
    socket.send(hello(name, session))
    socket.send(messages.encode(messages.Probe(sent=1)))
    answers(socket, messages.Echo)


def answers(socket: Socket, kind: type[messages.FromBroker]) -> messages.FromBroker:
    """The next control message of this kind."""
    while True:
        parts = socket.recv_multipart()
        if len(parts) != 1:
            continue
        message = messages.decode_from_broker(parts[0])
        if isinstance(message, kind):
            return message


def test_globs_by_the_thousand_are_refused(secure: LiveBroker) -> None:
    with Stream(secure.site), peer(secure, "anna") as socket:
        socket.send(hello("anna", "0" * 16))
        globs = [f"*{number}*" for number in range(MAX_GLOBS + 1)]
        socket.send(messages.encode(messages.Subscribe(cameras=globs)))
        refused = answers(socket, messages.Refused)
        assert f"{MAX_GLOBS} are allowed" in refused.reason  # type: ignore[union-attr]
        socket.send(messages.encode(messages.Subscribe(cameras=["on*"])))
        answers(socket, messages.Ready)


@pytest.mark.long  # uses up the share of a key
def test_a_key_does_not_get_a_new_share_with_each_connection(secure: LiveBroker) -> None:
    """Each connection sends as many subscriptions as its own rate allows at once."""
    wishes = messages.encode(
        messages.Subscribe(cameras=[f"*{number}" for number in range(MAX_GLOBS)])
    )
    with Stream(secure.site):
        for number in range(40):
            with peer(secure, "anna") as socket, suppress(zmq.Again):
                socket.sndtimeo = socket.rcvtimeo = 2000
                socket.send(hello("anna", f"{number:016x}"))
                for _ in range(28):
                    socket.send(wishes)
                while secure.broker.refusals.counts[("anna", "too-fast")] == 0:
                    answers(socket, messages.Ready)
            if secure.broker.refusals.counts[("anna", "too-fast")]:
                break
        assert secure.broker.refusals.counts[("anna", "too-fast")] > 0
        with Subscriber(secure.site, "one") as other:
            other.read(timeout=20)


def test_peers_that_hang_up_leave_their_place(secure: LiveBroker) -> None:
    """A script that connects and leaves in a loop does not fill the broker."""
    allowed = secure.site.security.limits.connections_per_key
    with Stream(secure.site):
        for number in range(3 * allowed):
            with peer(secure, "anna") as socket:
                greet(socket, "anna", f"{number:016x}")
        wait_until(lambda: not any(p.rights.name == "anna" for p in secure.broker.peers.values()))
        with Publisher(secure.site, "two") as late:
            wait_until(lambda: late.publish(jpeg(64, 48, 0)))


def test_an_account_is_not_pushed_out_by_another_key(secure: LiveBroker) -> None:
    """A viewer that comes with ever new names forgets accounts of its own."""
    with Stream(secure.site):
        watched = set(secure.broker.delivery.accounts.by_name)
        with peer(secure, "anna") as socket:
            for number in range(2 * MAX_KEY_ACCOUNTS):
                socket.send(hello("anna", f"{number:04x}" + "0" * 12))
                socket.send(messages.encode(messages.Subscribe(cameras=["one"])))
                answers(socket, messages.Ready)
        assert watched <= set(secure.broker.delivery.accounts.by_name)
        assert len(secure.broker.delivery.accounts.by_name) <= len(watched) + MAX_KEY_ACCOUNTS


def test_events_come_at_a_bounded_rate(secure: LiveBroker) -> None:
    """A recorder keeps them all: a flood of large ones would fill its disk."""
    with Stream(secure.site):
        with peer(secure, "lab") as socket, suppress(zmq.Again):
            greet(socket, "lab")
            socket.sndtimeo = 2000  # the broker ends the connection, and nothing is taken then
            for number in range(1000):
                event = messages.Event(
                    id=str(number), time=0, source="lab", kind="test", state="start", camera="one",
                    details={"text": "x" * 60_000},
                )  # fmt: skip
                socket.send_multipart([b"event/lab/test/", messages.encode(event)])
            wait_until(lambda: secure.broker.refusals.counts[("lab", "too-fast")] > 0)
        heard = len(secure.broker.board._open)
    assert 0 < heard < 60


@pytest.mark.long  # waits for frames that must not come
def test_a_routing_id_is_not_inherited(secure: LiveBroker) -> None:
    """A client that takes the routing id of one that has left gets none of its frames."""
    endpoint = f"tcp://127.0.0.1:{secure.site.broker.ports.delivery}"
    with Stream(secure.site, fps=1.0):  # slow: nothing is sent before the thief is there
        with zmq.Context() as context:
            viewer = context.socket(zmq.DEALER)
            viewer.linger, viewer.rcvtimeo = 0, 10_000
            viewer.setsockopt(zmq.ROUTING_ID, b"known")
            apply(viewer, keys_of(secure.site, "anna"))
            viewer.connect(endpoint)
            viewer.send(hello("anna", "0" * 16))
            viewer.send(messages.encode(messages.Subscribe(cameras=["one"], credit=MAX_CREDIT)))
            while len(viewer.recv_multipart()) != 3:
                pass
            viewer.close()
            connections = secure.broker.gatekeeper.connections
            wait_until(lambda: not any(user.startswith("anna/") for user in connections.by_user))
            thief = context.socket(zmq.DEALER)
            thief.linger, thief.rcvtimeo = 0, 3_000
            thief.setsockopt(zmq.ROUTING_ID, b"known")
            apply(thief, keys_of(secure.site, "two"))
            thief.connect(endpoint)
            got = []
            with suppress(zmq.Again):
                while True:
                    got.append(thief.recv_multipart())
            thief.close()
        assert not [parts for parts in got if len(parts) == 3]


def test_coming_and_going_fills_no_log(
    secure: LiveBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with Stream(secure.site), peer(secure, "anna") as socket:
        for number in range(100):
            socket.send(hello("anna", f"{number:016x}"))
            socket.send(messages.encode(messages.Bye()))
        socket.send(messages.encode(messages.Probe(sent=1)))
        answers(socket, messages.Echo)
    about = [record.getMessage() for record in caplog.records if "anna" in record.getMessage()]
    assert 0 < len(about) < 20


def test_a_restricted_viewer_does_not_learn_of_other_viewers(secure: LiveBroker) -> None:
    """Its trace names the camera, the broker and itself; the owner's names all."""
    with Stream(secure.site), peer(secure, "anna") as watching:
        greet(watching, "anna", "a" * 16)
        watching.send(messages.encode(messages.Subscribe(cameras=["one"], credit=MAX_CREDIT)))
        answers(watching, messages.Ready)
        names = {}
        for key in ("lab", "owner"):
            with peer(secure, key) as socket:
                greet(socket, key)
                socket.send(messages.encode(messages.Trace(id="t", camera="one", sequence=1)))
                traced = answers(socket, messages.Traced)
                assert isinstance(traced, messages.Traced)
                names[key] = {hop.node for hop in traced.hops}
    assert "anna" in names["owner"]
    assert names["lab"] <= {"broker", "one"}


def test_the_traces_of_one_key_leave_room(secure: LiveBroker) -> None:
    """While a camera does not answer, eight of them wait."""
    with peer(secure, "two") as silent, peer(secure, "anna") as socket:
        silent.send(hello("two", "c" * 16, publishes="two"))
        wait_until(lambda: secure.broker.peers.publisher_of("two") is not None)
        greet(socket, "anna")
        for number in range(MAX_OPEN_OF_KEY + 1):
            socket.send(messages.encode(messages.Trace(id=str(number), camera="two", sequence=1)))
        refused = answers(socket, messages.Refused)
        assert isinstance(refused, messages.Refused)
        assert "too many frames" in refused.reason
        with peer(secure, "owner") as other:
            greet(other, "owner")
            other.send(messages.encode(messages.Trace(id="t", camera="two", sequence=1)))
            answers(other, messages.Traced)


def test_the_open_events_of_one_source_leave_room(secure: LiveBroker) -> None:
    with Stream(secure.site), peer(secure, "lab") as socket:
        greet(socket, "lab")
        for number in range(MAX_OPEN_OF_SOURCE + 50):
            event = messages.Event(
                id=str(number), time=0, source="lab", kind="test", state="start", camera="one"
            )
            socket.send_multipart([b"event/lab/test/", messages.encode(event)])
        greet(socket, "lab")
        own = [source for source, _ in secure.broker.board._open if source == "lab"]
        assert len(own) == MAX_OPEN_OF_SOURCE

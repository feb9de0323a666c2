"""Encryption survives restarts, cuts and a thousand reconnections."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
import zmq

from camfan import Frame, Publisher, Subscriber, load_site
from camfan_broker.broker import Addresses
from camfan_config import Site
from camfan_faults.net import Relay
from camfan_testing.jpegs import jpeg
from camfan_testing.live import LiveBroker, site_at, wait_until
from camfan_testing.processes import running_broker
from camfan_testing.security import keys_of, raw_socket, secure_site
from camfan_testing.stream import Stream
from camfan_testing.wire import Wire
from camfan_wire.sockets import Role, open_socket

pytestmark = pytest.mark.long

RECONNECTIONS = 1000
READERS = 30
DOORS = ("ingest", "fanout", "delivery")
OURS = (
    zmq.XSUB,
    zmq.XPUB,
    zmq.ROUTER,
    zmq.DEALER,
    zmq.SUB,
)  # the rest are pipes within the process


@contextmanager
def _reader(site: Site) -> Iterator[None]:
    """One more reader of the fan-out, as camfan makes them."""
    with zmq.Context() as context:
        reader = open_socket(context, Role.FANOUT_READER, keys_of(site, "anna"))
        reader.subscribe(b"frame/")
        reader.connect(f"tcp://127.0.0.1:{site.broker.ports.fanout}")
        try:
            yield
        finally:
            reader.close()


def _has_come(frames: Subscriber[Frame]) -> bool:
    """What went into a connection that was ended is missed once there is a frame behind it."""
    with suppress(TimeoutError):
        return frames.read(0.2).camera == "one"
    return False


@contextmanager
def laid(cable: type[Wire] | type[Relay], live: LiveBroker, door: str) -> Iterator[Wire | Relay]:
    """A cable to one door of the broker."""
    made = cable(getattr(live.site.broker.ports, door))
    with closing(made):
        yield made


def links() -> list[zmq.Socket[bytes]]:
    """The sockets of nodes that talk to delivery."""
    return [socket for socket in sockets() if socket.type == zmq.DEALER]


def sockets() -> list[zmq.Socket[bytes]]:
    """Every open socket of this process that goes over the network."""
    with_lists = (one for one in gc.get_objects() if isinstance(one, zmq.Socket))
    return [one for one in with_lists if not one.closed and _endpoint(one).startswith("tcp://")]


def _endpoint(socket: zmq.Socket[bytes]) -> str:
    return socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")


@pytest.mark.timeout(240)
def test_every_socket_has_curve_after_a_thousand_reconnections(secure: LiveBroker) -> None:
    """Of the broker, of cameras and of readers, rebuilt sockets among them."""
    connections = secure.broker.gatekeeper.connections
    with (
        ExitStack() as stack,
        Publisher(secure.site, "one") as camera,
        Subscriber.every(secure.site, "one") as frames,
    ):
        for _ in range(READERS):
            stack.enter_context(_reader(secure.site))
        while connections.ended < RECONNECTIONS:
            wait_until(lambda: len(connections) >= READERS, 30)
            for connection in connections.all():
                connections.end(connection)
        wait_until(lambda: camera.publish(jpeg()) and _has_come(frames), 30)
        found = sockets()
        assert {socket.type for socket in found} == set(OURS)
        assert all(socket.mechanism == zmq.CURVE for socket in found)
        with raw_socket(zmq.SUB, secure.broker.addresses.fanout) as plain:
            plain.subscribe(b"")
            wait_until(lambda: camera.publish(jpeg()))
            assert not plain.poll(500)


@pytest.mark.parametrize("cable", [Wire, Relay], ids=["ended", "silent"])
def test_every_socket_has_curve_after_a_cut(
    secure: LiveBroker, cable: type[Wire] | type[Relay]
) -> None:
    """Of a camera and a reader, whether their connections were ended by the cut or fell silent.

    After silence a link rebuilds its socket; otherwise libzmq reconnects.
    """
    with ExitStack() as stack:
        cables = {door: stack.enter_context(laid(cable, secure, door)) for door in DOORS}
        site = site_at(
            secure.site, Addresses(*(f"tcp://127.0.0.1:{cables[d].port}" for d in DOORS))
        )
        camera = stack.enter_context(Publisher(site, "one"))
        frames = stack.enter_context(Subscriber(site, "one"))
        stack.enter_context(_reader(site))
        wait_until(lambda: camera.publish(jpeg()) and _has_come(frames), 30)
        before = links()
        assert len(before) == 2

        for each in cables.values():
            each.cut()
        wait_until(lambda: not camera.connected and not frames.connected, 30)
        if cable is Relay:
            wait_until(lambda: all(socket.closed for socket in before), 30)
        for each in cables.values():
            each.mend()

        wait_until(lambda: camera.publish(jpeg()) and _has_come(frames), 30)
        found = sockets()
        assert {socket.type for socket in found} == set(OURS)
        assert all(socket.mechanism == zmq.CURVE for socket in found)
        with raw_socket(zmq.SUB, f"tcp://127.0.0.1:{cables['fanout'].port}") as plain:
            plain.subscribe(b"")
            wait_until(lambda: camera.publish(jpeg()))
            assert not plain.poll(500)


def test_a_restarted_broker_is_encrypted(tmp_path: Path) -> None:
    site = secure_site(tmp_path, "one")
    loaded = load_site(site.path)
    with running_broker(site.path) as first, ExitStack() as running:
        stream = running.enter_context(Stream(loaded))
        first.popen.kill()
        first.wait()
        had = len(stream.sequences)
        with running_broker(site.path):
            wait_until(lambda: len(stream.sequences) > had + 10, 30)
            with raw_socket(zmq.SUB, f"tcp://127.0.0.1:{site.fanout}") as plain:
                plain.subscribe(b"")
                assert not plain.poll(500)
            running.close()  # while there is a broker: it wants more frames

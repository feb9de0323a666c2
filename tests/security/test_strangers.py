"""Clients without a key, a right key or the mechanism are rejected; a stream goes on."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from camfan_testing.live import LiveBroker, wait_until
from camfan_testing.security import Socket, keys_of
from camfan_testing.stream import Stream
from camfan_wire.keys import ClientKeys, Keys, apply, new_pair

DOORS = {"ingest": zmq.PUB, "fanout": zmq.SUB, "delivery": zmq.DEALER}
FAILED = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_DISCONNECTED
)
WAIT_MS = 10_000


@contextmanager
def refused(live: LiveBroker, door: str, keys: Keys | None = None) -> Iterator[Socket]:
    """A socket that asks for everything at a door, once it has been turned away there."""
    with zmq.Context() as context:
        stranger = context.socket(DOORS[door])
        stranger.linger = 0
        if keys is not None:
            apply(stranger, keys)
        if door == "fanout":
            stranger.setsockopt(zmq.SUBSCRIBE, b"")
        monitor = stranger.get_monitor_socket(FAILED)
        try:
            stranger.connect(getattr(live.broker.addresses, door))
            assert monitor.poll(WAIT_MS), "it was not rejected"
            recv_monitor_message(monitor)
            yield stranger
        finally:
            stranger.disable_monitor()
            monitor.close()
            stranger.close()


@pytest.mark.parametrize("door", DOORS)
def test_no_key(secure: LiveBroker, door: str) -> None:
    with Stream(secure.site), refused(secure, door) as stranger:
        nothing_came_of_it(secure, door, stranger)


@pytest.mark.parametrize("door", DOORS)
def test_the_wrong_server_key(secure: LiveBroker, door: str) -> None:
    """A client without the broker's key cannot even ask, and learns nothing."""
    good = keys_of(secure.site, "owner")
    with (
        Stream(secure.site),
        refused(secure, door, ClientKeys(good.pair, new_pair().public)) as stranger,
    ):
        nothing_came_of_it(secure, door, stranger)
        counts = secure.broker.refusals.counts
        wait_until(lambda: counts[("127.0.0.1", "handshake")] > 0)


@pytest.mark.parametrize("door", DOORS)
def test_an_unknown_key(secure: LiveBroker, door: str) -> None:
    keys = ClientKeys(new_pair(), keys_of(secure.site, "owner").server)
    with Stream(secure.site), refused(secure, door, keys) as stranger:
        nothing_came_of_it(secure, door, stranger)
        counts = secure.broker.refusals.counts
        wait_until(lambda: counts[("127.0.0.1", "unknown-key")] > 0)


def nothing_came_of_it(live: LiveBroker, door: str, stranger: Socket) -> None:
    names = {peer.hello.name for peer in live.broker.peers.values()}
    assert all(name == "one" or name.startswith("owner") for name in names)
    assert not len(live.broker.fanout.subscriptions)
    if door != "ingest":
        assert not stranger.poll(200), "it was given something"


def property_of(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + struct.pack(">I", len(value)) + value


def greeting(mechanism: bytes) -> bytes:
    """ZMTP 3.1, RFC 37."""
    signature = b"\xff" + b"\0" * 8 + b"\x7f"
    return signature + b"\x03\x01" + mechanism.ljust(20, b"\0") + b"\0" + b"\0" * 31


def command(body: bytes) -> bytes:
    return b"\x04" + bytes([len(body)]) + body


NULL_READY = command(
    b"\x05READY"
    + property_of(b"Socket-Type", b"SUB")
    + property_of(b"Identity", b"")
    + property_of(b"User-Id", b"owner")
)
PLAIN_HELLO = command(b"\x05HELLO\x05owner\x05owner")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "bytes_sent",
    [
        pytest.param(greeting(b"NULL") + NULL_READY, id="NULL-with-a-forged-User-Id"),
        pytest.param(greeting(b"PLAIN") + PLAIN_HELLO, id="PLAIN"),
        pytest.param(greeting(b"CURVE") + NULL_READY, id="CURVE-in-name-only"),
        pytest.param(b"\x01\x00" * 8, id="ZMTP-1.0-subscribes-to-all"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 4, id="HTTP"),
        pytest.param(bytes(range(256)) * 16, id="noise"),
    ],
)
def test_another_mechanism(secure: LiveBroker, door: str, bytes_sent: bytes) -> None:
    """The connection is closed, and all that was said on it is the broker's greeting."""
    port = int(getattr(secure.broker.addresses, door).rpartition(":")[2])
    with Stream(secure.site), socket.create_connection(("127.0.0.1", port)) as wire:
        wire.settimeout(15)
        wire.sendall(bytes_sent)
        answer = b""
        try:
            while more := wire.recv(4096):
                answer += more
        except ConnectionResetError:
            pass
        assert b"frame/" not in answer
        assert len(answer) <= 64 + 256
        assert not len(secure.broker.fanout.subscriptions)

"""Every option of every socket: asked of the real socket, or shown by what it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import zmq

from camfan_testing.live import wait_until
from camfan_testing.ports import free_ports
from camfan_wire.jpeg import MAX_BYTES
from camfan_wire.sockets import MAX_TOPIC_BYTES, BindError, Role, bind, connect, open_socket

Socket = zmq.Socket[bytes]
Open = Callable[[Role], Socket]

ANY_PORT = "tcp://127.0.0.1:*"
WAIT_MS = 10_000
AT_ONCE_MS = 100  # for what must not come

ON_EVERY_SOCKET: dict[int, int] = {
    zmq.LINGER: 0,
    zmq.TCP_KEEPALIVE: 1,
    zmq.TCP_KEEPALIVE_IDLE: 5,
    zmq.TCP_KEEPALIVE_INTVL: 2,
    zmq.TCP_KEEPALIVE_CNT: 3,
    zmq.TCP_MAXRT: 10_000,
    zmq.HANDSHAKE_IVL: 5_000,
    zmq.CONNECT_TIMEOUT: 3_000,
    zmq.RECONNECT_IVL: 100,
    zmq.RECONNECT_IVL_MAX: 400,
    zmq.HEARTBEAT_IVL: 0,
    zmq.HEARTBEAT_TTL: 0,
    zmq.HEARTBEAT_TIMEOUT: -1,
    zmq.IPV6: 0,
    zmq.CONFLATE: 0,
}
UNSET: dict[int, int] = {
    zmq.SNDHWM: 1000,
    zmq.RCVHWM: 1000,
    zmq.SNDBUF: -1,
    zmq.RCVBUF: -1,
    zmq.IMMEDIATE: 0,
}
BY_ROLE: dict[Role, tuple[int, dict[int, int]]] = {
    Role.CAMERA: (
        zmq.XPUB,
        {zmq.SNDHWM: 4, zmq.SNDBUF: 262_144, zmq.IMMEDIATE: 1, zmq.MAXMSGSIZE: 256},
    ),
    Role.INGEST: (zmq.XSUB, {zmq.RCVHWM: 64, zmq.SNDHWM: 0, zmq.MAXMSGSIZE: MAX_BYTES}),
    Role.FANOUT: (zmq.XPUB, {zmq.SNDHWM: 64, zmq.MAXMSGSIZE: 256}),
    Role.FANOUT_READER: (zmq.SUB, {zmq.RCVHWM: 64, zmq.SNDHWM: 0, zmq.MAXMSGSIZE: MAX_BYTES}),
    Role.DELIVERY: (
        zmq.ROUTER,
        {zmq.SNDHWM: 256, zmq.RCVHWM: 64, zmq.MAXMSGSIZE: MAX_BYTES},
    ),
    Role.PEER: (
        zmq.DEALER,
        {zmq.SNDHWM: 256, zmq.RCVHWM: 256, zmq.IMMEDIATE: 1, zmq.MAXMSGSIZE: MAX_BYTES},
    ),
    Role.INVITE: (zmq.REP, {zmq.MAXMSGSIZE: 1024}),
    Role.JOIN: (zmq.REQ, {zmq.MAXMSGSIZE: 1024}),
}


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens sockets with a receive time-out, and closes them."""
    sockets: list[Socket] = []
    with zmq.Context() as context:

        def open_one(role: Role) -> Socket:
            socket = open_socket(context, role)
            socket.setsockopt(zmq.RCVTIMEO, WAIT_MS)
            sockets.append(socket)
            return socket

        yield open_one
        for socket in sockets:
            socket.close()


def options(socket: Socket) -> dict[int, int]:
    asked = {**ON_EVERY_SOCKET, **UNSET, zmq.MAXMSGSIZE: 0}
    return {option: int(socket.getsockopt(option)) for option in asked}


@pytest.mark.parametrize("role", Role, ids=lambda role: role.name)
def test_the_options_of_a_socket_are_these(role: Role, opened: Open) -> None:
    """Whatever is asked of the socket itself; a rebuilt one has the same."""
    kind, own = BY_ROLE[role]
    first, second = opened(role), opened(role)

    assert first.type == second.type == kind
    assert options(first) == {**ON_EVERY_SOCKET, **UNSET, **own}
    first.close()
    assert options(second) == options(opened(role)) == {**ON_EVERY_SOCKET, **UNSET, **own}


@pytest.mark.parametrize("role", Role, ids=lambda role: role.name)
def test_no_socket_has_heartbeats_of_zeromq(role: Role, opened: Open) -> None:
    """On a connecting socket with a full queue they abort the process (libzmq #3937)."""
    socket = opened(role)

    assert socket.getsockopt(zmq.HEARTBEAT_IVL) == 0
    assert socket.getsockopt(zmq.HEARTBEAT_TTL) == 0


def test_a_camera_learns_that_its_queue_is_full(opened: Open) -> None:
    """XPUB_NODROP: what cannot be queued is an error at the sender, not a silent loss."""
    for endpoint in ("inproc://first", "inproc://rebuilt"):
        camera, ingest = opened(Role.CAMERA), opened(Role.INGEST)
        camera.bind(endpoint)
        ingest.connect(endpoint)
        ingest.send(b"\x01frame/")
        assert camera.recv() == b"\x01frame/"

        for _ in range(4 + 64):  # the camera's queue and the broker's: inproc has no network
            camera.send(b"frame/one/0/", zmq.DONTWAIT)

        with pytest.raises(zmq.Again):
            camera.send(b"frame/one/0/", zmq.DONTWAIT)
        camera.close()
        ingest.close()


def announced(broker: Socket, peer: Socket) -> bytes:
    """What the broker hears next of a peer whose thread, as it must, keeps polling its socket."""
    for _ in range(1000):
        peer.poll(0)
        if broker.poll(10):
            return broker.recv_multipart()[1]
    pytest.fail("nothing was announced")


def is_bound(socket: Socket, endpoint: str) -> bool:
    try:
        bind(socket, endpoint)
    except BindError:
        return False
    return True


def test_each_connection_of_a_peer_announces_itself(opened: Open) -> None:
    """PROBE_ROUTER: an empty message comes of itself, also when the broker is another one."""
    broker, again, peer = opened(Role.DELIVERY), opened(Role.DELIVERY), opened(Role.PEER)
    endpoint = bind(broker, f"tcp://127.0.0.1:{free_ports(1)[0]}")
    peer.connect(endpoint)
    assert announced(broker, peer) == b""

    broker.close()
    wait_until(lambda: is_bound(again, endpoint))  # closing takes ZeroMQ a moment

    assert announced(again, peer) == b""


def test_the_broker_learns_that_a_peer_is_gone(opened: Open) -> None:
    """ROUTER_MANDATORY: a message to an unknown peer is an error, not silence."""
    broker = opened(Role.DELIVERY)

    with pytest.raises(zmq.ZMQError) as refused:
        broker.send_multipart([b"unknown", b"hello"])

    assert refused.value.errno == zmq.EHOSTUNREACH


def test_a_peer_keeps_nothing_for_a_broker_that_is_away(opened: Open) -> None:
    """IMMEDIATE: without a connection there is no queue, so nothing old arrives later."""
    peer = opened(Role.PEER)
    peer.connect("tcp://127.0.0.1:9")

    with pytest.raises(zmq.Again):
        peer.send(b"hello", zmq.DONTWAIT)


def test_a_subscription_to_the_fan_out_is_the_brokers_to_accept(opened: Open) -> None:
    """XPUB_MANUAL_LAST_VALUE: accepted by hand, and the next message is for the newcomer alone."""
    broker, early, late = (
        opened(Role.FANOUT),
        opened(Role.FANOUT_READER),
        opened(Role.FANOUT_READER),
    )
    endpoint = bind(broker, ANY_PORT)
    for reader in (early, late):
        reader.connect(endpoint)
        reader.subscribe(b"frame/")
        assert broker.recv() == b"\x01frame/"
        broker.setsockopt(zmq.SUBSCRIBE, b"frame/")
        broker.send(b"frame/ for the newcomer")
        assert reader.recv() == b"frame/ for the newcomer"

    broker.send(b"frame/ for all")

    assert early.recv() == late.recv() == b"frame/ for all"


def test_a_subscription_that_is_too_long_costs_the_connection(opened: Open) -> None:
    """246 bytes of topic fit the limit, with what ZMTP puts before them; 247 do not."""
    broker, modest, greedy = (
        opened(Role.FANOUT),
        opened(Role.FANOUT_READER),
        opened(Role.FANOUT_READER),
    )
    endpoint = bind(broker, ANY_PORT)
    greedy.connect(endpoint)
    greedy.subscribe(b"x" * (MAX_TOPIC_BYTES - 9))
    assert not broker.poll(AT_ONCE_MS)

    modest.connect(endpoint)
    modest.subscribe(b"x" * (MAX_TOPIC_BYTES - 10))

    assert broker.recv() == b"\x01" + b"x" * 246


def test_a_message_beyond_the_limit_costs_the_connection(opened: Open) -> None:
    """The broker never holds it; the peer is back at once, as a new connection."""
    broker, peer = opened(Role.DELIVERY), opened(Role.PEER)
    peer.connect(bind(broker, ANY_PORT))
    assert announced(broker, peer) == b""

    peer.send(bytes(MAX_BYTES))
    assert broker.recv_multipart()[1] == bytes(MAX_BYTES)
    peer.send(bytes(MAX_BYTES + 1))

    assert announced(broker, peer) == b""


def test_a_taken_port_is_said_in_a_sentence(opened: Open) -> None:
    endpoint = bind(opened(Role.INGEST), ANY_PORT)

    with pytest.raises(BindError) as refused:
        bind(opened(Role.DELIVERY), endpoint)

    assert str(refused.value) == f"cannot listen on {endpoint}: another program uses this port"


def test_an_address_of_another_machine_is_said_in_a_sentence(opened: Open) -> None:
    """192.0.2.1 is not assigned (RFC 5737)."""
    with pytest.raises(BindError) as refused:
        bind(opened(Role.FANOUT), "tcp://192.0.2.1:5551")

    sentence = "cannot listen on tcp://192.0.2.1:5551: this machine has no such address"
    assert str(refused.value) == sentence


def test_an_invalid_address_is_named(opened: Open) -> None:
    with pytest.raises(BindError, match="cannot listen on nonsense: "):
        bind(opened(Role.FANOUT), "nonsense")


def test_binding_says_which_port_it_got(opened: Open) -> None:
    port = int(bind(opened(Role.FANOUT), ANY_PORT).removeprefix("tcp://127.0.0.1:"))

    assert 0 < port < 65_536


def test_an_address_that_is_written_as_ipv6_is_dialled_over_ipv6() -> None:
    with zmq.Context() as context:
        server: zmq.Socket[bytes] = context.socket(zmq.ROUTER)
        server.linger, server.ipv6, server.rcvtimeo = 0, True, 10_000
        peer = open_socket(context, Role.PEER)
        try:
            try:
                server.bind("tcp://[::1]:*")
            except zmq.ZMQError:
                pytest.skip("this machine has no IPv6")
            connect(peer, server.getsockopt_string(zmq.LAST_ENDPOINT))
            peer.poll(100)
            assert server.recv_multipart()[1:] == [b""]  # the probe of a new connection
        finally:
            peer.close()
            server.close()

"""Every ZeroMQ socket of camfan is made here, with every option set before it binds or connects.

Why each option stands as it does is written in `docs/design/sockets.md`. There are no ZMTP
heartbeats: on a connecting socket with a full pipe they abort the process (libzmq #3937).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from enum import Enum
from typing import cast

import zmq
from zmq.backend import Socket, zmq_poll

from camfan_config.errors import CamfanError
from camfan_wire import jpeg
from camfan_wire.header import MAX_HEADER_BYTES
from camfan_wire.keys import Keys, apply
from camfan_wire.messages import MAX_CREDIT

MAX_TOPIC_BYTES = 256
CAMERA_QUEUE = 4  # frames from one camera that the link has not taken; full: the newest is not sent
INGEST_QUEUE = 64  # messages that the broker has not read, of all cameras; full: TCP pushes back
MIN_INGEST_QUEUE = 8  # of one of many cameras: what comes while the loop is elsewhere
FANOUT_QUEUE = 64  # frames for one fan-out subscriber; full: ZeroMQ drops the newest for it
DELIVERY_QUEUE = 4 * MAX_CREDIT  # messages for one peer; credit keeps frames far below
DELIVERY_BACKLOG = 64  # messages from one peer that the broker has not read; full: TCP pushes back
CURVE_OVERHEAD_BYTES = 64  # what a part grows by when it is encrypted, at most
CURVE_HANDSHAKE_BYTES = 512  # the handshake is held to the same limit as what comes after it


class Role(Enum):
    """What a socket is for."""

    CAMERA = "camera publishes to ingest"
    INGEST = "broker receives frames"
    FANOUT = "broker publishes to any subscriber"
    FANOUT_READER = "any subscriber reads the fan-out"
    DELIVERY = "broker serves its peers"
    PEER = "a node talks to delivery"
    INVITE = "takes the public key of a new machine"
    JOIN = "a new machine brings its public key"


class BindError(CamfanError):
    """A port cannot be had; the message names it."""


# On the path of each frame, the methods of the compiled class: those of zmq.Socket stand before
# them in Python, and cost as much again.
receive = cast("Callable[[zmq.Socket[bytes], int, bool], zmq.Frame]", Socket.recv)  # flags, copy
send = cast("Callable[[zmq.Socket[bytes], bytes | zmq.Frame, int, bool], object]", Socket.send)
COPIED, NOT_COPIED = True, False
SNDMORE = int(zmq.SNDMORE)  # plain numbers: `|` of two flags of an enum costs a microsecond
DONTWAIT = int(zmq.DONTWAIT)
DONTWAIT_SNDMORE = DONTWAIT | SNDMORE
POLLIN = int(zmq.POLLIN)
POLLOUT = int(zmq.POLLOUT)

_FRAME_BYTES = max(jpeg.MAX_BYTES, MAX_HEADER_BYTES)

_ALWAYS: Mapping[int, int] = {
    zmq.LINGER: 0,
    zmq.TCP_KEEPALIVE: 1,
    zmq.TCP_KEEPALIVE_IDLE: 5,
    zmq.TCP_KEEPALIVE_INTVL: 2,
    zmq.TCP_KEEPALIVE_CNT: 3,
    zmq.TCP_MAXRT: 10_000,
    zmq.HANDSHAKE_IVL: 5_000,
    zmq.CONNECT_TIMEOUT: 3_000,
    zmq.RECONNECT_IVL: 100,
    zmq.RECONNECT_IVL_MAX: 400,  # cameras are live again within 1 s after a broker returns
}

_BY_ROLE: Mapping[Role, tuple[int, Mapping[int, int]]] = {
    Role.CAMERA: (
        zmq.XPUB,
        {
            zmq.SNDHWM: CAMERA_QUEUE,
            zmq.SNDBUF: 262_144,  # what waits in the kernel is old before it leaves
            zmq.IMMEDIATE: 1,  # nothing is kept for a broker that is away
            zmq.XPUB_NODROP: 1,  # sending to a full queue fails, and is counted
            zmq.MAXMSGSIZE: MAX_TOPIC_BYTES,
        },
    ),
    Role.INGEST: (
        zmq.XSUB,
        {zmq.RCVHWM: INGEST_QUEUE, zmq.SNDHWM: 0, zmq.MAXMSGSIZE: _FRAME_BYTES},
    ),
    Role.FANOUT: (
        zmq.XPUB,
        {
            zmq.SNDHWM: FANOUT_QUEUE,
            zmq.XPUB_MANUAL_LAST_VALUE: 1,
            zmq.MAXMSGSIZE: MAX_TOPIC_BYTES,
        },
    ),
    Role.FANOUT_READER: (
        zmq.SUB,
        {zmq.RCVHWM: FANOUT_QUEUE, zmq.SNDHWM: 0, zmq.MAXMSGSIZE: _FRAME_BYTES},
    ),
    Role.DELIVERY: (
        zmq.ROUTER,
        {
            zmq.SNDHWM: DELIVERY_QUEUE,
            zmq.RCVHWM: DELIVERY_BACKLOG,
            zmq.ROUTER_MANDATORY: 1,  # a peer that is gone is an error here, not silence
            zmq.MAXMSGSIZE: _FRAME_BYTES,  # cameras send late frames here
        },
    ),
    Role.PEER: (
        zmq.DEALER,
        {
            zmq.SNDHWM: DELIVERY_QUEUE,
            zmq.RCVHWM: DELIVERY_QUEUE,
            zmq.IMMEDIATE: 1,
            zmq.PROBE_ROUTER: 1,  # announces each new connection: the broker answers with welcome
            zmq.MAXMSGSIZE: _FRAME_BYTES,
        },
    ),
    Role.INVITE: (zmq.REP, {zmq.MAXMSGSIZE: 1024}),
    # Not IMMEDIATE: that drops an answer that has come when its sender closes the connection.
    Role.JOIN: (zmq.REQ, {zmq.MAXMSGSIZE: 1024}),
}


def ingest_queue(cameras: int) -> int:
    """Messages for each camera. What waits there gets old, and takes memory."""
    return max(MIN_INGEST_QUEUE, INGEST_QUEUE // max(cameras, 1))


def fanout_queue(cameras: int) -> int:
    """Messages for each subscriber, which may watch all cameras.

    They may all send at the same instant, and ZeroMQ notices that a queue has drained only when it
    is half empty: room for one frame of each takes two places, and as many again for a late loop.
    """
    return max(FANOUT_QUEUE, 4 * cameras)


def open_socket(
    context: zmq.Context[zmq.Socket[bytes]],
    role: Role,
    keys: Keys | None = None,
    *,
    max_bytes: int | None = None,
    queue: int | None = None,
) -> zmq.Socket[bytes]:
    """A socket for one role, not yet bound or connected. It belongs to one thread.

    With `keys` it speaks only CURVE. `max_bytes`: of a part, where the limit is lower than that of
    the role. `queue`: messages of or for one peer, where the number of cameras decides.
    """
    kind, options = _BY_ROLE[role]
    socket = context.socket(kind)
    for option, value in {**_ALWAYS, **options}.items():
        socket.setsockopt(option, value)
    part = min(max_bytes or options[zmq.MAXMSGSIZE], options[zmq.MAXMSGSIZE])
    if keys is not None:
        apply(socket, keys)
        part = max(part + CURVE_OVERHEAD_BYTES, CURVE_HANDSHAKE_BYTES)
    socket.setsockopt(zmq.MAXMSGSIZE, part)
    if queue is not None:
        socket.setsockopt(zmq.RCVHWM if role is Role.INGEST else zmq.SNDHWM, queue)
    return socket


def has_input(socket: zmq.Socket[bytes]) -> bool:
    """A message can be received. Asking costs 1 µs, the exception of an empty socket 25.

    A poll asks for less than the option ZMQ_EVENTS, which pyzmq looks up in an enum each time.
    """
    return bool(zmq_poll([(socket, POLLIN)], 0))


def not_bound(endpoint: str, error: OSError | zmq.ZMQError) -> BindError:
    """The error for an endpoint that cannot be bound, with its cause in words."""
    reason = {
        errno.EADDRINUSE: "another program uses this port",
        errno.EACCES: "ports below 1024 need root",
        errno.ENODEV: "this machine has no such address",
        errno.EADDRNOTAVAIL: "this machine has no such address",
    }.get(error.errno or 0, str(error))
    return BindError(f"cannot listen on {endpoint}: {reason}")


def connect(socket: zmq.Socket[bytes], endpoint: str) -> None:
    """Connect; over IPv6 to an address that is written as such, `tcp://[::1]:5552`.

    With ZMQ_IPV6 set, a name with both kinds of address would be connected by IPv6.
    """
    socket.ipv6 = endpoint.startswith("tcp://[")
    socket.connect(endpoint)


def bind(socket: zmq.Socket[bytes], endpoint: str) -> str:
    """Bind, and return the endpoint with its real port. Raises BindError."""
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as exc:
        raise not_bound(endpoint, exc) from exc
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)

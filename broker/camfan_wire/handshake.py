"""Why the broker rejects a client: handshake events of ZeroMQ, and sentences for people.

ZeroMQ reports the status with which the broker answers a key. It does not report why any other
handshake failed; the broker's greeting, read on a separate connection, then shows what is there.
"""

from __future__ import annotations

import re
import socket as sockets_of_the_system
import struct
from enum import Enum
from typing import Any

import zmq

from camfan_config.types import Ports
from camfan_wire.keys import ClientKeys

UNKNOWN_KEY, TOO_MANY = 400, 500  # statuses of the broker's answer to a key (ZAP)
GREETING_S = 2.0
DELIVERY_PORT = Ports().delivery

_EVENTS = (
    zmq.EVENT_CONNECTED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)
_EVENT = struct.Struct("=Hi")  # what, and its value
_GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03"  # ZMTP 3, as far as no mechanism is named
_MECHANISM = slice(12, 32)  # where the other end names its own
_TCP = re.compile(r"tcp://(.+):([0-9]+)")


class Mechanism(Enum):
    """What listens at an address, by its greeting."""

    CURVE = "a broker with keys"
    NULL = "a broker without keys"
    OTHER = "not a broker"
    UNKNOWN = "no greeting came"


class ConnectionMonitor:
    """Watches the connections of one connecting socket, and their handshakes.

    Belongs to that socket's thread. Create it before the socket connects, and close it before the
    socket is closed.
    """

    def __init__(self, context: zmq.Context[Any], socket: zmq.Socket[bytes]) -> None:
        address = f"inproc://connections-{id(self)}"
        socket.monitor(address, _EVENTS)
        self._socket = socket
        self._descriptor: int | None = None
        self._failure: int | None = None
        self._in_handshake = False
        self._events = context.socket(zmq.PAIR)
        self._events.linger = 0
        self._events.rcvhwm = 0  # never full: libzmq's own thread would wait for us
        self._events.connect(address)

    def descriptor(self) -> int | None:
        """The file descriptor of the connection; None while it is not connected."""
        self._read_events()
        return self._descriptor

    def failure(self) -> int | None:
        """The status of the last handshake that failed since the last call; 0: not known.

        None if no handshake has failed, or one has succeeded since.
        """
        self._read_events()
        found, self._failure = self._failure, None
        return found

    def _read_events(self) -> None:
        while self._events.poll(0):
            event, value = _EVENT.unpack(self._events.recv_multipart()[0])
            if event == zmq.EVENT_CONNECTED:
                self._descriptor, self._in_handshake = value, True
            elif event == zmq.EVENT_DISCONNECTED:
                if self._in_handshake:  # as a socket of a type that does not fit ends it
                    self._failure = 0
                self._descriptor, self._in_handshake = None, False
            elif event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._failure, self._in_handshake = None, False
            else:
                self._in_handshake = False
                self._failure = value if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH else 0

    def close(self) -> None:
        if not self._events.closed:
            self._socket.disable_monitor()
            self._events.close()


def read_mechanism(endpoint: str) -> Mechanism:
    """What listens at an endpoint. Waits up to GREETING_S for it."""
    place = _TCP.fullmatch(endpoint)
    if place is None:
        return Mechanism.UNKNOWN
    where = (place[1].strip("[]"), int(place[2]))
    greeting = b""
    try:
        with sockets_of_the_system.create_connection(where, GREETING_S) as connection:
            connection.sendall(_GREETING)
            while len(greeting) < _MECHANISM.stop and (more := connection.recv(64)):
                greeting += more
    except OSError:
        if not greeting:
            return Mechanism.UNKNOWN
    return _mechanism_of(greeting)


def _mechanism_of(greeting: bytes) -> Mechanism:
    if len(greeting) < _MECHANISM.stop or greeting[0] != 0xFF or greeting[9] != 0x7F:
        return Mechanism.OTHER if greeting else Mechanism.UNKNOWN
    name = greeting[_MECHANISM].rstrip(b"\0").decode("ascii", "replace")
    return Mechanism[name] if name in ("CURVE", "NULL") else Mechanism.OTHER


def explain_status(endpoint: str, status: int, keys: ClientKeys | None) -> str:
    """A sentence about the status that the broker has answered a key with."""
    key = "this key" if keys is None or keys.file is None else f"the key in {keys.file}"
    if status == TOO_MANY:
        return f"not permitted now: {key} has too many connections to the broker at {endpoint}"
    where = f"unknown to the broker at {endpoint}, or was revoked"
    if keys is None or keys.site is None:
        return f"not permitted: {key} is {where}"
    return f"not permitted: {key} is not one of site '{keys.site}'; it is {where}"


def explain_mechanism(endpoint: str, found: Mechanism, keys: ClientKeys | None) -> str | None:
    """A sentence about a handshake that failed without a status; None if the cause is not known."""
    if found is Mechanism.OTHER:
        return f"what listens at {endpoint} is not a camfan broker; check host and port"
    if found is Mechanism.CURVE and keys is None:
        return (
            f"not permitted: the broker at {endpoint} requires a key, and no key was given; "
            "with a site file name its folder in 'security.keys', else give a key and server key"
        )
    if found is Mechanism.NULL and keys is not None:
        return (
            f"the broker at {endpoint} has no keys, and this node requires them; "
            "start it with the site file that has 'security.keys'"
        )
    if found is Mechanism.CURVE:
        return (
            f"the broker at {endpoint} ends the connection during the handshake: it has another "
            "key than 'security.server_key' in the site file (compare with 'camfan keys show "
            "broker' on its machine), or has suspended this key; see its log"
        )
    if found is Mechanism.NULL:
        return (
            f"the broker at {endpoint} ends the connection during the handshake: this is probably "
            f"its ingest or fan-out port; clients connect to its delivery port, {DELIVERY_PORT} by "
            "default"
        )
    return None

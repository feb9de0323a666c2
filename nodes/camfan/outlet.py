"""The ingest socket of one camera: sends what the broker listens for, and never waits."""

from __future__ import annotations

from enum import Enum, auto

import zmq

from camfan_wire.keys import ClientKeys
from camfan_wire.sockets import DONTWAIT_SNDMORE, Role, connect, has_input, open_socket
from camfan_wire.topics import camera_topic


class Left(Enum):
    """What became of a frame that was to leave."""

    SENT = auto()  # handed to the network
    AWAY = auto()  # the broker does not listen
    FULL = auto()  # the link has not taken the last ones yet


class Outlet:
    """Belongs to one thread."""

    def __init__(self, endpoint: str, camera: str, keys: ClientKeys | None) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = open_socket(self._context, Role.CAMERA, keys)
        connect(self._socket, endpoint)
        self._topic = camera_topic(camera)
        self._wanted: set[bytes] = set()  # subscriptions of the broker, by prefix

    def send(self, topic: bytes, header: bytes, jpeg: bytes) -> Left:
        self._read_subscriptions()
        if not any(topic.startswith(prefix) for prefix in self._wanted):
            return Left.AWAY
        try:
            self._socket.send(topic, DONTWAIT_SNDMORE)
        except zmq.Again:
            return Left.FULL
        # Only the first part can find the queue full; the others belong to it.
        self._socket.send(header, DONTWAIT_SNDMORE)
        self._socket.send(jpeg, zmq.DONTWAIT, copy=False)
        return Left.SENT

    def _read_subscriptions(self) -> None:
        while has_input(self._socket):
            event = self._socket.recv(zmq.DONTWAIT)
            if event[:1] == b"\x01":
                self._wanted.add(event[1:])
            elif event[:1] == b"\x00":
                self._wanted.discard(event[1:])

    def close(self) -> None:
        self._socket.close(linger=200)
        self._context.term()

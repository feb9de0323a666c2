"""The ingest socket of one camera: sends what the broker has subscribed to, and never waits.

ZeroMQ does not try again where the broker has rejected the key, or speaks another mechanism. The
connection is then made again from time to time, because the key may be added later.
"""

from __future__ import annotations

import sys
import time
from enum import Enum, auto
from typing import Any

import zmq

from camfan_wire.handshake import ConnectionMonitor
from camfan_wire.keys import ClientKeys
from camfan_wire.sockets import DONTWAIT_SNDMORE, Role, connect, has_input, open_socket

if sys.platform == "linux":
    import fcntl
    import termios

RETRY_S = 5.0  # between attempts where the broker rejects the key
LINGER_MS = 200  # for the last frames at the end


class SendResult(Enum):
    """What became of a frame that was given to the ingest socket."""

    SENT = auto()  # handed to the network
    AWAY = auto()  # the broker does not listen
    FULL = auto()  # the link has not taken the last frames yet
    HELD_UP = auto()  # the link is idle: this machine has not handed the last frames to it yet


class IngestSocket:
    """Belongs to one thread."""

    def __init__(self, endpoint: str, keys: ClientKeys | None) -> None:
        self._endpoint = endpoint
        self._keys = keys
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._connection = _IngestConnection(self._context, endpoint, keys)

    def send(self, topic: bytes, header: bytes, jpeg: bytes) -> SendResult:
        """Hand one frame to the network, if the broker listens and the queue has room."""
        connection = self._connection
        connection.read_subscriptions()
        if not any(topic.startswith(prefix) for prefix in connection.prefixes):
            self._reconnect_if_rejected()
            return SendResult.AWAY
        socket = connection.socket
        try:
            socket.send(topic, DONTWAIT_SNDMORE)
        except zmq.Again:
            return SendResult.HELD_UP if connection.is_idle() else SendResult.FULL
        # Only the first part can find the queue full; the others belong to it.
        socket.send(header, DONTWAIT_SNDMORE)
        socket.send(jpeg, zmq.DONTWAIT, copy=False)
        return SendResult.SENT

    def wait_for_broker(self, seconds: float) -> bool:
        """Wait at most this long for the broker to listen; True if it does."""
        connection = self._connection
        connection.read_subscriptions()
        if not connection.prefixes and connection.socket.poll(round(seconds * 1000), zmq.POLLIN):
            connection.read_subscriptions()
        return bool(connection.prefixes)

    def close(self) -> None:
        self._connection.close(LINGER_MS)
        self._context.term()

    def _reconnect_if_rejected(self) -> None:
        if time.monotonic() - self._connection.checked_s < RETRY_S:
            return
        self._connection.checked_s = time.monotonic()
        if self._connection.monitor.failure() is not None:
            self._connection.close(0)
            self._connection = _IngestConnection(self._context, self._endpoint, self._keys)


class _IngestConnection:
    """A socket that connects to the ingest address, and what the broker subscribes to on it."""

    def __init__(self, context: zmq.Context[Any], endpoint: str, keys: ClientKeys | None) -> None:
        self.prefixes: set[bytes] = set()  # of topics
        self.socket = open_socket(context, Role.CAMERA, keys)
        self.monitor = ConnectionMonitor(context, self.socket)
        connect(self.socket, endpoint)
        self.checked_s = time.monotonic()

    def read_subscriptions(self) -> None:
        while has_input(self.socket):
            event = self.socket.recv(zmq.DONTWAIT)
            if event[:1] == b"\x01":
                self.prefixes.add(event[1:])
            elif event[:1] == b"\x00":
                self.prefixes.discard(event[1:])

    def is_idle(self) -> bool:
        """The network has taken all that it was given.

        A full queue is then the fault of a thread of ours that gets no time, not of the link.
        """
        descriptor = self.monitor.descriptor()
        return descriptor is not None and _has_sent_all(descriptor)

    def close(self, linger_ms: int) -> None:
        self.monitor.close()
        self.socket.close(linger=linger_ms)


def _has_sent_all(descriptor: int) -> bool:
    """All that was written to a connection has arrived; False if that is not known."""
    if sys.platform != "linux":
        return False
    try:
        return not any(fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))
    except OSError:
        return False

"""The ingest socket of one camera: sends what the broker listens for, and never waits.

ZeroMQ does not try again where the broker has rejected the key, or speaks another mechanism; the
socket is then made again from time to time, because the key may be added later.
"""

from __future__ import annotations

import sys
import time
from enum import Enum, auto

import zmq

from camfan_wire.handshake import ConnectionMonitor
from camfan_wire.keys import ClientKeys
from camfan_wire.sockets import DONTWAIT_SNDMORE, Role, connect, has_input, open_socket

if sys.platform == "linux":
    import fcntl
    import termios

AGAIN_S = 5.0  # between attempts where the broker rejects the key


class SendResult(Enum):
    """What became of a frame that was to leave."""

    SENT = auto()  # handed to the network
    AWAY = auto()  # the broker does not listen
    FULL = auto()  # the link has not taken the last ones yet
    HELD_UP = auto()  # the link is idle, and this machine has not handed the last ones to it yet


class IngestSocket:
    """Belongs to one thread."""

    def __init__(self, endpoint: str, camera: str, keys: ClientKeys | None) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._endpoint = endpoint
        self._keys = keys
        self._open()

    def _open(self) -> None:
        self._socket = open_socket(self._context, Role.CAMERA, self._keys)
        self._monitor = ConnectionMonitor(self._context, self._socket)
        connect(self._socket, self._endpoint)
        self._wanted: set[bytes] = set()  # subscriptions of the broker, by prefix
        self._opened_s = time.monotonic()

    def send(self, topic: bytes, header: bytes, jpeg: bytes) -> SendResult:
        self._read_subscriptions()
        if not any(topic.startswith(prefix) for prefix in self._wanted):
            self._try_again()
            return SendResult.AWAY
        try:
            self._socket.send(topic, DONTWAIT_SNDMORE)
        except zmq.Again:
            return SendResult.HELD_UP if self._is_idle() else SendResult.FULL
        # Only the first part can find the queue full; the others belong to it.
        self._socket.send(header, DONTWAIT_SNDMORE)
        self._socket.send(jpeg, zmq.DONTWAIT, copy=False)
        return SendResult.SENT

    def is_wanted(self, seconds: float) -> bool:
        """Whether the broker listens; waits for it, at most so long."""
        self._read_subscriptions()
        if not self._wanted and self._socket.poll(round(seconds * 1000), zmq.POLLIN):
            self._read_subscriptions()
        return bool(self._wanted)

    def _read_subscriptions(self) -> None:
        while has_input(self._socket):
            event = self._socket.recv(zmq.DONTWAIT)
            if event[:1] == b"\x01":
                self._wanted.add(event[1:])
            elif event[:1] == b"\x00":
                self._wanted.discard(event[1:])

    def _is_idle(self) -> bool:
        """The network has taken all that it was given. So the queue is full because of a thread of
        ours that gets no time, and not because of the link.
        """
        descriptor = self._monitor.descriptor()
        return descriptor is not None and _has_left(descriptor)

    def _try_again(self) -> None:
        if time.monotonic() - self._opened_s < AGAIN_S:
            return
        self._opened_s = time.monotonic()
        if self._monitor.failure() is not None:
            self._monitor.close()
            self._socket.close(linger=0)
            self._open()

    def close(self) -> None:
        self._monitor.close()
        self._socket.close(linger=200)
        self._context.term()


def _has_left(descriptor: int) -> bool:
    """All that was written to a connection has arrived; False if that is not known."""
    if sys.platform != "linux":
        return False
    try:
        return not any(fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))
    except OSError:
        return False

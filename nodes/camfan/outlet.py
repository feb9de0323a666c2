"""The ingest socket of one camera: sends what the broker listens for, and never waits."""

from __future__ import annotations

import struct
import sys
from enum import Enum, auto

import zmq

from camfan_wire.keys import ClientKeys
from camfan_wire.sockets import DONTWAIT_SNDMORE, Role, connect, has_input, open_socket
from camfan_wire.topics import camera_topic

if sys.platform == "linux":
    import fcntl
    import termios


_EVENT = struct.Struct("=Hi")  # of a socket's monitor: what, and which descriptor


class Left(Enum):
    """What became of a frame that was to leave."""

    SENT = auto()  # handed to the network
    AWAY = auto()  # the broker does not listen
    FULL = auto()  # the link has not taken the last ones yet
    HELD_UP = auto()  # the link is idle, and this machine has not handed the last ones to it yet


class Outlet:
    """Belongs to one thread."""

    def __init__(self, endpoint: str, camera: str, keys: ClientKeys | None) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = open_socket(self._context, Role.CAMERA, keys)
        self._ear = _listen(self._context, self._socket)
        self._descriptor: int | None = None  # of the connection
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
            return Left.HELD_UP if self._is_idle() else Left.FULL
        # Only the first part can find the queue full; the others belong to it.
        self._socket.send(header, DONTWAIT_SNDMORE)
        self._socket.send(jpeg, zmq.DONTWAIT, copy=False)
        return Left.SENT

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
        while has_input(self._ear):
            event, descriptor = _EVENT.unpack(self._ear.recv_multipart(zmq.DONTWAIT)[0])
            self._descriptor = descriptor if event == zmq.EVENT_CONNECTED else None
        return self._descriptor is not None and _has_left(self._descriptor)

    def close(self) -> None:
        self._socket.disable_monitor()
        self._ear.close()
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


def _listen(
    context: zmq.Context[zmq.Socket[bytes]], socket: zmq.Socket[bytes]
) -> zmq.Socket[bytes]:
    """Where libzmq says by which descriptor a socket is connected."""
    address = "inproc://connection"
    socket.monitor(address, zmq.EVENT_CONNECTED | zmq.EVENT_DISCONNECTED)
    ear = context.socket(zmq.PAIR)
    ear.linger = 0
    ear.rcvhwm = 0  # never full: libzmq's own thread would wait for us
    ear.connect(address)
    return ear

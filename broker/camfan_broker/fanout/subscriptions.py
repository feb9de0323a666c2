"""The subscriptions of the fan-out, by connection.

ZeroMQ reports a subscription with the connection that it came by. It also reports the end of
subscriptions when a connection ends, but then without the connection, and includes those that were
never granted. So each connection is remembered with its socket in the kernel, and its subscriptions
end when that socket is gone.

One connection may ask for `frame/` and for `frame/porch/` and be granted `frame/porch/` for both:
the end of one must not take away the other.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field

import zmq

from camfan_wire.topics import FRAMES

NO_PEER = -1
SWEEPS = 5  # after such a report: ZeroMQ may send it before the system has closed the socket


@dataclass(slots=True)
class FanoutConnection:
    """One connection: its socket in the kernel, what it asked for, and what it was granted."""

    inode: int
    asked: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)  # with what was granted
    prefixes: Counter[bytes] = field(default_factory=Counter)  # granted, and for how many


class FanoutSubscriptions:
    """UpstreamGrant subscriptions by connection. Belongs to the loop's thread."""

    def __init__(self) -> None:
        self._by_fd: dict[int, FanoutConnection] = {}
        self.prefixes: Counter[bytes] = Counter()  # how many connections have each
        self._sweeps = 0
        self._frames = 0  # of `prefixes`, those that the topic of a frame may match

    @property
    def any_frames(self) -> bool:
        """A granted prefix may match the topic of a frame."""
        return self._frames > 0

    def __len__(self) -> int:
        return len(self._by_fd)

    def matches(self, topic: bytes) -> bool:
        """Whether a connection gets this topic; costs the same for any number of connections."""
        prefixes = self.prefixes
        return any(topic[:length] in prefixes for length in range(len(topic) + 1))

    def asks(self, event: zmq.Frame) -> int:
        """How many prefixes the sender of this event has asked for."""
        fd = _fd(event)
        connection = self._by_fd.get(fd)
        there = connection is not None and connection.inode == _inode(fd)
        return len(connection.asked) if connection is not None and there else 0

    def joined(self, event: zmq.Frame, asked: bytes, granted: tuple[bytes, ...]) -> None:
        """Note that the sender of this event subscribed to a prefix that grants these."""
        fd = _fd(event)
        inode = _inode(fd)
        if inode is None:
            return  # it has ended already
        connection = self._by_fd.get(fd)
        if connection is None or connection.inode != inode:
            self._end(fd)
            connection = self._by_fd[fd] = FanoutConnection(inode)
        if asked in connection.asked:
            return
        connection.asked[asked] = granted
        for prefix in granted:
            if prefix not in connection.prefixes:
                self._count(prefix, 1)
            connection.prefixes[prefix] += 1

    def left(self, event: zmq.Frame, asked: bytes) -> tuple[bytes, ...]:
        """A subscription has ended; the prefixes that are to be taken from the connection.

        If the connection itself ended, it is not known here, and ZeroMQ takes all of them.
        """
        fd = _fd(event)
        connection = self._by_fd.get(fd)
        if fd == NO_PEER:
            self._sweeps = SWEEPS
        if connection is None or connection.inode != _inode(fd):
            return ()
        granted = connection.asked.pop(asked, ())
        connection.prefixes.subtract(granted)
        taken = tuple(prefix for prefix in granted if not connection.prefixes[prefix])
        for prefix in taken:
            del connection.prefixes[prefix]
            self._count(prefix, -1)
        return taken

    def sweep(self) -> bool:
        """Forget connections that are gone; True if there were any."""
        if not self._sweeps:
            return False
        self._sweeps -= 1
        gone = [fd for fd, one in self._by_fd.items() if _inode(fd) != one.inode]
        for fd in gone:
            self._end(fd)
        return bool(gone)

    def _end(self, fd: int) -> None:
        connection = self._by_fd.pop(fd, None)
        for prefix in connection.prefixes if connection else ():
            self._count(prefix, -1)

    def _count(self, prefix: bytes, change: int) -> None:
        self.prefixes[prefix] += change
        if not self.prefixes[prefix]:
            del self.prefixes[prefix]
        if prefix.startswith(FRAMES) or FRAMES.startswith(prefix):
            self._frames += change


def _fd(event: zmq.Frame) -> int:
    try:
        return int(event.get(zmq.SRCFD))
    except (zmq.ZMQError, AttributeError):
        return NO_PEER


def _inode(fd: int) -> int | None:
    try:
        return os.fstat(fd).st_ino
    except OSError:
        return None

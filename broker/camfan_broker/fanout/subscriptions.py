"""Who listens to the fan-out, and to what.

ZeroMQ tells of a subscription with the connection it came by, but of those that end with their
connection it tells without, and also of those that were never granted. So each connection is
remembered with its own socket in the kernel, and what it had ends when that socket is gone.

One connection may ask for `frame/` and for `frame/porch/` and be granted `frame/porch/` for both:
letting go of one must not take away the other.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field

import zmq

from camfan_wire.topics import FRAMES

NO_PEER = -1
SWEEPS = 5  # after each such end: ZeroMQ may say so before the system has closed the socket


@dataclass(slots=True)
class FanoutConnection:
    """One connection: its socket in the kernel, what it asked for, and what it has of it."""

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
        """Somebody has a prefix that a frame's topic may match."""
        return self._frames > 0

    def __len__(self) -> int:
        return len(self._by_fd)

    def matches(self, topic: bytes) -> bool:
        """Whether somebody gets this topic; costs the same however many listen."""
        prefixes = self.prefixes
        return any(topic[:length] in prefixes for length in range(len(topic) + 1))

    def asks(self, event: zmq.Frame) -> int:
        """For how many prefixes the sender of this event asks already."""
        fd = _fd(event)
        listener = self._by_fd.get(fd)
        there = listener is not None and listener.inode == _inode(fd)
        return len(listener.asked) if listener is not None and there else 0

    def joined(self, event: zmq.Frame, asked: bytes, granted: tuple[bytes, ...]) -> None:
        """The sender of this event asked for a prefix, and was granted these for it."""
        fd = _fd(event)
        inode = _inode(fd)
        if inode is None:
            return  # it has left already
        listener = self._by_fd.get(fd)
        if listener is None or listener.inode != inode:
            self._end(fd)
            listener = self._by_fd[fd] = FanoutConnection(inode)
        if asked in listener.asked:
            return
        listener.asked[asked] = granted
        for prefix in granted:
            if prefix not in listener.prefixes:
                self._count(prefix, 1)
            listener.prefixes[prefix] += 1

    def left(self, event: zmq.Frame, asked: bytes) -> tuple[bytes, ...]:
        """Somebody asks for a prefix no more; what is to be taken from it.

        Who it is, is not said if the connection ended; ZeroMQ then takes all by itself.
        """
        fd = _fd(event)
        listener = self._by_fd.get(fd)
        if fd == NO_PEER:
            self._sweeps = SWEEPS
        if listener is None or listener.inode != _inode(fd):
            return ()
        granted = listener.asked.pop(asked, ())
        listener.prefixes.subtract(granted)
        taken = tuple(prefix for prefix in granted if not listener.prefixes[prefix])
        for prefix in taken:
            del listener.prefixes[prefix]
            self._count(prefix, -1)
        return taken

    def sweep(self) -> bool:
        """End those whose connection is gone; True if there were any."""
        if not self._sweeps:
            return False
        self._sweeps -= 1
        gone = [fd for fd, one in self._by_fd.items() if _inode(fd) != one.inode]
        for fd in gone:
            self._end(fd)
        return bool(gone)

    def _end(self, fd: int) -> None:
        listener = self._by_fd.pop(fd, None)
        for prefix in listener.prefixes if listener else ():
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

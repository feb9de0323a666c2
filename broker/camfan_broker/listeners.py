"""Who listens to the fan-out, and to what.

ZeroMQ tells of a subscription with the connection it came by, but of those that end with their
connection it tells without, and also of those that were never granted. So each connection is
remembered with its own socket in the kernel, and what it had ends when that socket is gone.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field

import zmq

from camfan_wire.topics import FRAMES

NOBODY = -1
SWEEPS = 5  # after each such end: ZeroMQ may say so before the system has closed the socket


@dataclass(slots=True)
class Listener:
    """One connection: its socket in the kernel, and the prefixes it was granted."""

    inode: int
    prefixes: set[bytes] = field(default_factory=set)


class Listeners:
    """Granted subscriptions by connection. Belongs to the loop's thread."""

    def __init__(self) -> None:
        self._by_fd: dict[int, Listener] = {}
        self.prefixes: Counter[bytes] = Counter()  # how many connections have each
        self.any_frames = False  # somebody has a prefix that a frame's topic may match
        self._sweeps = 0

    def __len__(self) -> int:
        return len(self._by_fd)

    def joined(self, event: zmq.Frame, prefix: bytes) -> None:
        """The sender of this event was granted a prefix."""
        fd = _fd(event)
        inode = _inode(fd)
        if inode is None:
            return  # it has left already
        listener = self._by_fd.get(fd)
        if listener is None or listener.inode != inode:
            self._end(fd)
            listener = self._by_fd[fd] = Listener(inode)
        if prefix not in listener.prefixes:
            listener.prefixes.add(prefix)
            self._count(prefix, 1)

    def left(self, event: zmq.Frame, prefix: bytes) -> None:
        """Somebody has a prefix no more; who, is not said if the connection ended."""
        fd = _fd(event)
        listener = self._by_fd.get(fd)
        if fd == NOBODY:
            self._sweeps = SWEEPS
        elif listener is not None and prefix in listener.prefixes:
            listener.prefixes.discard(prefix)
            self._count(prefix, -1)

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
        self.any_frames = any(p.startswith(FRAMES) or FRAMES.startswith(p) for p in self.prefixes)


def _fd(event: zmq.Frame) -> int:
    try:
        return int(event.get(zmq.SRCFD))
    except (zmq.ZMQError, AttributeError):
        return NOBODY


def _inode(fd: int) -> int | None:
    try:
        return os.fstat(fd).st_ino
    except OSError:
        return None

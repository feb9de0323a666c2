"""Every connection to the broker's ports, known by its socket in the kernel, and ended if need be.

libzmq has no call to end a connection. But it tells the descriptor of each message, and shutting
that down ends it in the usual way. A descriptor is only touched while it is still the socket that
it was (its inode says so), and through a duplicate of its own, so that it cannot become another
one under our hands.
"""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from camfan_broker.access.admissions import Admissions


@dataclass(slots=True, eq=False)
class AcceptedConnection:
    """One accepted connection. `user`: None until its first message."""

    fd: int
    inode: int
    endpoint: str  # which of our sockets accepted it
    address: str
    since_ns: int  # monotonic
    user: str | None = None
    presumed: str | None = None  # its user, as far as the order of events shows
    taken: int = 0  # messages that the loop has taken; counted by the loop alone
    measured_at: int = 0  # see `unfinished`: `taken` and bytes received when it last advanced
    measured: int = 0
    ended: bool = False  # it is not in the table any more

    @property
    def is_open(self) -> bool:
        """Whether the kernel still has this very socket; asks it."""
        return not self.ended and inode_of(self.fd) == self.inode

    @property
    def owner(self) -> str | None:
        """The user, or the presumed one; to share out what it costs, never to permit anything."""
        return self.user or self.presumed


class Connections:
    """Filled by the gatekeeper's thread, claimed by the loop; both may end connections."""

    def __init__(self) -> None:
        self.admissions = Admissions()
        self._lock = threading.Lock()
        self._by_fd: dict[int, AcceptedConnection] = {}
        self._silent: dict[int, AcceptedConnection] = {}  # of these, the oldest first
        self.by_user: Counter[str] = Counter()
        self.ended = 0  # by us

    def __len__(self) -> int:
        return len(self._by_fd)

    def count(self, fd: int) -> str | None:
        """Count a message taken from this descriptor; the user that has spoken on it, if known.

        For the loop alone.
        """
        found = self._by_fd.get(fd)
        if found is None:
            return None
        found.taken += 1
        return found.user

    @property
    def silent(self) -> int:
        """How many have not sent a message yet: in the middle of a handshake, or idle."""
        return len(self._silent)

    def accepted(self, fd: int, endpoint: str) -> AcceptedConnection | None:
        """None if it has ended already."""
        with self._lock:
            return self._add(fd, endpoint)

    def left(self, fd: int, endpoint: str) -> AcceptedConnection | None:
        """An endpoint reports that a descriptor is closed; another one may have it by now."""
        with self._lock:
            found = self._by_fd.get(fd)
            if found is None or found.endpoint != endpoint or inode_of(fd) == found.inode:
                return None
            self._remove(found)
            return found

    def claim(self, fd: int, endpoint: str, user: str) -> int:
        """A message of this user came by this descriptor; how many connections it has now."""
        with self._lock:
            found = self._by_fd.get(fd)
            if found is None or found.inode != inode_of(fd):
                found = self._add(fd, endpoint)
            if found is not None and found.user != user:
                self._count(found.user, -1)
                if found.presumed is None:
                    self.admissions.spoken(found.address, user)
                found.user = user
                self._silent.pop(fd, None)
                self._count(user, 1)
            return self.by_user[user]

    def presume(self, endpoint: str) -> None:
        """A handshake has succeeded at this endpoint; libzmq does not say on which connection."""
        with self._lock:
            waiting = [
                one
                for one in self._silent.values()
                if one.endpoint == endpoint and one.presumed is None
            ]
            for address in {one.address for one in waiting}:
                user = self.admissions.take(address)
                if user is not None:
                    next(one for one in waiting if one.address == address).presumed = user
                    return

    def find(self, fd: int, endpoint: str) -> AcceptedConnection | None:
        """The connection of this descriptor, which may be newer than what is known."""
        with self._lock:
            return self._add(fd, endpoint)

    def forget_gone(self) -> None:
        """Remove those that ended unnoticed."""
        with self._lock:
            for found in list(self._by_fd.values()):
                if inode_of(found.fd) != found.inode:
                    self._remove(found)

    def all(self) -> list[AcceptedConnection]:
        with self._lock:
            return list(self._by_fd.values())

    def gives_way(self) -> AcceptedConnection | None:
        """Of those without a message: the oldest of the address that has most of them."""
        with self._lock:
            silent = list(self._silent.values())
        busiest = Counter(connection.address for connection in silent).most_common(1)
        return next((c for c in silent if c.address == busiest[0][0]), None) if busiest else None

    def end(self, connection: AcceptedConnection) -> None:
        """Shut a connection down; libzmq then closes it as if the peer had left."""
        with _held(connection.fd, connection.inode) as held:
            if held is not None:
                self.ended += 1
                with suppress(OSError):  # the peer was quicker
                    held.shutdown(socket.SHUT_RDWR)
        with self._lock:
            if self._by_fd.get(connection.fd) is connection:
                self._remove(connection)

    def end_fd(self, fd: int) -> None:
        found = self._by_fd.get(fd)
        if found is not None:
            self.end(found)

    def _add(self, fd: int, endpoint: str) -> AcceptedConnection | None:
        inode = inode_of(fd)
        had = self._by_fd.get(fd)
        if had is not None and had.inode == inode:
            return had
        if had is not None:
            self._remove(had)
        if inode is None:
            return None
        found = AcceptedConnection(fd, inode, endpoint, address_of(fd, inode), time.monotonic_ns())
        self._by_fd[fd] = self._silent[fd] = found
        return found

    def _remove(self, connection: AcceptedConnection) -> None:
        connection.ended = True
        del self._by_fd[connection.fd]
        self._silent.pop(connection.fd, None)
        self._count(connection.user, -1)

    def _count(self, user: str | None, change: int) -> None:
        if user is not None:
            self.by_user[user] += change
            if self.by_user[user] <= 0:
                del self.by_user[user]


@contextmanager
def _held(fd: int, inode: int) -> Iterator[socket.socket | None]:
    """The socket of a descriptor, if it still is the one of this inode."""
    try:
        duplicate = os.dup(fd)
    except OSError:
        yield None
        return
    if inode_of(duplicate) != inode:
        os.close(duplicate)
        yield None
        return
    with socket.socket(fileno=duplicate) as held:
        yield held


def inode_of(fd: int) -> int | None:
    """None for a descriptor that is not a socket, or not open."""
    try:
        found = os.fstat(fd)
    except OSError:
        return None
    return found.st_ino if stat.S_ISSOCK(found.st_mode) else None


def address_of(fd: int, inode: int) -> str:
    """The peer's IP address; empty if it has gone."""
    with _held(fd, inode) as held, suppress(OSError):
        name = held.getpeername() if held is not None else None
        return str(name[0]) if isinstance(name, tuple) else ""
    return ""

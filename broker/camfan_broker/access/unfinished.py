"""Messages that have begun and not ended: libzmq keeps their parts without any limit.

Its high-water marks count messages and its ZMQ_MAXMSGSIZE bounds one part, so a message whose last
part never comes grows until the machine has no memory left, and the broker never sees it. The
kernel does: it counts the bytes that a connection has received (`tcp_info`, Linux). What came since
the last message of a connection that the loop has taken is what libzmq holds of it.

What is measured here includes whole messages that wait for the loop. They are bounded by the
high-water mark; a loop that takes nothing for a while makes a fast connection look unfinished.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import termios
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from camfan_broker.access.connections import AcceptedConnection

# struct tcp_info of linux/tcp.h: tcpi_bytes_received, a 64-bit number, stands behind 8 bytes,
# 24 numbers of 32 bits and 3 of 64 (since Linux 4.1).
_RECEIVED_AT = 8 + 24 * 4 + 3 * 8
_RECEIVED = struct.Struct("=Q")
_TCP_INFO_BYTES = _RECEIVED_AT + _RECEIVED.size
_QUEUED = struct.Struct("=i")


@dataclass(frozen=True, slots=True)
class Excess:
    """Connections of one user that hold more of unfinished messages than is allowed."""

    user: str | None  # None: it is not known
    bytes: int
    connections: tuple[AcceptedConnection, ...]


def find_excess(
    connections: Iterable[AcceptedConnection], per_message: Mapping[str, int], in_all: int
) -> list[Excess]:
    """Measure every connection, and return what has to end.

    `per_message`: the largest message of each endpoint, in bytes. A user may have two of the
    largest unfinished at once (a live frame and a late one), all users together `in_all`; beyond
    that the largest goes. A connection that has not finished any message yet has no known user,
    and is measured alone.
    """
    shares: dict[str, list[tuple[int, AcceptedConnection]]] = {}
    for connection in connections:
        held = measure(connection)
        if held:
            shares.setdefault(connection.owner or connection.address, []).append((held, connection))
    largest = max(per_message.values())
    total = sum(held for share in shares.values() for held, _ in share)
    excess: list[Excess] = []
    for share in sorted(shares.values(), key=_sum, reverse=True):
        held = _sum(share)
        alone = any(one > per_message[connection.endpoint] for one, connection in share)
        if alone or held > 2 * largest or total > in_all:
            total -= held
            ended = tuple(connection for _, connection in share)
            excess.append(Excess(ended[0].owner, held, ended))
    return excess


def measure(connection: AcceptedConnection) -> int:
    """Bytes that libzmq has read from a connection since its last message that was taken."""
    received = _received(connection.fd)
    if connection.taken != connection.measured_at:
        connection.measured_at, connection.measured = connection.taken, received
    return max(received - connection.measured, 0)


def _received(fd: int) -> int:
    """Bytes received, without those that still wait in the kernel; 0 where it is not known."""
    with suppress(OSError, struct.error):
        # Without a look at whether it still is the same socket: only a number is read.
        borrowed = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=fd)
        try:
            info = borrowed.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
            waiting = fcntl.ioctl(fd, termios.FIONREAD, bytes(_QUEUED.size))
        finally:
            borrowed.detach()
        received: int = _RECEIVED.unpack_from(info, _RECEIVED_AT)[0]
        queued: int = _QUEUED.unpack(waiting)[0]
        return received - queued
    return 0


def _sum(share: list[tuple[int, AcceptedConnection]]) -> int:
    return sum(held for held, _ in share)

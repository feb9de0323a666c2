"""Ports for processes that must be told theirs before they start.

Below the range that the kernel hands out by itself: a reconnecting socket must not be given the
port that it dials (it would then talk to itself).
"""

from __future__ import annotations

import random
import socket

FIRST, LAST = 15_000, 32_000


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 that nobody listens on right now."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(FIRST, LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found

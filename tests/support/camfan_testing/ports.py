"""Ports for processes that need theirs before they start.

Below the range that the kernel hands out by itself: a reconnecting socket must not be given the
port that it dials (it would then talk to itself).
"""

from __future__ import annotations

import random
import socket

FIRST, LAST = 15_000, 32_000

_given: set[int] = set()  # in this process: a site file must not name one twice


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that are free at this moment, and never the same again."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(FIRST, LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            found.append(port)
    return found

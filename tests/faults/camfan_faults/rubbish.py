"""Connections that say nothing, half a greeting, or garbage, on every port, during traffic."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from camfan_faults.ledger import Account, prove_every
from camfan_faults.rig import rig

SECTIONS = """cameras:
  one: {source: custom}
recorders:
  archive: {path: archive, cameras: "*"}"""
GREETING = b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00NULL" + bytes(48)  # ZMTP 3.0
READY = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB"


def throw_rubbish(folder: Path, connections: int, seed: int) -> Mapping[str, Account]:
    """This many connections on each port, all open at once. Raises DoesNotAddUpError."""
    numbers = random.Random(seed)
    with rig(folder, SECTIONS) as site, ExitStack() as stack:
        site.broker()
        site.reader("follower")
        site.camera("one")
        site.wait_captured("one", 10)
        for number in range(connections):
            for port in site.ports.values():
                half_open = stack.enter_context(
                    socket.create_connection(("127.0.0.1", port), timeout=5)
                )
                try:
                    half_open.sendall(_words(number, numbers))
                except OSError:
                    continue  # it was shown out already
        site.wait_captured("one", 30)
        site.rest("one")
        site.wait_received("follower", "one")
        stack.close()
        site.prove_books("follower", "one")
        site.stop("follower", "one", "broker")
        return {"follower/one": prove_every(site.runs("one"), site.received("follower", "one"))}


def _words(number: int, numbers: random.Random) -> bytes:
    return (
        b"",  # half open
        GREETING[: numbers.randrange(1, len(GREETING))],
        GREETING + numbers.randbytes(200),
        GREETING + READY[: numbers.randrange(len(READY))],
        numbers.randbytes(numbers.randrange(1, 2000)),
        b"\x02" + b"\xff" * 8 + numbers.randbytes(100),  # a length beyond all limits
        b"GET / HTTP/1.1\r\n",
    )[number % 7]

"""What a peer with a valid key may try against a broker: one function for each attack.

Each runs until `stop` is set or its connection has been ended, and returns what it managed to send.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import zmq

from camfan_config import Site
from camfan_testing.curve_wire import CurveWire
from camfan_testing.security import keys_of, raw_socket
from camfan_wire.keys import ClientKeys


@dataclass(frozen=True)
class Target:
    """A site, the name of the key that attacks it, and the signal to stop."""

    site: Site
    key: str
    stop: threading.Event

    def endpoint(self, name: str) -> str:
        ports = self.site.broker.ports
        return f"tcp://127.0.0.1:{getattr(ports, name)}"


Attack = Callable[[Target], int]


def never_ending_frame(target: Target) -> int:
    """A message to the ingest port whose last part never comes."""
    return _endless(target, "PUB", "ingest", bytes(60_000))


def never_ending_request(target: Target) -> int:
    """A message to the delivery port whose last part never comes."""
    return _endless(target, "DEALER", "delivery", bytes(60_000))


def never_ending_subscription(target: Target) -> int:
    """A message to the fan-out port whose last part never comes."""
    return _endless(target, "SUB", "fanout", bytes(200))


def many_parts(target: Target) -> int:
    """A message of 300,000 empty parts to the delivery port."""
    with raw_socket(zmq.DEALER, target.endpoint("delivery"), _keys(target)) as socket:
        for _ in range(300_000):
            socket.send(b"", zmq.SNDMORE)
        socket.send(b"")
        target.stop.wait()
    return 300_001


ATTACKS: Mapping[str, Attack] = {
    "never-ending-frame": never_ending_frame,
    "never-ending-request": never_ending_request,
    "never-ending-subscription": never_ending_subscription,
    "many-parts": many_parts,
}


def _keys(target: Target) -> ClientKeys:
    return keys_of(target.site, target.key)


def _endless(target: Target, kind: str, port: str, part: bytes) -> int:
    """Bytes that were taken from us before the broker ended the connection."""
    sent = 0
    number = getattr(target.site.broker.ports, port)
    with CurveWire(number, _keys(target), kind) as wire, suppress(OSError):
        # libzmq itself sends nothing of a message before its last part is there.
        while not target.stop.is_set():
            wire.begin(part)
            sent += len(part)
    return sent

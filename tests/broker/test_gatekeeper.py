"""The gatekeeper's thread: what it does at each event, and how it ends."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest
import zmq

from camfan_broker.access.gatekeeper import LOOK_S, Gatekeeper
from camfan_broker.access.refusals import Refusals
from camfan_config import Limits
from camfan_testing.live import wait_until


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    with zmq.Context() as made:
        yield made


class Knocked(Gatekeeper):
    """A client connects at the worst moment: just before the monitor is switched off."""

    port = 0

    def unwatch(self) -> None:
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", self.port), 5) as guest:
                guest.sendall(b"\xff\0\0\0\0\0\0\0\1\x7f")  # half of a greeting
        super().unwatch()


def test_it_closes_while_peers_come_and_go(context: zmq.Context[zmq.Socket[bytes]]) -> None:
    """libzmq's own thread tells of connections, and must never wait for a listener that is gone:
    everybody's frames, and the end of the process, would wait with it."""
    gatekeeper = Knocked(context, None, Limits(), Refusals(), 64_000_000)
    with context.socket(zmq.ROUTER) as router:
        router.linger = 0
        gatekeeper.watch(router, "delivery")
        gatekeeper.port = router.bind_to_random_port("tcp://127.0.0.1")
        gatekeeper.start()
        closing = threading.Thread(target=gatekeeper.close, daemon=True)

        closing.start()

        closing.join(10)
        assert not closing.is_alive()


def has_accepted(gatekeeper: Gatekeeper, connections: int) -> bool:
    return len(gatekeeper.connections) == connections


class CountingGatekeeper(Gatekeeper):
    looks = 0

    def _end_unfinished(self) -> None:
        self.looks += 1
        super()._end_unfinished()


def test_it_measures_connections_at_its_own_rate(
    context: zmq.Context[zmq.Socket[bytes]],
) -> None:
    """Each look costs a system call for each connection, so a client that comes and goes must not
    cause more of them."""
    gatekeeper = CountingGatekeeper(context, None, Limits(), Refusals(), 64_000_000)
    with context.socket(zmq.ROUTER) as router, ExitStack() as guests:
        router.linger = 0
        gatekeeper.watch(router, "delivery")
        port = router.bind_to_random_port("tcp://127.0.0.1")
        began_s = time.monotonic()
        gatekeeper.start()
        guests.callback(gatekeeper.close)

        for number in range(1, 201):
            guests.enter_context(socket.create_connection(("127.0.0.1", port), 5))
            wait_until(partial(has_accepted, gatekeeper, number))

        assert gatekeeper.looks <= (time.monotonic() - began_s) / LOOK_S

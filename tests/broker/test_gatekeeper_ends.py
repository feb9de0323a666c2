"""The broker's door closes whatever knocks at it meanwhile."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import zmq

from camfan_broker.access.gatekeeper import Gatekeeper
from camfan_broker.access.refusals import Refusals
from camfan_config import Limits


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    with zmq.Context() as made:
        yield made


class Knocked(Gatekeeper):
    """Somebody calls at the worst moment: just before libzmq is told that nobody listens."""

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

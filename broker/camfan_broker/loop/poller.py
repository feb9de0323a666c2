"""How the loop waits for its sockets: with one system call, and few questions after it.

The descriptor of a ZeroMQ socket signals once when something has changed. What it is, only the
socket knows, and each question is two system calls. So a socket is asked when its descriptor has
signalled, and when it was used since: a send takes the signal away.
"""

from __future__ import annotations

import select
from typing import Protocol

SLICE_NS = 4_000_000  # an endpoint that receives this long lets the other ones receive


class Receiver(Protocol):
    """Takes what has come."""

    def receive(self) -> None: ...


class Endpoint(Receiver, Protocol):
    """Sends and receives through one ZeroMQ socket.

    `receive` asks the socket first, and leaves the endpoint touched if there may be more.
    """

    touched: bool  # used since it was last asked, so that there may be input without a signal


class Poller:
    """Belongs to the loop's thread."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._endpoints: list[Endpoint] = []
        self._endpoint_of: dict[int, Endpoint] = {}  # by descriptor
        self._receiver_of: dict[int, Receiver] = {}

    def add_socket(self, descriptor: int, endpoint: Endpoint) -> None:
        """`descriptor` is that of a ZeroMQ socket."""
        self._poll.register(descriptor, select.POLLIN)
        self._endpoint_of[descriptor] = endpoint
        self._endpoints.append(endpoint)
        endpoint.touched = True

    def add_descriptor(self, descriptor: int, receiver: Receiver) -> None:
        """`descriptor` is one of the system, which signals until there is nothing more."""
        self._poll.register(descriptor, select.POLLIN)
        self._receiver_of[descriptor] = receiver

    def run_once(self, wait_ms: int) -> None:
        """Wait until something may have come, and have it received."""
        for endpoint in self._endpoints:
            if endpoint.touched:
                wait_ms = 0
        for descriptor, _ in self._poll.poll(wait_ms):
            signalled = self._endpoint_of.get(descriptor)
            if signalled is not None:
                signalled.touched = True
            else:
                self._receiver_of[descriptor].receive()
        for endpoint in self._endpoints:
            if endpoint.touched:
                endpoint.receive()

    def ask_all(self) -> None:
        """Ask every socket in the next round, so that a missed signal delays nothing for long."""
        for endpoint in self._endpoints:
            endpoint.touched = True

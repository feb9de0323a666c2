"""How the loop waits for its sockets: with one system call, and few questions after it.

A ZeroMQ socket speaks through a descriptor, once, when something has changed; what it is, only the
socket can say, and each question is two system calls. So it is asked when its descriptor has
spoken, and when it was used since: a send takes the word of the descriptor with it.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Protocol


class Endpoint(Protocol):
    """What somebody sends or receives through one socket."""

    touched: bool  # used since it was last asked, so that it may have something unsaid


class Poller:
    """Belongs to the loop's thread."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._doors: list[tuple[Endpoint, Callable[[], object]]] = []
        self._of_descriptor: dict[int, Endpoint | Callable[[], object]] = {}

    def add_socket(self, descriptor: int, door: Endpoint, receive: Callable[[], object]) -> None:
        """`receive` asks the socket first, and leaves the door touched if there may be more."""
        self._poll.register(descriptor, select.POLLIN)
        self._of_descriptor[descriptor] = door
        self._doors.append((door, receive))
        door.touched = True

    def add_descriptor(self, descriptor: int, receive: Callable[[], object]) -> None:
        """One that the system answers for: it speaks until there is nothing more."""
        self._poll.register(descriptor, select.POLLIN)
        self._of_descriptor[descriptor] = receive

    def turn(self, wait_ms: int) -> None:
        """Wait until something may have come, and have it received."""
        for door, _ in self._doors:
            if door.touched:
                wait_ms = 0
        for descriptor, _ in self._poll.poll(wait_ms):
            spoken = self._of_descriptor[descriptor]
            if callable(spoken):
                spoken()
            else:
                spoken.touched = True
        for door, receive in self._doors:
            if door.touched:
                receive()

    def ask_all(self) -> None:
        """Whatever they have said: so that no mistake here holds a message up for long."""
        for door, _ in self._doors:
            door.touched = True

"""Drop the remaining parts of a rejected message, a few at a time.

A message of a million empty parts would otherwise block the loop for seconds.
"""

from __future__ import annotations

import zmq

from camfan_wire.sockets import NOT_COPIED, receive

PARTS = 256  # dropped before the other sockets are served: about half a millisecond


class Drain:
    """Belongs to the thread of its socket."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self.active = False  # in the middle of a message

    def start(self, part: zmq.Frame) -> None:
        """Drop what follows this part; what remains after PARTS needs `run`."""
        self.active = part.more
        self.run()

    def run(self) -> bool:
        """Drop some parts; False if there are more."""
        for _ in range(PARTS):
            if not self.active:
                return True
            self.active = receive(self._socket, 0, NOT_COPIED).more
        return not self.active

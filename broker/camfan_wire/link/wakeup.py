"""Wakes the thread of a link from any other thread."""

from __future__ import annotations

import socket
from contextlib import suppress


class Wakeup:
    """A descriptor that can be read from `wake` to `drain`."""

    def __init__(self) -> None:
        self._inner, self._outer = socket.socketpair()
        self._inner.setblocking(False)
        self._outer.setblocking(False)
        self.pending = False

    @property
    def descriptor(self) -> int:
        return self._inner.fileno()

    def wake(self) -> None:
        """Any thread; without effect after `close`."""
        with suppress(OSError):  # full: it is awake already; or closed
            self._outer.send(b"\0")
        self.pending = True

    def drain(self) -> None:
        self.pending = False
        try:
            while self._inner.recv(4096):
                pass
        except BlockingIOError:
            return

    def close(self) -> None:
        self._inner.close()
        self._outer.close()

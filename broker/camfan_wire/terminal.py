"""The terminal that a process was started in, and whether it is still there."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_OUTPUT = (1, 2)  # file descriptors


class Terminal:
    """Create it at the start: later a closed terminal cannot be distinguished from none."""

    def __init__(self) -> None:
        self._descriptors = [number for number in (0, *_OUTPUT) if os.isatty(number)]

    def gone(self) -> bool:
        """Whether there was a terminal and it was closed. SIGHUP then means: end."""
        return any(not os.isatty(number) for number in self._descriptors)


def forget_output() -> None:
    """Discard further output: its reader or terminal is gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in _OUTPUT:
        os.dup2(nowhere, number)
    os.close(nowhere)


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """While libraries are being loaded, Ctrl-C ends the process immediately.

    Python would ignore an exception in a callback of the import machinery, and nothing has been
    started yet that would have to be stopped.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

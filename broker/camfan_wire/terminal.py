"""The terminal that a process was started in, and whether it is still there."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_OUTPUT = (1, 2)  # file descriptors


class Terminal:
    """To be made at the start: later nobody can tell a terminal that is gone from none at all."""

    def __init__(self) -> None:
        self._descriptors = [number for number in (0, *_OUTPUT) if os.isatty(number)]

    def gone(self) -> bool:
        """Whether there was one and its window was closed. SIGHUP then means: end."""
        return any(not os.isatty(number) for number in self._descriptors)


def forget_output() -> None:
    """Whatever is still written goes nowhere: the reader, or the terminal, is gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in _OUTPUT:
        os.dup2(nowhere, number)
    os.close(nowhere)


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """While libraries are being loaded, Ctrl-C ends the process then and there.

    An exception would be lost where Python ignores it, in a callback of the import machinery; and
    nothing has been started that would have to be ended.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

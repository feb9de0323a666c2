"""The keys that are pressed in the terminal of a command, one at a time and without Enter."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any

_NAMES = {
    "[A": "up", "[B": "down", "OA": "up", "OB": "down", "[5~": "page-up", "[6~": "page-down",
    "[H": "home", "[F": "end", "OH": "home", "OF": "end", "[1~": "home", "[4~": "end",
}  # fmt: skip
_READ_BYTES = 1024
_SLICE_S = 0.1  # how soon a stop is noticed


class Keyboard:
    """Entered and left by one thread; without a terminal to read from no key is ever pressed."""

    def __init__(self) -> None:
        self._before: Any = None  # how the terminal was set
        self._file = -1

    def __enter__(self) -> Keyboard:
        if sys.stdin is None or not sys.stdin.isatty():
            return self
        import termios  # not every system has it
        import tty

        self._file = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._file)
        tty.setcbreak(self._file)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is None:
            return
        import termios

        termios.tcsetattr(self._file, termios.TCSADRAIN, self._before)

    def pressed(self, seconds: float, stop: threading.Event) -> Iterator[str]:
        """Those pressed by the end of this time at the latest; ends early with the first."""
        if self._before is None:
            stop.wait(seconds)
            return
        left_s = seconds
        while left_s > 0 and not stop.is_set():
            if select.select([self._file], [], [], min(_SLICE_S, left_s))[0]:
                yield from _split(os.read(self._file, _READ_BYTES).decode("ascii", "ignore"))
                return
            left_s -= _SLICE_S


def _split(text: str) -> Iterator[str]:
    while text:
        sequence = next((s for s in _NAMES if text.startswith(f"\x1b{s}")), None)
        if sequence is None:
            yield text[0]
            text = text[1:]
        else:
            yield _NAMES[sequence]
            text = text[1 + len(sequence) :]

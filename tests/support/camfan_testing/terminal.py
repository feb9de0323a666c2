"""A program on a terminal of its own, as if a window had been opened for it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence

from camfan_testing.live import wait_until

# Becomes the program, once the terminal is the one that its signals come from.
_CONTROLLED = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    " os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """Killed when the test leaves the `with`."""

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        size: tuple[int, int] | None = None,  # columns, lines
    ) -> None:
        self._ours, theirs = os.openpty()
        if size is not None:
            termios.tcsetwinsize(theirs, (size[1], size[0]))
        os.set_blocking(self._ours, False)
        self._seen = b""
        self._open = True
        self.popen = subprocess.Popen(
            [sys.executable, "-c", _CONTROLLED, *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color", **(env or {})},
            start_new_session=True,
        )
        os.close(theirs)

    def shown(self) -> str:
        """All that was written so far."""
        with contextlib.suppress(OSError):  # nothing more for now, or the other end is closed
            while more := os.read(self._ours, 65536):
                self._seen += more
        return self._seen.decode(errors="replace")

    def press(self, keys: bytes) -> None:
        """As if they were typed."""
        os.write(self._ours, keys)

    def interrupt(self) -> int:
        """Ctrl-C, as the terminal does it; the exit code."""
        os.write(self._ours, b"\x03")
        wait_until(lambda: bool(self.shown()) and self.popen.poll() is not None)
        return self.popen.wait()

    def close(self) -> None:
        """The window is closed."""
        if self._open:
            self._open = False
            os.close(self._ours)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        self.close()

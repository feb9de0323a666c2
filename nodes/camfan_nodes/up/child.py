"""One running process: it cannot outlive this one, and its output is read line by line."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from camfan_config.text.printable import printable

DIE_WITH_PARENT = Path(__file__).with_name("die_with_parent.py")
MAX_LINE_BYTES = 8192
_READ_BYTES = 65_536


class Child:
    """Belongs to the main thread: the kernel ties a child to the thread that started it."""

    def __init__(self, command: tuple[str, ...], started_s: float) -> None:
        self.started_s = started_s
        self.silent = False  # it has closed its output
        self._rest = b""
        self._process = subprocess.Popen(
            [sys.executable, "-ES", str(DIE_WITH_PARENT), str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            process_group=0,  # Ctrl-C reaches `camfan up` only
        )
        assert self._process.stdout is not None
        self.output = self._process.stdout.fileno()
        os.set_blocking(self.output, False)
        self.exited = os.pidfd_open(self._process.pid)  # readable once it has ended

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """The process and what it started itself."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def lines(self) -> list[str]:
        """The lines it has written since the last call."""
        self._read()
        *whole, self._rest = self._rest.split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            whole.append(self._rest)
            self._rest = b""
        return [_text(line) for line in whole]

    def _read(self) -> bool:
        try:
            more = os.read(self.output, _READ_BYTES)
        except BlockingIOError:
            return False
        self._rest += more
        self.silent = not more
        return bool(more)

    def end(self) -> tuple[int, list[str]]:
        """Its exit code and last lines, once `exited` is readable; ends what it has started."""
        self.kill()  # what it started; its own number is not free before the next line
        code = self._process.wait()
        while self._read():
            pass
        last = [_text(line) for line in self._rest.splitlines()]
        assert self._process.stdout is not None
        self._process.stdout.close()
        os.close(self.exited)
        return code, last


def _text(line: bytes) -> str:
    """The line, with only printable characters."""
    return printable(line.decode(errors="replace").rstrip().expandtabs())


def ending(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"

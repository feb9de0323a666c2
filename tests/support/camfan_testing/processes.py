"""Real processes of camfan, started for a test and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

STOP_S = 10.0


class Process:
    """A child whose lines can be waited for; killed when the test leaves the `with`."""

    def __init__(
        self, command: Sequence[str], *, env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self.popen = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, text: str, timeout: float = 20.0) -> str:
        """The first line with this text, once it has been written."""
        with self._changed:
            found = self._changed.wait_for(
                lambda: self._find(text) is not None or self._ended, timeout
            )
            line = self._find(text)
        assert line is not None, f"no line with {text!r} (in time: {found}) in:\n{self.output}"
        return line

    def _find(self, text: str) -> str | None:
        return next((line for line in self.lines if text in line), None)

    def send(self, number: int) -> None:
        self.popen.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.popen.send_signal(number)
        return self.wait()

    def wait(self, timeout: float = STOP_S) -> int:
        code = self.popen.wait(timeout)
        self._reader.join(timeout)
        return code

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.popen.poll() is None:
            os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait(STOP_S)
        self._reader.join(STOP_S)
        if self.popen.stdout is not None:
            self.popen.stdout.close()


def camfan(*arguments: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> Process:
    """`camfan …` as a process."""
    return Process([sys.executable, "-m", "camfan_nodes", *arguments], env=env, cwd=cwd)


def broker_process(config: Path, *arguments: str, env: dict[str, str] | None = None) -> Process:
    """`broker --config …` as a process; not yet listening."""
    command = [sys.executable, "-m", "camfan_broker", "--config", str(config), *arguments]
    return Process(command, env=env)


@contextmanager
def running_broker(config: Path, *arguments: str) -> Iterator[Process]:
    """A broker process that listens."""
    with broker_process(config, *arguments) as process:
        process.wait_for("ingest tcp://")
        yield process

"""Commands of camfan that are killed, or meet a full disk, at a call of their choice.

One interpreter that has camfan loaded forks a process for each command: `Runner` starts it and
speaks to it, in lines of JSON. A process counts the calls with which it changes the disk.
"""

from __future__ import annotations

import builtins
import errno
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

CHANGES = (
    (os, "fchmod chmod chown fsync ftruncate link mkdir rename replace rmdir unlink write"),
    (fcntl, "flock"),
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. `killed`: at the call that was chosen; else there were not as many."""

    code: int
    killed: bool
    output: str


class Runner:
    """Runs commands, one at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, folder: Path, *arguments: str, at: int = 0, how: str = "kill") -> Ended:
        """`camfan …` in a folder; at its call number `at` it is killed, or the disk is full."""
        self.start(folder, *arguments, at=at, how=how)
        return self.wait()

    def start(self, folder: Path, *arguments: str, at: int = 0, how: str = "kill") -> None:
        assert self._process.stdin is not None
        output_of(folder).unlink(missing_ok=True)
        asked = {"folder": str(folder), "arguments": arguments, "at": at, "how": how}
        self._process.stdin.write(f"{json.dumps(asked)}\n")
        self._process.stdin.flush()

    def has_ended(self) -> bool:
        """Whether what was started has."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def wait(self) -> Ended:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return Ended(**answer)

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def output_of(folder: Path) -> Path:
    """Where a command that runs in a folder writes."""
    return folder.with_name(f"{folder.name}.output")


def _serve() -> None:
    from camfan_config import load_site
    from camfan_nodes.cli import main

    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site.yaml"
        site.write_text("version: 1\nsite: home\ncameras: {one: {source: custom}}\n")
        load_site(site)
    for line in sys.stdin:
        asked = json.loads(line)
        output = output_of(Path(asked["folder"]))

        def work(asked: dict[str, Any] = asked) -> int:
            os.chdir(asked["folder"])
            _count(asked["at"], asked["how"])
            return main(asked["arguments"])

        code = _end_of(work, str(output))
        ended = Ended(code, code == -signal.SIGKILL, output.read_text(errors="replace"))
        answer = {"code": ended.code, "killed": ended.killed, "output": ended.output}
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


def _end_of(work: Callable[[], int], output: str) -> int:
    """The exit code of a forked process that does it; minus the signal that ended it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    code = 1
    try:
        code = work()
        sys.stdout.flush()
    except SystemExit as exc:
        code = int(exc.code or 0)
    finally:
        os._exit(code)


def _count(at: int, how: str) -> None:
    """From now on, end at the call `at`, before it does anything."""
    left = [at]

    def counted(call: Callable[..., Any], *given: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return call(*given, **named)

    def count(module: ModuleType, name: str) -> None:
        call = getattr(module, name)
        setattr(module, name, lambda *given, **named: counted(call, *given, **named))

    for module, names in CHANGES:
        for name in names.split():
            count(module, name)
    _count_writing_opens(counted)


def _count_writing_opens(counted: Callable[..., Any]) -> None:
    def count(module: Any, name: str, writes: Callable[[Any], bool], usual: Any) -> None:
        call = getattr(module, name)

        def opened(path: Any, how: Any = usual, *given: Any, **named: Any) -> Any:
            if writes(how):
                return counted(call, path, how, *given, **named)
            return call(path, how, *given, **named)

        setattr(module, name, opened)

    count(os, "open", lambda flags: bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)), 0)
    for module, name in ((os, "fdopen"), (builtins, "open")):  # reading does not need space
        count(module, name, lambda mode: bool(set(mode) & set("wax+")), "r")


if __name__ == "__main__":
    _serve()

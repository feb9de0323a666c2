"""Which invitations are open on this machine: each locks a file in the folder of keys.

The lock ends with the process, so a file that a crash has left behind is ignored.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from camfan import CamfanError, KeyFileError

_PREFIX = ".invite-"


class InvitationRunningError(CamfanError):
    """Another `camfan keys invite` waits for this name, or on this port."""


@dataclass(frozen=True, slots=True)
class RunningInvitation:
    """What an invitation writes into its file."""

    name: str
    port: int
    process: int
    since: float  # seconds since 1970
    until: float

    def __str__(self) -> str:
        moments = (self.since, self.until)
        since, until = (time.strftime("%H:%M:%S", time.localtime(moment)) for moment in moments)
        return (
            f"an invitation for {self.name} is already open on this machine: process "
            f"{self.process}, port {self.port}, since {since}, until {until}"
        )


def check_free(folder: Path, name: str, port: int) -> None:
    """Raises InvitationRunningError."""
    for running in running_invitations(folder):
        if running.name == name:
            raise InvitationRunningError(f"{running}; stop it there with Ctrl-C to get a new code")
        if running.port == port:
            raise InvitationRunningError(
                f"{running}; wait for its end, or use another port: --port 0"
            )


def running_invitations(folder: Path) -> Iterator[RunningInvitation]:
    """Those whose process is alive."""
    for path in sorted(folder.glob(f"{_PREFIX}*")):
        try:
            with path.open() as file:
                if _lock(file.fileno()):
                    continue
                found: dict[str, Any] = json.load(file)
            yield RunningInvitation(**found)
        except (OSError, ValueError, TypeError):
            continue  # it has just ended, or just begun


@contextmanager
def announced(folder: Path, name: str, port: int, seconds: float) -> Iterator[None]:
    """Other invitations can see this one meanwhile."""
    path = folder / f"{_PREFIX}{name}"
    now = time.time()
    running = RunningInvitation(name, port, os.getpid(), now, now + seconds)
    text = json.dumps({field: getattr(running, field) for field in running.__slots__})
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise KeyFileError(f"{path}: {exc.strerror}") from exc
    try:
        if not _lock(descriptor):
            raise InvitationRunningError(f"an invitation for {name} has just begun")
        try:
            _write(path, descriptor, text)
            yield
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _write(path: Path, descriptor: int, text: str) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, text.encode())
    except OSError as exc:
        raise KeyFileError(f"{path} cannot be written: {exc.strerror}") from exc


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

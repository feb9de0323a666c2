"""One `camfan up` for each site file and host: the second one gets the process id of the first.

The lock is a bound address in the kernel, not a file: it ends with its process, also with one that
is killed.
"""

from __future__ import annotations

import hashlib
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from camfan_config import CamfanError


class AlreadyRunsError(CamfanError):
    """The same share of the same site runs on this machine."""


@contextmanager
def only_one(site_file: Path, host: str) -> Iterator[None]:
    """Meanwhile no other process of this machine runs this share. Raises AlreadyRunsError."""
    share = f"{site_file.resolve()}\0{host}".encode()
    address = b"\0camfan-up-" + hashlib.sha256(share).hexdigest()[:32].encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as lock:
        try:
            lock.bind(address)
        except OSError as exc:
            raise AlreadyRunsError(
                f"{site_file} is already running on this machine{_owner(address)}; stop it first"
            ) from exc
        lock.listen()  # so that the kernel names the owner
        yield


def _owner(address: bytes) -> str:
    """Which process has it and since when, in words; empty if that is not known."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as question:
        try:
            question.connect(address)
            found = question.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            pid = struct.unpack("3i", found)[0]
            since = _started(pid)
        except OSError:  # it has just ended
            return ""
    return f" (process {pid}, since {since:%Y-%m-%d %H:%M:%S})"


def _started(pid: int) -> datetime:
    """When a process was started, in local time. Raises OSError."""
    words = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    ticks = int(words[19])  # since the machine was started; see proc(5)
    uptime_s = float(Path("/proc/uptime").read_text("ascii").split()[0])
    age_s = uptime_s - ticks / os.sysconf("SC_CLK_TCK")
    return datetime.fromtimestamp(datetime.now().timestamp() - age_s).astimezone()

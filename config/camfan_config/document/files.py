"""Reads a file that a user has named, and never waits for a pipe that nothing is written to."""

from __future__ import annotations

import errno
import os
import select
import stat
from pathlib import Path

WAIT_S = 5.0  # for the next piece of a pipe
_CHUNK_BYTES = 65_536


def read_file(path: Path, limit: int) -> bytes:
    """At most `limit` bytes of a file, or of a pipe that another program writes to.

    Raises OSError, also for a pipe in which nothing comes for WAIT_S.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return _read_pipe(descriptor, limit)
        os.set_blocking(descriptor, True)
        return file.read(limit)


def _read_pipe(descriptor: int, limit: int) -> bytes:
    poll, data = select.poll(), b""
    poll.register(descriptor, select.POLLIN)
    while len(data) < limit:
        if not poll.poll(WAIT_S * 1000):
            raise TimeoutError(errno.ETIMEDOUT, "it is a pipe, and nothing is written to it")
        piece = os.read(descriptor, min(_CHUNK_BYTES, limit - len(data)))
        if not piece:
            break
        data += piece
    return data

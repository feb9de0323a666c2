"""Keeps the recordings of the demonstration small: nothing else deletes them yet."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

LIMIT_BYTES = 2_000_000_000
CHECK_S = 10.0
IN_USE_S = 60.0  # a file that changed within this time may still be written


def delete_oldest(folder: Path, limit_bytes: int, now_s: float | None = None) -> int:
    """Delete the oldest recordings beyond the limit, and return how many were deleted."""
    before_s = (time.time() if now_s is None else now_s) - IN_USE_S
    found = []
    for path in folder.rglob("*.mkv"):
        with contextlib.suppress(OSError):  # renamed meanwhile
            state = path.stat()
            found.append((state.st_mtime, state.st_size, path))
    total, deleted = sum(size for _, size, _ in found), 0
    for changed_s, size, path in sorted(found):
        if total <= limit_bytes or changed_s > before_s:
            break
        with contextlib.suppress(OSError):
            path.unlink()
            total, deleted = total - size, deleted + 1
    return deleted


@contextlib.contextmanager
def bounded(folder: Path, limit_bytes: int = LIMIT_BYTES) -> Iterator[None]:
    """The recordings in `folder` stay below the limit, but for a minute's worth."""
    stop = threading.Event()

    def run() -> None:
        delete_oldest(folder, limit_bytes)
        while not stop.wait(CHECK_S):
            delete_oldest(folder, limit_bytes)

    thread = threading.Thread(target=run, name="bounded", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()

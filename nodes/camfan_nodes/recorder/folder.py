"""The folder of a recorder: there, writable, and used by one recorder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from camfan.recording.errors import RecordingError
from camfan_config import Recorder

KEEP_INDEX = "keep the index in"  # what else a folder is for


class Folder:
    """Holds a folder for one recorder until closed. Raises RecordingError when made.

    Attributes:
        fd: the open folder, below which files are deleted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as exc:
            look_at_folder(path)
            raise RecordingError(f"cannot record into {path}: {exc.strerror}") from exc
        try:
            _check(path, self.fd)
        except RecordingError:
            self.close()
            raise

    def free_bytes(self) -> int | None:
        """What the disk has left for us; None when it does not say."""
        try:
            disk = os.fstatvfs(self.fd)
        except OSError:
            return None
        return disk.f_bavail * disk.f_frsize

    def close(self) -> None:
        os.close(self.fd)


def look_at_folder(path: Path, purpose: str = "record into") -> None:
    """Raises RecordingError where a recorder could not write; makes and locks nothing."""
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise RecordingError(f"cannot {purpose} {path}: {place} is not a folder")
    if os.access(place, os.W_OK | os.X_OK):
        return
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        raise RecordingError(f"cannot {purpose} {path}: its disk is mounted read-only")
    raise _not_writable(path, purpose)


def _not_writable(path: Path, purpose: str = "record into") -> RecordingError:
    return RecordingError(f"cannot {purpose} {path}: it is not writable for this user")


def index_folder(recorder: Recorder) -> Path:
    """Where a recorder keeps its index: one rule for its writer and its readers."""
    return Path(recorder.path if recorder.index is None else recorder.index)


def _check(path: Path, fd: int) -> None:
    if not os.access(path, os.W_OK | os.X_OK):
        raise _not_writable(path)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise RecordingError(
            f"cannot record into {path}: another recorder does so already"
        ) from exc
    except OSError as exc:
        raise RecordingError(
            f"cannot record into {path}: its file system takes no locks ({exc.strerror}); "
            "mount a network share with locks"
        ) from exc

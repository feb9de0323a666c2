"""Whether a recorder holds a folder, and holding it oneself to change it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from camfan import RecordingError
from camfan_nodes.recorder.folder import Folder


def is_recording(folder: Path) -> bool:
    """A recorder, or another command that changes it, holds the folder now."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks: no recorder records there
        return False
    finally:
        os.close(fd)
    return False


@contextmanager
def held_folder(folder: Path, purpose: str) -> Iterator[Folder]:
    """No recorder can begin meanwhile. Raises RecordingError where one runs."""
    if not folder.is_dir():
        raise RecordingError(f"{folder} is not a folder of recordings: it does not exist")
    if is_recording(folder):
        raise RecordingError(f"cannot {purpose} {folder} while its recorder runs; stop it first")
    with closing(Folder(folder)) as held:
        yield held

"""Deleting files of a recording, and nothing else.

A path is that of a row of the index, which may be wrong: only a regular file with the name of a
segment or a thumbnail, in a folder of a camera and a day, is deleted, and no symbolic link is
followed on the way to it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from camfan_config import is_name
from camfan_nodes.recorder.segment import DAY_NAME, FILE_NAME, THUMBNAIL_NAME

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_file(folder_fd: int, path: str) -> None:
    """Delete a file below the recorder's folder; one that is gone already is not an error.

    Raises OSError, also for a path that is not that of a segment or leads elsewhere.
    """
    camera, day, name = _split(path)
    try:
        with _opened(camera, folder_fd) as camera_fd, _opened(day, camera_fd) as day_fd:
            if not stat.S_ISREG(os.stat(name, dir_fd=day_fd, follow_symlinks=False).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            os.unlink(name, dir_fd=day_fd)
            with suppress(OSError):  # other files are in it
                os.rmdir(day, dir_fd=camera_fd)
    except FileNotFoundError:
        return
    except NotADirectoryError as exc:
        raise OSError(errno.ENOTDIR, "a link or a file stands for a folder", path) from exc


def _split(path: str) -> tuple[str, str, str]:
    parts = path.split("/")
    if len(parts) == 3:
        camera, day, name = parts
        known = FILE_NAME.fullmatch(name) or THUMBNAIL_NAME.fullmatch(name)
        if is_name(camera) and DAY_NAME.fullmatch(day) and known:
            return camera, day, name
    raise OSError(errno.EINVAL, "not the path of a segment", path)


@contextmanager
def _opened(name: str, above_fd: int) -> Iterator[int]:
    fd = os.open(name, _FOLDER, dir_fd=above_fd)
    try:
        yield fd
    finally:
        os.close(fd)

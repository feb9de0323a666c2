"""Files that a crash cannot damage, in folders that other users cannot change.

Trusting a key file means trusting every folder above it: a user that can write one of them can put
another file in its place.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path

NEW = ".new"  # ends the name of a file that is being written


def store(path: Path, text: str, mode: int) -> None:
    """Put a file in the place of `path`; after a crash there is the old one or the new one, whole.

    One process at a time. Raises OSError; the old file is then as it was.
    """
    new = write_beside(path, text, mode)
    put_in_place(new, path)


def write_beside(path: Path, text: str, mode: int) -> Path:
    """The text in a file beside `path`, on the disk; its name is hidden. Raises OSError."""
    new = path.with_name(f".{path.name}{NEW}")
    new.unlink(missing_ok=True)  # of a process that was killed
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(new, flags, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
    except BaseException:
        discard(new)
        raise
    return new


def put_in_place(new: Path, path: Path) -> None:
    """Switch to what `write_beside` has written. Raises OSError."""
    try:
        new.replace(path)
    except BaseException:
        discard(new)
        raise
    sync_folder(path.parent)


def discard(new: Path) -> None:
    with suppress(OSError):
        new.unlink()


def sync_folder(folder: Path) -> None:
    """The names in a folder are on the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, writable for its owner only, whatever the umask.

    Raises OSError.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o755)
        sync_folder(folder.parent)


def find_exposure(path: Path, *, above: bool = True) -> str | None:
    """What lets another user replace this file, or change this folder; None: nothing.

    A folder above it with the sticky bit, such as /tmp, is safe. Not `above`: those are known.
    """
    path = path.resolve()
    try:
        if path.stat().st_mode & stat.S_IWOTH:
            return f"other users can write '{path}'; chmod o-w '{path}'"
        for folder in path.parents if above else ():
            mode = folder.stat().st_mode
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
                return (
                    f"other users can write the folder '{folder}', and so replace '{path}'; "
                    f"chmod o-w '{folder}'"
                )
    except OSError:
        return None  # the code that uses the file reports it
    return None


def find_group_exposure(path: Path) -> str | None:
    """As `find_exposure`, for the group of the file or folder itself.

    The private group of a user, which has the user's name, is safe.
    """
    try:
        found = path.stat()
        group, owner = grp.getgrgid(found.st_gid).gr_name, pwd.getpwuid(found.st_uid).pw_name
    except OSError:
        return None
    except KeyError:
        group, owner = f"of number {found.st_gid}", ""
    if not found.st_mode & stat.S_IWGRP or group == owner:
        return None
    return f"the users of group '{group}' can write '{path}'; chmod g-w '{path}'"

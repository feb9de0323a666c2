"""Changes of the folder of keys, each one step that a crash cannot leave half done.

A pair is replaced in steps; after each of them the old pair works, or the new one:

1. NAME.secret holds the old pair and the next one; then NAME.pub does. The broker accepts both.
2. What trusts the key changes: the site file (for the broker's key), or a broker that runs.
3. NAME.secret holds the new pair only; then NAME.pub does. The old key is kept as revoked.

So the files show how far a killed command came.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from camfan import KeyFileError
from camfan_nodes.keys.folder import REVOKED
from camfan_nodes.shared.command import ConfigurationError
from camfan_wire.keys import (
    PUBLIC,
    SECRET,
    check_not_exposed,
    fingerprint,
    public_text,
    read_publics,
    store_key_file,
    store_pairs,
    store_publics,
)
from camfan_wire.keys import Pair as KeyPair
from camfan_wire.safe_files import NEW, make_folder, sync_folder

_NO_LOCKS = (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP)  # of some network file systems


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """One command at a time changes the folder; half-written files of a killed one are removed.

    The folder is made. Raises KeyFileError, also where other users can write.
    """
    try:
        make_folder(folder)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as exc:
        raise KeyFileError(f"the folder {folder} cannot be used: {exc.strerror}") from exc
    try:
        check_not_exposed(folder)
        _lock(folder, descriptor)
        for left in folder.glob(f".*{NEW}"):
            with suppress(OSError):
                left.unlink()
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as exc:
        if exc.errno not in _NO_LOCKS:
            raise KeyFileError(f"the folder {folder} cannot be locked: {exc.strerror}") from exc


def settle(folder: Path, name: str, public: bytes) -> list[bytes]:
    """NAME.pub holds this key only; the others that it held are revoked, and returned."""
    others = [key for key in read_publics(folder / (name + PUBLIC)) if key != public]
    for key in others:
        store_key_file(_record(folder, name, key), public_text(name, key), 0o644)
    if others:
        store_publics(folder, name, public)
    return others


def finish(folder: Path, name: str, pair: KeyPair) -> None:
    """The last step of a replacement: the old pair is retired."""
    store_pairs(folder, name, pair)
    settle(folder, name, pair.public)


def retire(folder: Path, name: str) -> None:
    """The public key of a name is invalid from now on; its file is kept under another name.

    Raises ConfigurationError and KeyFileError.
    """
    public = folder / (name + PUBLIC)
    if not public.exists():
        raise ConfigurationError(f"{name} has no key: {public} does not exist")
    try:
        public.rename(_record(folder, name, read_publics(public)[0]))
        sync_folder(folder)
    except OSError as exc:
        raise KeyFileError(f"{public} cannot be renamed: {exc.strerror}") from exc


def is_revoked(folder: Path, name: str, public: bytes) -> bool:
    return any(public in _publics(record) for record in folder.glob(f"{name}.*{REVOKED}"))


def remove_secret(folder: Path, name: str) -> None:
    """Raises KeyFileError."""
    secret = folder / (name + SECRET)
    try:
        secret.unlink(missing_ok=True)
        sync_folder(folder)
    except OSError as exc:
        raise KeyFileError(f"{secret} cannot be removed: {exc.strerror}") from exc


def _record(folder: Path, name: str, public: bytes) -> Path:
    return folder / f"{name}.{fingerprint(public)}{REVOKED}"


def _publics(path: Path) -> tuple[bytes, ...]:
    try:
        return read_publics(path)
    except KeyFileError:
        return ()

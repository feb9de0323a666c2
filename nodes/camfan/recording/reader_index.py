"""An index opened to be read: it is never written to, whatever the recorder does meanwhile."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from camfan.recording.errors import RecordingError
from camfan.recording.schema import FILE_NAME, connect_to_read
from camfan_config.report.mounts import network_share

log = logging.getLogger(__name__)


def open_to_read(folder: Path) -> sqlite3.Connection:
    """The index in a folder. Raises RecordingError.

    A recorder may write at the same time, in another process of this machine. On a network share
    SQLite has no memory in common with the recorder: there, an index is only read while no other
    machine has it open.
    """
    path = folder / FILE_NAME
    _check_file(path)
    share = network_share(folder)
    if share is not None:
        _check_share(path, share)
    try:
        return connect_to_read(path, immutable=share is not None)
    except RecordingError as exc:
        code = getattr(exc.__cause__, "sqlite_errorcode", 0) & 0xFF
        if code not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
        return _unwritable(path)


def _check_file(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise RecordingError(f"{path} is not a regular file; the index is a file of that name")
    try:
        with path.open("rb"):
            return
    except FileNotFoundError:
        pass
    except OSError as exc:
        raise RecordingError(f"{path} cannot be read: {exc.strerror}") from exc
    if not path.parent.is_dir():
        raise RecordingError(f"{path.parent} is not a folder of recordings: it does not exist")
    raise RecordingError(
        f"{path.parent} is not a folder of recordings: it has no {FILE_NAME}; if the recorder "
        "keeps its index in another folder, name that as well, or make it again from the files "
        "with `camfan recordings rebuild`"
    )


def _check_share(path: Path, share: str) -> None:
    log.warning(
        "%s is on a network share (%s): it can be read there only while the recorder is stopped",
        *(path, share),
    )
    if _has_log(path):
        raise RecordingError(
            f"{path} is on a network share ({share}) and a recorder has it open or has crashed: "
            "it cannot be read safely from here; read it on the recorder's machine, or set "
            "`index:` of the recorder to a folder on a local disk"
        )


def _has_log(path: Path) -> bool:
    log_file = path.with_name(path.name + "-wal")
    return log_file.exists() and log_file.stat().st_size > 0


def _unwritable(path: Path) -> sqlite3.Connection:
    """An index in a folder where SQLite may not put its shared memory, such as a read-only disk."""
    if _has_log(path):
        raise RecordingError(
            f"{path} was not closed by its recorder, and {path.parent} is not writable for this "
            "user: copy index.sqlite and index.sqlite-wal to another folder, and give that as "
            "the folder of the index"
        )
    return connect_to_read(path, immutable=True)

"""The file by which a recorder recognises its folder, so that it does not fill another disk.

When a disk is not mounted, its folder is still there, or can be made, on the disk below it. A
recorder leaves a file in its folder and remembers, elsewhere, that it did.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

from camfan.recording.errors import RecordingError

log = logging.getLogger(__name__)

SENTINEL = ".camfan-recorder"
_TEXT = "A recorder of camfan writes here. Without this file it does not.\n"


class DiskMissingError(OSError):
    """The folder is not the one that was opened: its disk is gone."""


class Sentinel:
    """Of one recorder and one folder. `state`: where it is remembered; None: nowhere."""

    def __init__(self, path: Path, recorder: str, state: Path | None) -> None:
        self.file = path / SENTINEL
        self._path = path
        self._memory = None if state is None else state / f"recorder-{recorder}"

    @property
    def is_there(self) -> bool:
        return self.file.exists()

    def look(self) -> None:
        """Raises RecordingError where the file was left and is not there now."""
        if not self.is_there and self._remembers():
            raise self.error()

    def error(self) -> RecordingError:
        """The sentence for a folder that is not the one it was."""
        make = "" if self._path.is_dir() else f"mkdir -p {self._path} && "
        return RecordingError(
            f"cannot record into {self._path}: the file {SENTINEL} that this recorder left there is"
            " gone, so its disk is probably not mounted; mount it, or to start in an empty"
            f" folder: {make}touch {self.file}"
        )

    def leave(self) -> None:
        """Leave the file, if it is not there, and remember it. Raises OSError."""
        if not self.is_there:
            self.file.write_text(_TEXT, encoding="utf-8")
        if self._memory is None or self._remembers():
            return
        try:
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            self._memory.write_text(f"{self._path.absolute()}\n", encoding="utf-8")
        except OSError as exc:
            log.debug("%s: a missing disk will not be noticed: %s", self._memory, exc.strerror)

    def check(self) -> None:
        """Raises DiskMissingError if the file is gone."""
        if not self.is_there:
            raise DiskMissingError(
                f"{SENTINEL} is gone from the folder, so its disk is probably not mounted"
            )

    def _remembers(self) -> bool:
        with suppress(OSError, UnicodeDecodeError):
            if self._memory is not None:
                remembered = self._memory.read_text(encoding="utf-8").strip()
                return remembered == str(self._path.absolute())
        return False


def state_folder(site: str) -> Path | None:
    """Where the recorders of a site keep what is to survive them; None where nothing can be."""
    given = os.environ.get("STATE_DIRECTORY")  # of systemd
    if given:
        return Path(given.split(":")[0])
    state = os.environ.get("XDG_STATE_HOME")
    try:
        return (Path(state) if state else Path.home() / ".local" / "state") / "camfan" / site
    except RuntimeError:  # a user without a home
        return None

"""Why the previous process of this camera ended, kept where a restart can read it.

systemd gives a service a folder in memory (RuntimeDirectory=) that survives restarts of the service
but not of the machine. A process writes there that it runs and, when it can, why it ends; a killed
process cannot.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_RUNNING = "it was killed, or it crashed"


class RestartReason:
    """Records why this process ends; `last_end`: why the previous one did, None if unknown."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        folder = environment.get("RUNTIME_DIRECTORY", "").split(":")[0]
        self._path = Path(folder) / "last-end" if folder else None
        self.last_end = self._read()
        self.end(_RUNNING)

    def _read(self) -> str | None:
        try:
            return self._path.read_text("utf-8", "replace") if self._path else None
        except OSError:
            return None

    def end(self, reason: str) -> None:
        """Record this reason for the next process."""
        if self._path is None:
            return
        try:
            self._path.write_text(reason, "utf-8")
        except OSError:
            self._path = None  # no such folder: the next process will not know

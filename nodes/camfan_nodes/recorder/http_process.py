"""The process that serves the recordings over HTTP: started, watched and ended by the recorder.

A process of its own, so that no request takes time from recording.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from pathlib import Path

log = logging.getLogger(__name__)

AGAIN_S = 5.0  # after it has ended; then twice as long each time, up to
MOST_S = 300.0
END_S = 5.0  # that it may take to end


class HttpProcess:
    """Runs until it is closed; started again when it ends by itself."""

    def __init__(self, recorder: str, config: Path, key: Path | None) -> None:
        key_option = () if key is None else ("--key", str(key))
        self._command = (
            *(sys.executable, "-m", "camfan_nodes.recordings_http"),
            *(recorder, "--config", str(config), *key_option),
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._due_s = 0.0  # when it is started again; monotonic
        self._again_s = AGAIN_S

    def tick(self) -> None:
        """Start it, if it does not run and that is due."""
        process = self._process
        if process is not None:
            if process.poll() is None:
                return
            text = "the server of `http` has ended (%s); it is started again in %.0f s"
            log.warning(text, process.poll(), self._again_s)
            self._process = None
            self._wait()
        if time.monotonic() < self._due_s:
            return
        try:
            self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE)
        except OSError as exc:
            self._wait()
            log.warning("the server of `http` cannot be started: %s", exc.strerror)

    def close(self) -> None:
        """End it, and wait for that."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _wait(self) -> None:
        self._due_s = time.monotonic() + self._again_s
        self._again_s = min(2 * self._again_s, MOST_S)

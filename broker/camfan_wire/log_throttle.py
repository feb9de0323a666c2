"""Limits log lines that would otherwise come with every frame or message."""

from __future__ import annotations

import time
from collections.abc import Callable

PAUSE_S = 60.0
MAX_SUBJECTS = 1024  # remembered; beyond that all are forgotten


class LogThrottle:
    """Decides whether a warning about a subject is logged: the first, and then one a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[str, float] = {}

    def allows(self, subject: str) -> bool:
        """Whether to log now; if so, the next one waits for a minute."""
        now = self._clock()
        if now - self._said.get(subject, -PAUSE_S) < PAUSE_S:
            return False
        if len(self._said) >= MAX_SUBJECTS:
            self._said.clear()
        self._said[subject] = now
        return True

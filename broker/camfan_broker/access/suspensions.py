"""Keys that are kept out for a while because they did what no client of camfan does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

FIRST_S = 60.0  # doubled by each further offence
LONGEST_S = 3600.0
FORGET_S = 3600.0  # after this long without an offence the next one counts as the first


class Suspensions:
    """Which users are suspended, and until when. Any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until: dict[str, tuple[float, float]] = {}  # by user: the end, and the length

    def suspend(self, user: str) -> float:
        """Keep a user out from now on; for how many seconds."""
        now = self._clock()
        with self._lock:
            until, length = self._until.get(user, (0.0, 0.0))
            if now < until:
                return until - now
            length = FIRST_S if now > until + FORGET_S else min(2 * length, LONGEST_S)
            self._until[user] = (now + max(length, FIRST_S), max(length, FIRST_S))
            return self._until[user][1]

    def holds(self, user: str) -> bool:
        """Whether this user is kept out now."""
        found = self._until.get(user)
        return found is not None and self._clock() < found[0]

    def pardon(self, users: set[str]) -> None:
        """Forget all but these users: the others have no key any more."""
        with self._lock:
            for user in self._until.keys() - users:
                del self._until[user]

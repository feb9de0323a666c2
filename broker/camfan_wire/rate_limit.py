"""How fast a peer may send requests: a bucket that fills with time and is emptied by requests."""

from __future__ import annotations

import time
from collections.abc import Callable

BURST_S = 40.0  # of its rate at once: after an outage a node sends much together
CHEAP = 1 / 50  # of a request: what each frame of a reader brings with it


class RateLimit:
    """Belongs to one thread."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._left = per_second * BURST_S
        self._at = clock()

    def is_full(self) -> bool:
        """Whether all of it is unused."""
        return self._left + (self._clock() - self._at) * self._per_second >= (
            self._per_second * BURST_S
        )

    def allows(self, cost: float = 1.0) -> bool:
        """Whether one more is within the rate; it then counts."""
        now = self._clock()
        full = self._per_second * BURST_S
        self._left = min(full, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < cost:
            return False
        self._left -= cost
        return True

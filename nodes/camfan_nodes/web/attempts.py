"""How often a password may be tried: limited, and the same for names that do not exist."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

TRIES = 5
WAIT_S = 60.0
MOST = 10_000  # addresses and names remembered; if full, the one with the oldest try is dropped


class Attempts:
    """Failures by key (an address, a name). Belongs to the event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def wait_s(self, *keys: str) -> float:
        """Time until the next try is allowed; 0: now."""
        return max((self._wait_s(key) for key in keys), default=0.0)

    def left(self, *keys: str) -> int:
        """Tries left before a wait."""
        return min(TRIES - len(self._recent(key)) for key in keys)

    def failed(self, *keys: str) -> None:
        for key in keys:
            times = self._recent(key)
            times.append(self._clock())
            self._failed[key] = times[-TRIES:]
            self._failed.move_to_end(key)
        while len(self._failed) > MOST:
            self._failed.popitem(last=False)

    def succeeded(self, *keys: str) -> None:
        for key in keys:
            self._failed.pop(key, None)

    def _wait_s(self, key: str) -> float:
        times = self._recent(key)
        return times[0] + WAIT_S - self._clock() if len(times) >= TRIES else 0.0

    def _recent(self, key: str) -> list[float]:
        since = self._clock() - WAIT_S
        return [at for at in self._failed.get(key, ()) if at > since]

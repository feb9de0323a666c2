"""What one key may ask for, however many connections it opens.

Each connection has a rate limit of its own, which starts again with the connection. The share of a
key does not: it is kept by name, and costs what it makes the broker do.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from camfan_wire.rate_limit import RateLimit

TOO_FAST = "too-fast"
KEY_CONNECTIONS = 4  # a key may ask as fast as this many of its connections
REQUEST_BYTES = 1024  # a longer request counts as several
NOTICE_BYTES = 1024  # an event or a status is kept by others: recorders, readers, pages
REFUSALS = 10.0  # a second, of one key, before it is suspended; 400 at once
LINES = 0.1  # log lines a second about the coming and going of one key


class Budget:
    """Shares by key. Belongs to the loop's thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._requests: dict[str, RateLimit] = {}
        self._notices: dict[str, RateLimit] = {}
        self._refusals: dict[str, RateLimit] = {}
        self._lines: dict[str, RateLimit] = {}

    def charge_request(self, key: str, rate: float, cost: float) -> bool:
        """False: the key asks too much too fast. `rate`: requests a second of one connection."""
        return self._rate_limit(self._requests, key, rate * KEY_CONNECTIONS).allows(cost)

    def charge_notice(self, key: str, rate: float, size: int) -> bool:
        """An event or a status of `size` bytes; False: there were too many."""
        return self._rate_limit(self._notices, key, rate).allows(1 + size / NOTICE_BYTES)

    def charge_refusal(self, key: str) -> bool:
        """The key has asked too much again; False: so often that it is to be suspended."""
        return self._rate_limit(self._refusals, key, REFUSALS).allows()

    def may_log(self, key: str) -> bool:
        """Whether another line about this key may be logged."""
        return self._rate_limit(self._lines, key, LINES).allows()

    def keep(self, keys: set[str]) -> None:
        """Forget all other keys, once their shares are full again."""
        for shares in (self._requests, self._notices, self._refusals, self._lines):
            for key in [
                key for key, limit in shares.items() if key not in keys and limit.is_full()
            ]:
                del shares[key]

    def _rate_limit(self, shares: dict[str, RateLimit], key: str, rate: float) -> RateLimit:
        found = shares.get(key)
        if found is None:
            found = shares[key] = RateLimit(rate, self._clock)
        return found

"""What was refused to which peer: always counted, logged once a minute for each peer."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable

log = logging.getLogger(__name__)

LOG_NS = 60_000_000_000
MAX_PEERS = 1024  # remembered; of more, the one that was logged longest ago is forgotten


class Refusals:
    """Any thread."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()  # by peer and reason
        self.last: str | None = None  # what was logged last, in a sentence
        self.last_ns = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._logged: OrderedDict[str, tuple[int, int]] = OrderedDict()  # when, and left out since

    @property
    def total(self) -> int:
        return self.counts.total()

    def refuse(self, peer: str, reason: str, what: str) -> None:
        """Count and log a refusal.

        `peer` is a name or an address; `what` says what it tried: `may not see barn`.
        """
        self.count(peer, reason)
        self.log(peer, what, shown=True)

    def count(self, peer: str, reason: str) -> None:
        """Count without a line of the log."""
        with self._lock:
            known = (peer, reason)
            if known not in self.counts and len(self.counts) >= 4 * MAX_PEERS:
                known = ("", reason)
            self.counts[known] += 1

    def log(self, peer: str, what: str, *, shown: bool = False) -> None:
        """Log what is counted elsewhere; `shown`: also in the status."""
        now = self._clock()
        with self._lock:
            logged_ns, left_out = self._logged.get(peer, (now - LOG_NS, 0))
            if now - logged_ns < LOG_NS:
                self._logged[peer] = (logged_ns, left_out + 1)
                return
            self._logged[peer] = (now, 0)
            self._logged.move_to_end(peer)
            if len(self._logged) > MAX_PEERS:
                self._logged.popitem(last=False)
            if shown:
                self.last, self.last_ns = f"{peer} {what}", now
        more = f" (and {left_out} more refusals since the last line)" if left_out else ""
        log.warning("refused: %s %s%s", peer, what, more)

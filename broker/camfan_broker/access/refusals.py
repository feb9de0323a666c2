"""What was refused to whom: counted always, told once per peer and minute."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable

log = logging.getLogger(__name__)

TELL_NS = 60_000_000_000
MAX_PEERS = 1024  # remembered; of more, the one that was told longest ago is forgotten


class Refusals:
    """Any thread may tell; the plain counts may be read by any."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()  # by peer and reason
        self.last: str | None = None  # what was told last, in a sentence
        self.last_ns = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._told: OrderedDict[str, tuple[int, int]] = OrderedDict()  # when, and unsaid since

    @property
    def total(self) -> int:
        return self.counts.total()

    def refuse(self, peer: str, reason: str, what: str) -> None:
        """`peer` is a name or an address; `what` says what it tried: `may not see barn`."""
        self.count(peer, reason)
        self.tell(peer, what, shown=True)

    def count(self, peer: str, reason: str) -> None:
        """Count without a line of the log."""
        with self._lock:
            known = (peer, reason)
            if known not in self.counts and len(self.counts) >= 4 * MAX_PEERS:
                known = ("", reason)
            self.counts[known] += 1

    def tell(self, peer: str, what: str, *, shown: bool = False) -> None:
        """A line of the log, for what is counted elsewhere; `shown`: also in the status."""
        now = self._clock()
        with self._lock:
            told_ns, unsaid = self._told.get(peer, (now - TELL_NS, 0))
            if now - told_ns < TELL_NS:
                self._told[peer] = (told_ns, unsaid + 1)
                return
            self._told[peer] = (now, 0)
            self._told.move_to_end(peer)
            if len(self._told) > MAX_PEERS:
                self._told.popitem(last=False)
            if shown:
                self.last, self.last_ns = f"{peer} {what}", now
        more = f" (and {unsaid} refusals more since the last line)" if unsaid else ""
        log.warning("refused: %s %s%s", peer, what, more)

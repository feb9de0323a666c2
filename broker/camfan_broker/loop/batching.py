"""When the loop rests between two turns, so that it takes several frames at once.

At thousands of frames a second it would be woken for each: half of what that costs is the waking,
here, in libzmq's thread and at each reader. A rest costs a frame a millisecond at most; at the
rates of a usual site there is none.
"""

from __future__ import annotations

import time

AT_ONCE = 3  # messages that come during a rest
REST_S = 0.000_8  # at most
SPAN_NS = 100_000_000
FAST = 75  # messages in a span from which on it is worth it
MANY = 24  # messages in a turn, on average: they come in numbers without a rest


class BatchingDelay:
    """Told after each turn how many messages it took."""

    def __init__(self) -> None:
        self.rest_s = 0.0
        self._messages = 0
        self._turns = 0  # that took any
        self._span_ns = 0

    def took(self, messages: int, now: int) -> None:
        if messages:
            self._messages += messages
            self._turns += 1
        if now - self._span_ns >= SPAN_NS:
            worth_it = FAST <= self._messages < MANY * self._turns
            interval_s = SPAN_NS / 1e9 / max(self._messages, 1)
            self.rest_s = min(REST_S, AT_ONCE * interval_s) if worth_it else 0.0
            self._messages = self._turns = 0
            self._span_ns = now

    def rest(self) -> None:
        """Before the next turn, if it is worth it."""
        if self.rest_s:
            time.sleep(self.rest_s)

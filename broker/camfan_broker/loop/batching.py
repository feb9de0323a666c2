"""A short delay between two rounds of the loop, so that it takes several frames at once.

At thousands of frames a second the loop would be woken for each: half of the cost is the waking,
here, in libzmq's thread and at each reader. The delay costs a frame a millisecond at most; at the
rates of a usual site there is none.
"""

from __future__ import annotations

import time

AT_ONCE = 3  # messages that come during a delay
DELAY_S = 0.000_8  # at most
SPAN_NS = 100_000_000
FAST = 75  # messages in a span; with fewer there is no delay
MANY = 24  # messages in a round, on average: they come together without a delay


class BatchingDelay:
    """Decides on the delay from how many messages each round takes."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self._messages = 0
        self._rounds = 0  # that took any
        self._span_ns = 0

    def took(self, messages: int, now: int) -> None:
        """A round is over that took this many messages."""
        if messages:
            self._messages += messages
            self._rounds += 1
        if now - self._span_ns >= SPAN_NS:
            worth_it = FAST <= self._messages < MANY * self._rounds
            interval_s = SPAN_NS / 1e9 / max(self._messages, 1)
            self.delay_s = min(DELAY_S, AT_ONCE * interval_s) if worth_it else 0.0
            self._messages = self._rounds = 0
            self._span_ns = now

    def wait(self) -> None:
        """Sleep before the next round, if it is worth it."""
        if self.delay_s:
            time.sleep(self.delay_s)

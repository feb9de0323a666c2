"""When the loop rests between two turns, so that it takes several frames at once.

At thousands of frames a second it would be woken for each: half of what that costs is the waking,
here, in libzmq's thread and at each reader. A rest costs a frame a millisecond at most; at the
rates of a usual site there is none.
"""

from __future__ import annotations

import time

REST_S = 0.000_8
SPAN_NS = 100_000_000
FAST = 150  # messages in a span from which on it is worth it
MANY = 24  # messages in a turn, on average: they come in numbers without a rest


class Turns:
    """Told after each turn how many messages it took."""

    def __init__(self) -> None:
        self.resting = False
        self._messages = 0
        self._turns = 0  # that took any
        self._span_ns = 0

    def took(self, messages: int, now: int) -> None:
        if messages:
            self._messages += messages
            self._turns += 1
        if now - self._span_ns >= SPAN_NS:
            self.resting = FAST <= self._messages < MANY * self._turns
            self._messages = self._turns = 0
            self._span_ns = now

    def rest(self) -> None:
        """Before the next turn, if it is worth it."""
        if self.resting:
            time.sleep(REST_S)

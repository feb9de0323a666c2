"""How long to wait before a source is tried again, and what is reported meanwhile."""

from __future__ import annotations

import random

from camfan_nodes.camera.clock import Clock

PAUSES_S = (*(1.0,) * 5, *(5.0,) * 5, 30.0)  # the last one for ever
JITTER = 0.1  # of a pause, either way: cameras that failed together do not reconnect together


class Backoff:
    """The pause before the next attempt; short again once the source worked for long enough."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._attempt = 0
        self._last_s = 0.0

    def next_s(self) -> float:
        pause_s = PAUSES_S[min(self._attempt, len(PAUSES_S) - 1)]
        self._attempt += 1
        self._last_s = pause_s
        return pause_s * random.uniform(1 - JITTER, 1 + JITTER)

    def held(self, seconds: float) -> None:
        """The source worked for this time; if longer than the pause, forget the failures."""
        if seconds > self._last_s:
            self._attempt = 0


class Outage:
    """A time without frames: begins with the first failure, ends with the next frame."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_ns: int | None = None
        self.attempts = 0
        self.event: str | None = None

    @property
    def lasts(self) -> bool:
        return self._since_ns is not None

    def begin(self) -> bool:
        """One more failure; True for the first of the outage."""
        self.attempts += 1
        if self.lasts:
            return False
        self._since_ns = self._clock.monotonic_ns()
        return True

    def end(self) -> float:
        """How many seconds it lasted."""
        since_ns = self._clock.monotonic_ns() if self._since_ns is None else self._since_ns
        self._since_ns, self.attempts = None, 0
        return (self._clock.monotonic_ns() - since_ns) / 1e9

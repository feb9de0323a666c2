"""Time for a camera node: two clocks, and a wait that a stop ends.

Passed in everywhere, so that tests do not wait. `Steps` notices a wall clock that was set.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol

STEP_NS = 500_000_000  # less is slewing, or a busy machine


class Clock(Protocol):
    def wall_ns(self) -> int:
        """For people, and to be compared with other machines."""

    def monotonic_ns(self) -> int:
        """For intervals."""

    def wait(self, seconds: float) -> bool:
        """Sleep; True, at once, when asked to stop."""


class NodeClock:
    """The machine's clocks, and the event that ends the node."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def wait(self, seconds: float) -> bool:
        return self._stop.is_set() if seconds <= 0 else self._stop.wait(seconds)


class Steps:
    """Watches the wall clock against the monotonic one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._apart_ns = clock.wall_ns() - clock.monotonic_ns()

    def step_s(self) -> float | None:
        """How far the wall clock was set since the last call, in seconds; None: it was not."""
        apart_ns = self._clock.wall_ns() - self._clock.monotonic_ns()
        moved_ns = apart_ns - self._apart_ns
        self._apart_ns = apart_ns
        return moved_ns / 1e9 if abs(moved_ns) >= STEP_NS else None

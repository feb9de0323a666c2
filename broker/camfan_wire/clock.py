"""Time across machines whose clocks are not synchronized.

The broker's clock is the site's clock. A peer estimates how far it is from its own by probes, as
NTP does (RFC 5905, section 8), and keeps the estimate with the smallest error bound. All is
measured against monotonic clocks, so a wall clock that is stepped disturbs nothing.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from msgspec import Struct

STEP_NS = 500_000_000  # the broker's clock follows the wall clock when they are this far apart
DRIFT_PPM = 100  # how fast two cheap quartz clocks drift apart, at worst
PROBES_KEPT = 16
ROUNDING_NS = 3  # lost by clocks that count whole nanoseconds, and by two divisions

Clock = Callable[[], int]  # ns


class SiteClock:
    """The broker's clock: wall time that neither jumps nor runs backwards while it is sane.

    It starts at the wall clock and then advances with the monotonic one. When the two part by
    more than STEP_NS (the wall clock was set), it is set again and `epoch` changes.
    """

    def __init__(
        self, wall_ns: Clock = time.time_ns, monotonic_ns: Clock = time.monotonic_ns
    ) -> None:
        self.epoch = 0
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._base_ns = wall_ns() - monotonic_ns()

    def now_ns(self) -> int:
        return self._base_ns + self._monotonic_ns()

    def follow_steps(self) -> int:
        """Set the clock again if the wall clock was stepped; how far it moved, ns, or 0."""
        moved = self._wall_ns() - self.now_ns()
        if abs(moved) < STEP_NS:
            return 0
        self._base_ns += moved
        self.epoch += 1
        return moved


class ClockOffset(Struct, frozen=True, gc=False):
    """Site clock minus this machine's monotonic clock, and its bound; both ns."""

    offset_ns: int
    error_ns: int
    epoch: int  # of the site clock: it changes when that clock is set


@dataclass(frozen=True, slots=True)
class _Sample:
    at_ns: int
    offset_ns: int
    error_ns: int
    epoch: int


class ClockEstimate:
    """What this machine knows of the site clock. One thread writes, any thread reads."""

    def __init__(
        self, wall_ns: Clock = time.time_ns, monotonic_ns: Clock = time.monotonic_ns
    ) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._samples: deque[_Sample] = deque(maxlen=PROBES_KEPT)
        self._epoch: tuple[str, int] | None = None
        self._best: _Sample | None = None

    def forget(self) -> None:
        """The broker may be another one now: nothing is known until it answers."""
        self._samples.clear()
        self._epoch = None
        self._best = None

    def add(
        self, broker: str, epoch: int, sent: int, received: int, replied: int, now: int
    ) -> None:
        """One answered probe: sent and now on our monotonic clock, the rest on the site's; ns."""
        if self._epoch != (broker, epoch):
            self._samples.clear()
            self._epoch = (broker, epoch)
        if now < sent or replied < received:
            return
        round_trip = max((now - sent) - (replied - received), 0)
        offset = ((received - sent) + (replied - now)) // 2
        error = round_trip // 2 + _drift(now - sent) + ROUNDING_NS
        self._samples.append(_Sample(now, offset, error, epoch))
        self._best = min(self._samples, key=lambda s: s.error_ns + _drift(now - s.at_ns))

    def offset(self) -> ClockOffset | None:
        """The best estimate now; None before the first answer."""
        best = self._best
        if best is None:
            return None
        elapsed = self._monotonic_ns() - best.at_ns
        return ClockOffset(best.offset_ns, best.error_ns + _drift(elapsed), best.epoch)

    def site_ns(self) -> int:
        """The site's time now; the wall clock of this machine while the site's is unknown."""
        known = self.offset()
        return self._wall_ns() if known is None else self._monotonic_ns() + known.offset_ns


def _drift(elapsed_ns: int) -> int:
    return -(-elapsed_ns * DRIFT_PPM // 1_000_000)  # rounded up

"""When changes of light become an event: from the first that is worth one until the last.

A lamp that is switched on and off, or passing clouds, are one event and not one for each change.
"""

from __future__ import annotations

from collections.abc import Iterator

from camfan_nodes.motion.event_steps import EventStep, State
from camfan_nodes.motion.events import Numbers, moment

STEADY_S = 5.0  # without a change, until the event is over


class Lamp:
    """One event at a time."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._number: int | None = None
        self._start_ns = 0
        self._last_ns = 0
        self._steady_s = 0.0

    def changed(self, start_ns: int, last_ns: int, time_ns: int) -> Iterator[EventStep]:
        """The light changed from `start_ns` to `last_ns`, by enough to be reported."""
        begins = self._number is None
        if begins:
            self._number, self._start_ns = self._numbers.next(), start_ns
        self._last_ns, self._steady_s = last_ns, 0.0
        if begins:
            yield self._change("start", time_ns)

    def steady(self, step_s: float, time_ns: int) -> Iterator[EventStep]:
        """So much more time without a change that is worth it."""
        self._steady_s += step_s
        if self._steady_s >= STEADY_S:
            yield from self.close(time_ns)

    def close(self, time_ns: int) -> Iterator[EventStep]:
        """End the event that is open, if one is."""
        if self._number is not None:
            yield self._change("end", time_ns)
            self._number = None

    def _change(self, state: State, time_ns: int) -> EventStep:
        assert self._number is not None
        return moment(
            "lighting",
            state,
            self._number,
            start_ns=self._start_ns,
            last_ns=self._last_ns,
            time_ns=time_ns,
        )

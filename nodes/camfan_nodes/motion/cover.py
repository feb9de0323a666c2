"""Whether a camera is covered: its picture has lost nearly all of its texture, and not to the dark.

What is usual is learned slowly, so dusk and fog become usual before they are taken for a cover. A
room whose last lamp goes out at once, down to black, looks the same as a cap on the lens.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from camfan_nodes.motion.event_steps import EventStep, State
from camfan_nodes.motion.events import Numbers, moment

LEAST_USUAL = 0.03  # of the picture; a camera on a blank wall has no texture to lose
LOST = 0.15  # of the usual texture, at most, when covered
FOUND = 0.5  # of the usual texture, at least, when no longer covered
COVERED_S = 2.0  # without texture
USUAL_S = 60.0  # time constant of what is usual


class Cover:
    """Fed with the share of the picture that has texture, about once a second."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._usual: float | None = None
        self._lost_s = 0.0
        self._since_ns = 0
        self._number: int | None = None

    def look(
        self, share: float, step_s: float, time_ns: int, *, faded: bool
    ) -> Iterator[EventStep]:
        """One look; `faded`: light was seen to go out since the last time there was texture."""
        usual = share if self._usual is None else self._usual
        if self._number is not None:
            if share >= FOUND * usual:
                yield from self.close(time_ns)
        elif share <= LOST * usual and usual >= LEAST_USUAL and not faded:
            self._since_ns = self._since_ns if self._lost_s else time_ns
            self._lost_s += step_s
            if self._lost_s >= COVERED_S:
                self._number = self._numbers.next()
                yield self._change("start", self._number, time_ns)
        else:
            self._lost_s = 0.0
            self._usual = usual + (share - usual) * (1 - math.exp(-step_s / USUAL_S))

    def close(self, time_ns: int) -> Iterator[EventStep]:
        """End the event that is open, if one is."""
        self._lost_s = 0.0
        if self._number is not None:
            yield self._change("end", self._number, time_ns)
            self._number = None

    def _change(self, state: State, number: int, time_ns: int) -> EventStep:
        return moment(
            "camera-covered",
            state,
            number,
            start_ns=self._since_ns,
            last_ns=time_ns,
            time_ns=time_ns,
        )

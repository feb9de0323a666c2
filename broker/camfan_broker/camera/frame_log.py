"""When the last few thousand frames passed, in little memory."""

from __future__ import annotations

from array import array


class FrameLog:
    """Sequences of one run with their times, the oldest forgotten first."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._sequences = array("q", [-1]) * length
        self._times = array("q", [0]) * length
        self._at = 0

    def add(self, sequence: int, time_ns: int) -> None:
        at = self._at
        self._sequences[at] = sequence
        self._times[at] = time_ns
        self._at = (at + 1) % self._length

    def time_of(self, sequence: int) -> int | None:
        """When the frame passed; None if it did not, or too long ago."""
        try:
            return self._times[self._sequences.index(sequence)]
        except ValueError:
            return None

    def oldest(self) -> int | None:
        """The first sequence that is still known; None if none has passed."""
        known = self._sequences[self._at]
        return known if known >= 0 else (self._sequences[0] if self._sequences[0] >= 0 else None)

    def clear(self) -> None:
        self._sequences = array("q", [-1]) * self._length
        self._at = 0

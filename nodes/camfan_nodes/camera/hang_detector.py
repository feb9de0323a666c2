"""Detects a capturing thread that hangs: what it is doing, and how long that may take.

Libraries and drivers can hang for ever in a call that cannot be interrupted. Before each such call
the thread says how long it may take; another thread looks.
"""

from __future__ import annotations

from camfan_nodes.camera.clock import Clock


class HangDetector:
    """Written by the capturing thread, read by any; each field is one assignment."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._expected: tuple[str, int] | None = None  # what, until when (ns)

    def expect(self, what: str, seconds: float) -> None:
        """The next call does `what`, and returns within this time."""
        self._expected = (what, self._clock.monotonic_ns() + round(seconds * 1e9))

    def rest(self) -> None:
        """No call is under way that could hang."""
        self._expected = None

    def overdue(self) -> str | None:
        """What hangs; None if nothing does."""
        expected = self._expected
        if expected is None or self._clock.monotonic_ns() <= expected[1]:
            return None
        return expected[0]

"""Whether the capturing thread still moves: what it is doing, and until when that may take.

Libraries and drivers can hang for ever in a call that nobody can end. The thread says here before
each such call how long it may take; another thread looks.
"""

from __future__ import annotations

from camfan_nodes.camera.clock import Clock


class HangDetector:
    """Written by the capturing thread, read by any; each field is one assignment."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._expected: tuple[str, int] | None = None  # what, until when (ns)

    def expect(self, what: str, seconds: float) -> None:
        """From now on this is being done, and it is done within so long."""
        self._expected = (what, self._clock.monotonic_ns() + round(seconds * 1e9))

    def rest(self) -> None:
        """Nothing is being done that could hang."""
        self._expected = None

    def overdue(self) -> str | None:
        """What hangs; None while all is well."""
        expected = self._expected
        if expected is None or self._clock.monotonic_ns() <= expected[1]:
            return None
        return expected[0]

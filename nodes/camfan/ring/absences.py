"""Why a sequence of a run has no frame: it was numbered, and then not made.

Bounded, however long the run: only changes of a decision are remembered, and at most MAX_KEPT of
them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from camfan_wire.topics import LAYERS, layer_of

MAX_KEPT = 1024  # changes of what is made, and spans of refused frames
MAX_PATTERN = 64  # sequences that are explained one by one where only some layers were made

NOT_WANTED = "not-wanted"
UPLINK = "uplink"
REFUSED = "refused"
OVERRUN = "ring-overrun"


class EncodingDecision(NamedTuple):
    """Which layers of frames are made: those below both numbers."""

    demand: int = LAYERS  # of those that subscribers want; 0 to 4
    uplink: int = LAYERS  # of those that the link can carry; 1 to 4

    def reason(self, sequence: int) -> str | None:
        """Why this frame is not made; None: it is made."""
        layer = layer_of(sequence)
        if layer >= self.demand:
            return NOT_WANTED
        return UPLINK if layer >= self.uplink else None


class Absence(NamedTuple):
    """Sequences without a frame, both ends included."""

    first: int
    last: int
    reason: str


class Absences:
    """The decisions of one run, or of a part of it. The caller holds a lock."""

    def __init__(self) -> None:
        self._changes: deque[tuple[int, EncodingDecision]] = deque(
            maxlen=MAX_KEPT
        )  # from which sequence on
        self._refused: deque[tuple[int, int]] = deque(maxlen=MAX_KEPT)

    def note(self, sequence: int, decision: EncodingDecision) -> bool:
        """Remember the decision for this sequence; True if it differs from the last one."""
        if self._changes and self._changes[-1][1] == decision:
            return False
        self._changes.append((sequence, decision))
        return True

    def refuse(self, first: int, last: int) -> None:
        """These frames were captured and could not be published."""
        if self._refused and self._refused[-1][1] == first - 1:
            first = self._refused.pop()[0]
        self._refused.append((first, last))

    def explain(self, first: int, last: int, otherwise: str) -> list[Absence]:
        """Why there is no frame from `first` to `last`; `otherwise` where a frame was made."""
        found: list[Absence] = []
        for piece in self._pieces(first, last, otherwise):
            if found and found[-1].reason == piece.reason:
                piece = found.pop()._replace(last=piece.last)
            found.append(piece)
        return found

    def _pieces(self, first: int, last: int, otherwise: str) -> Iterator[Absence]:
        for start, end, decision in self._spans(first, last):
            if decision.demand == 0:
                yield Absence(start, end, NOT_WANTED)
            elif min(decision) < LAYERS and end - start < MAX_PATTERN:
                for sequence in range(start, end + 1):
                    reason = decision.reason(sequence)
                    if reason is None:
                        yield from self._made(sequence, sequence, otherwise)
                    else:
                        yield Absence(sequence, sequence, reason)
            else:
                yield from self._made(start, end, otherwise)

    def _made(self, first: int, last: int, otherwise: str) -> Iterator[Absence]:
        """Sequences that were to be made, of which some were refused."""
        start = max(0, bisect_right(self._refused, first, key=lambda pair: pair[0]) - 1)
        for index in range(start, len(self._refused)):
            low, high = max(first, self._refused[index][0]), min(last, self._refused[index][1])
            if low > last:
                break
            if low <= high:
                if first < low:
                    yield Absence(first, low - 1, otherwise)
                yield Absence(low, high, REFUSED)
                first = high + 1
        if first <= last:
            yield Absence(first, last, otherwise)

    def _spans(self, first: int, last: int) -> Iterator[tuple[int, int, EncodingDecision]]:
        """The sequences cut where a decision changed."""
        index = bisect_right(self._changes, first, key=lambda change: change[0]) - 1
        while first <= last:
            decision = self._changes[index][1] if index >= 0 else EncodingDecision()
            index += 1
            following = self._changes[index][0] if index < len(self._changes) else last + 1
            end = min(last, following - 1)
            if first <= end:
                yield first, end, decision
            first = max(first, end + 1)

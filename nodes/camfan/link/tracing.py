"""What a camera knows of one of its frames."""

from __future__ import annotations

from camfan.ring.absences import NOT_WANTED, OVERRUN
from camfan.ring.repair import DAMAGED, Past
from camfan.ring.ring import Kept, Ring
from camfan_wire.header import Header
from camfan_wire.messages import Hop, Outcome, Trace, Traced

ON_DISK = "in the camera's ring on the disk, of a run that is over"


class Traces:
    """Answers to `trace`."""

    def __init__(self, camera: str, ring: Ring, past: Past) -> None:
        self._camera = camera
        self._ring = ring
        self._past = past

    def answer(self, asked: Trace) -> Traced:
        run, hop = self._find(asked.run, asked.sequence)
        return Traced(
            id=asked.id, camera=self._camera, sequence=asked.sequence, run=run, hops=[hop]
        )

    def _find(self, run: str | None, sequence: int) -> tuple[str | None, Hop]:
        """`run` null: the newest run that has this sequence."""
        if run in (None, self._ring.run):
            if sequence < self._ring.sequence:
                return self._ring.run, self._in_this_run(sequence)
            if run is not None:
                return run, self._hop("unknown", "not captured yet")
        for chapter in reversed(self._past.chapters()):
            if chapter.run == self._ring.run or run not in (None, chapter.run):
                continue
            if chapter.first <= sequence:
                for told in chapter.tell(sequence, sequence + 1):
                    if isinstance(told, Kept):
                        return chapter.run, self._hop("held", ON_DISK, told.header)
                    return chapter.run, self._without(told.reason)
        return run, self._hop("unknown", "of no run that the camera has anything of")

    def _in_this_run(self, sequence: int) -> Hop:
        kept = self._ring.find(sequence)
        if kept is None:
            (absence,) = self._ring.explain(sequence, sequence)
            gone = absence.reason == OVERRUN
            return self._gone(sequence) if gone else self._without(absence.reason)
        if kept.sent:
            return self._hop("sent", None, kept.header)
        if kept.late:
            return self._hop("sent", "late, to repair", kept.header)
        return self._hop("held", "in the ring; it did not leave at once", kept.header)

    def _gone(self, sequence: int) -> Hop:
        """No more in memory."""
        left = self._ring.left_before(sequence)
        for chapter in self._past.chapters():
            if chapter.run == self._ring.run:
                for told in chapter.tell(sequence, sequence + 1):
                    if isinstance(told, Kept):
                        outcome: Outcome = "sent" if left else "held"
                        return self._hop(outcome, "in the camera's ring on the disk", told.header)
        if left is None:
            return self._hop("unknown", "too long ago")
        return self._hop("sent", "no more in the ring") if left else self._hop("lost", OVERRUN)

    def _without(self, reason: str) -> Hop:
        if reason in (OVERRUN, DAMAGED):
            return self._hop("unknown" if reason == OVERRUN else "lost", reason)
        return self._hop("skipped" if reason == NOT_WANTED else "lost", reason)

    def _hop(self, outcome: Outcome, reason: str | None, header: Header | None = None) -> Hop:
        return Hop(node=self._camera, outcome=outcome, reason=reason, time=_site_time(header))


def _site_time(header: Header | None) -> int | None:
    """When it was captured, on the broker's clock; None while that is unknown."""
    if header is None or header.offset is None:
        return None
    return header.captured + header.offset

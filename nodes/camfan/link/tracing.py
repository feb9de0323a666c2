"""What a camera knows of one of its frames."""

from __future__ import annotations

from camfan.ring.absences import NOT_WANTED, OVERRUN
from camfan.ring.repair import DAMAGED, Archive
from camfan.ring.ring import MemoryRing, StoredFrame
from camfan_wire.header import Header
from camfan_wire.messages import Hop, Outcome, Trace, Traced

ON_DISK = "in the camera's ring on the disk, of a run that is over"


class TraceResponder:
    """Answers `trace`."""

    def __init__(self, camera: str, ring: MemoryRing, archive: Archive) -> None:
        self._camera = camera
        self._ring = ring
        self._archive = archive

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
        for part in reversed(self._archive.parts()):
            if part.run == self._ring.run or run not in (None, part.run):
                continue
            if part.first <= sequence:
                for item in part.items(sequence, sequence + 1):
                    if isinstance(item, StoredFrame):
                        return part.run, self._hop("held", ON_DISK, item.header)
                    return part.run, self._without(item.reason)
        return run, self._hop("unknown", "the camera has no frame of that run")

    def _in_this_run(self, sequence: int) -> Hop:
        stored = self._ring.find(sequence)
        if stored is None:
            (absence,) = self._ring.explain(sequence, sequence)
            gone = absence.reason == OVERRUN
            return self._gone(sequence) if gone else self._without(absence.reason)
        if stored.sent:
            return self._hop("sent", None, stored.header)
        if stored.late:
            return self._hop("sent", "late, to repair", stored.header)
        return self._hop("held", "in the ring; it was not sent at once", stored.header)

    def _gone(self, sequence: int) -> Hop:
        """For a frame that is no longer in memory."""
        left = self._ring.was_sent(sequence)
        for part in self._archive.parts():
            if part.run == self._ring.run:
                for item in part.items(sequence, sequence + 1):
                    if isinstance(item, StoredFrame):
                        outcome: Outcome = "sent" if left else "held"
                        return self._hop(outcome, "in the camera's ring on the disk", item.header)
        if left is None:
            return self._hop("unknown", "too long ago")
        return self._hop("sent", "no longer in the ring") if left else self._hop("lost", OVERRUN)

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

"""How a camera answers a broker that asks for frames that it missed: frames and gaps, in order.

Frames are taken from the ring one by one, as the network takes them, so an answer that waits for
the network holds no frames.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from camfan.ring.absences import OVERRUN, Absence
from camfan.ring.ring import MemoryRing, StoredFrame
from camfan_wire import messages
from camfan_wire.clock import DRIFT_PPM, ClockEstimate
from camfan_wire.header import Header, Position, encode_header
from camfan_wire.messages import Gap, Repair, Repaired

MAX_GAPS = 256  # in one answer
RESTARTED = "camera-restarted"
DAMAGED = "ring-damaged"

Parts = list[bytes]
RepairItem = StoredFrame | Gap


class ArchivedPart(Protocol):
    """Consecutive sequences of one run that are stored outside of memory."""

    @property
    def run(self) -> str: ...

    @property
    def first(self) -> int:
        """Its first sequence."""

    def items(self, first: int, stop: int | None) -> Iterator[StoredFrame | Absence]:
        """All from `first` on and before `stop`, without a hole."""


class Archive(Protocol):
    """Frames that are stored outside of memory: on a disk."""

    def parts(self) -> Sequence[ArchivedPart]:
        """Oldest first; the parts of one run follow each other."""

    def remembers(self, run: str) -> bool:
        """True if this was a run of this camera, of which nothing is left."""

    def ended_whole(self, run: str) -> bool:
        """True if a run that has ended is stored up to its last frame."""


class NoArchive:
    """Frames are stored in memory only."""

    def parts(self) -> Sequence[ArchivedPart]:
        return ()

    def remembers(self, run: str) -> bool:  # noqa: ARG002 - as the protocol has it
        return False

    def ended_whole(self, run: str) -> bool:  # noqa: ARG002
        return False


class RepairResponder:
    """Answers `repair` from the ring of this run and from the archive of earlier runs."""

    def __init__(
        self, camera: str, ring: MemoryRing, clock: ClockEstimate, archive: Archive
    ) -> None:
        self._camera = camera
        self._ring = ring
        self._clock = clock
        self._archive = archive

    def answer(self, asked: Repair) -> Iterator[Parts]:
        """The messages of one answer, the last of which is `repaired`."""
        frames = gaps = 0
        done = True
        for item in self._items(self._after(asked), asked.before):
            if isinstance(item, StoredFrame):
                frames += 1
                if frames > asked.frames:
                    done = False
                    break
                self._ring.mark_repaired(item)
                yield self._parts(item)
            else:
                gaps += 1
                if gaps > MAX_GAPS:
                    done = False
                    break
                yield [messages.encode(item)]
        yield [messages.encode(Repaired(camera=self._camera, id=asked.id, done=done))]

    def _after(self, asked: Repair) -> Position:
        """The position after which the answer begins."""
        known = self._clock.offset()
        if asked.since is None or known is None or asked.after.run != self._ring.run:
            return asked.after
        first = self._ring.first_since(asked.since - known.offset_ns)
        return Position(asked.after.run, max(asked.after.sequence, first - 1))

    def _parts(self, stored: StoredFrame) -> Parts:
        header = self._completed(stored)
        return [header.topic, encode_header(header), stored.jpeg]

    def _completed(self, stored: StoredFrame) -> Header:
        """The header of a late frame, with the clock offset if it has become known since."""
        header = stored.header
        known = self._clock.offset() if header.offset is None else None
        if known is None or header.run != self._ring.run:
            return msgspec.structs.replace(header, late=True)
        age_ns = max(0, time.monotonic_ns() - (header.captured - stored.wall_minus_monotonic_ns))
        return msgspec.structs.replace(
            header,
            late=True,
            offset=known.offset_ns - stored.wall_minus_monotonic_ns,
            epoch=known.epoch,
            error=known.error_ns + age_ns * DRIFT_PPM // 1_000_000 + stored.error_ns,
        )

    def _items(self, after: Position, before: Position | None) -> Iterator[RepairItem]:
        """All frames and gaps between two positions."""
        runs = list(dict.fromkeys(part.run for part in self._archive.parts()))
        if self._ring.run not in runs:
            runs.append(self._ring.run)
        last = runs.index(before.run) if before and before.run in runs else len(runs) - 1
        if after.run in runs:
            at, first = runs.index(after.run), after.sequence + 1
        else:
            reason = OVERRUN if self._archive.remembers(after.run) else RESTARTED
            yield self._gap(after.run, after.sequence + 1, None, reason)
            at, first = 0, 0
        for run in runs[at : last + 1]:
            stop = before.sequence if before and before.run == run else None
            if run == self._ring.run:
                yield from self._items_of_this_run(first, stop)
            else:
                yield from self._items_of_past_run(run, first, stop)
            first = 0

    def _items_of_past_run(self, run: str, first: int, stop: int | None) -> Iterator[RepairItem]:
        reason = OVERRUN  # at its start; later the disk has lost something
        for item in self._archived_items(run, first, stop):
            end = _first(item)
            if first < end:
                yield self._gap(run, first, end - 1, reason)
            yield item
            first, reason = _after(item), DAMAGED
        if stop is None:
            if not self._archive.ended_whole(run):
                yield self._gap(run, first, None, RESTARTED)
        elif first < stop:
            yield self._gap(run, first, stop - 1, DAMAGED)

    def _items_of_this_run(self, first: int, stop: int | None) -> Iterator[RepairItem]:
        """First the part that is only on the disk, then memory, whose start moves meanwhile."""
        ring = self._ring
        while stop is None or first < stop:
            oldest = ring.oldest
            if first < oldest:
                end = oldest if stop is None else min(oldest, stop)
                for item in self._archived_items(ring.run, first, end):
                    yield from self._gaps(ring.explain(first, _first(item) - 1))
                    yield item
                    first = _after(item)
                yield from self._gaps(ring.explain(first, end - 1))
                first = max(first, end)
                continue
            absences, stored = ring.items(first, stop)
            if any(absence.reason == OVERRUN for absence in absences):
                continue  # they were dropped from memory just now
            yield from self._gaps(absences)
            if stored is None:
                return
            yield stored
            first = stored.header.sequence + 1

    def _archived_items(self, run: str, first: int, stop: int | None) -> Iterator[RepairItem]:
        """Items of the archive, with a hole where something is missing in it."""
        for part in self._archive.parts():
            if part.run != run or (stop is not None and part.first >= stop):
                continue
            for item in part.items(first, stop):
                if isinstance(item, StoredFrame):
                    yield item
                    first = item.header.sequence + 1
                else:
                    yield self._gap(run, *item)
                    first = item.last + 1

    def _gaps(self, absences: list[Absence]) -> Iterator[Gap]:
        return (self._gap(self._ring.run, *absence) for absence in absences)

    def _gap(self, run: str, first: int, last: int | None, reason: str) -> Gap:
        return Gap(camera=self._camera, run=run, first=first, last=last, reason=reason)


def _first(item: RepairItem) -> int:
    return item.header.sequence if isinstance(item, StoredFrame) else item.first


def _after(item: RepairItem) -> int:
    if isinstance(item, StoredFrame):
        return item.header.sequence + 1
    return item.first if item.last is None else item.last + 1

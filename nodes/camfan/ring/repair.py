"""What a camera tells to a broker that asks for what it missed: frames, and gaps, in order.

Frames come out of the ring as they are asked for, one by one, so that an answer that waits for the
network holds nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from camfan.ring.absences import OVERRUN, Absence
from camfan.ring.ring import Kept, Ring
from camfan_wire import messages
from camfan_wire.clock import DRIFT_PPM, ClockEstimate
from camfan_wire.header import Header, Position, encode_header
from camfan_wire.messages import Gap, Repair, Repaired

MAX_GAPS = 256  # in one answer
RESTARTED = "camera-restarted"
DAMAGED = "ring-damaged"

Parts = list[bytes]
Told = Kept | Gap


class Chapter(Protocol):
    """A stretch of one run that is kept elsewhere than in memory."""

    @property
    def run(self) -> str: ...

    @property
    def first(self) -> int:
        """Its first sequence."""

    def tell(self, first: int, stop: int | None) -> Iterator[Kept | Absence]:
        """What it has from `first` on and before `stop`, without a hole."""


class Past(Protocol):
    """What is kept elsewhere than in memory: on a disk."""

    def chapters(self) -> Sequence[Chapter]:
        """Oldest first; those of one run follow each other."""

    def remembers(self, run: str) -> bool:
        """Whether this was a run of this camera, of which nothing is left."""

    def ended_whole(self, run: str) -> bool:
        """Whether a run that ended is there up to its last frame."""


class NoPast:
    """Nothing is kept but in memory."""

    def chapters(self) -> Sequence[Chapter]:
        return ()

    def remembers(self, run: str) -> bool:  # noqa: ARG002 - as the protocol has it
        return False

    def ended_whole(self, run: str) -> bool:  # noqa: ARG002
        return False


class Repairs:
    """Answers to `repair`, out of the ring of this run and what is kept of earlier ones."""

    def __init__(self, camera: str, ring: Ring, clock: ClockEstimate, past: Past) -> None:
        self._camera = camera
        self._ring = ring
        self._clock = clock
        self._past = past

    def answer(self, asked: Repair) -> Iterator[Parts]:
        """The messages of one answer, the last of which is `repaired`."""
        frames = gaps = 0
        done = True
        for told in self._tell(self._after(asked), asked.before):
            if isinstance(told, Kept):
                frames += 1
                if frames > asked.frames:
                    done = False
                    break
                self._ring.left_late(told)
                yield self._parts(told)
            else:
                gaps += 1
                if gaps > MAX_GAPS:
                    done = False
                    break
                yield [messages.encode(told)]
        yield [messages.encode(Repaired(camera=self._camera, id=asked.id, done=done))]

    def _after(self, asked: Repair) -> Position:
        """Behind which picture to begin."""
        known = self._clock.offset()
        if asked.since is None or known is None or asked.after.run != self._ring.run:
            return asked.after
        first = self._ring.first_since(asked.since - known.offset_ns)
        return Position(asked.after.run, max(asked.after.sequence, first - 1))

    def _parts(self, kept: Kept) -> Parts:
        header = self._completed(kept)
        return [header.topic, encode_header(header), kept.jpeg]

    def _completed(self, kept: Kept) -> Header:
        """The header of a frame that is late, with the offset if that has become known since."""
        header = kept.header
        known = self._clock.offset() if header.offset is None else None
        if known is None or header.run != self._ring.run:
            return msgspec.structs.replace(header, late=True)
        age_ns = max(0, time.monotonic_ns() - (header.captured - kept.apart_ns))
        return msgspec.structs.replace(
            header,
            late=True,
            offset=known.offset_ns - kept.apart_ns,
            epoch=known.epoch,
            error=known.error_ns + age_ns * DRIFT_PPM // 1_000_000 + kept.error_ns,
        )

    def _tell(self, after: Position, before: Position | None) -> Iterator[Told]:
        """All that lies between two positions."""
        runs = list(dict.fromkeys(chapter.run for chapter in self._past.chapters()))
        if self._ring.run not in runs:
            runs.append(self._ring.run)
        last = runs.index(before.run) if before and before.run in runs else len(runs) - 1
        if after.run in runs:
            at, first = runs.index(after.run), after.sequence + 1
        else:
            reason = OVERRUN if self._past.remembers(after.run) else RESTARTED
            yield self._gap(after.run, after.sequence + 1, None, reason)
            at, first = 0, 0
        for run in runs[at : last + 1]:
            stop = before.sequence if before and before.run == run else None
            if run == self._ring.run:
                yield from self._tell_this_run(first, stop)
            else:
                yield from self._tell_past_run(run, first, stop)
            first = 0

    def _tell_past_run(self, run: str, first: int, stop: int | None) -> Iterator[Told]:
        reason = OVERRUN  # at its start; further on the disk has lost something
        for told in self._tell_chapters(run, first, stop):
            end = _first(told)
            if first < end:
                yield self._gap(run, first, end - 1, reason)
            yield told
            first, reason = _after(told), DAMAGED
        if stop is None:
            if not self._past.ended_whole(run):
                yield self._gap(run, first, None, RESTARTED)
        elif first < stop:
            yield self._gap(run, first, stop - 1, DAMAGED)

    def _tell_this_run(self, first: int, stop: int | None) -> Iterator[Told]:
        """What has left the memory from the disk, then from memory, which moves on meanwhile."""
        ring = self._ring
        while stop is None or first < stop:
            oldest = ring.oldest
            if first < oldest:
                end = oldest if stop is None else min(oldest, stop)
                for told in self._tell_chapters(ring.run, first, end):
                    yield from self._gaps(ring.explain(first, _first(told) - 1))
                    yield told
                    first = _after(told)
                yield from self._gaps(ring.explain(first, end - 1))
                first = max(first, end)
                continue
            absences, kept = ring.tell(first, stop)
            if any(absence.reason == OVERRUN for absence in absences):
                continue  # they left the memory just now
            yield from self._gaps(absences)
            if kept is None:
                return
            yield kept
            first = kept.header.sequence + 1

    def _tell_chapters(self, run: str, first: int, stop: int | None) -> Iterator[Told]:
        """What is kept elsewhere; with a hole where something is missing there."""
        for chapter in self._past.chapters():
            if chapter.run != run or (stop is not None and chapter.first >= stop):
                continue
            for told in chapter.tell(first, stop):
                if isinstance(told, Kept):
                    yield told
                    first = told.header.sequence + 1
                else:
                    yield self._gap(run, *told)
                    first = told.last + 1

    def _gaps(self, absences: list[Absence]) -> Iterator[Gap]:
        return (self._gap(self._ring.run, *absence) for absence in absences)

    def _gap(self, run: str, first: int, last: int | None, reason: str) -> Gap:
        return Gap(camera=self._camera, run=run, first=first, last=last, reason=reason)


def _first(told: Told) -> int:
    return told.header.sequence if isinstance(told, Kept) else told.first


def _after(told: Told) -> int:
    if isinstance(told, Kept):
        return told.header.sequence + 1
    return told.first if told.last is None else told.last + 1

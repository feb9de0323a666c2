"""What retention deletes next, and why. Nothing here deletes, opens or asks a clock.

The oldest segment goes first. `age` takes the segments of a camera that ended too long ago, `size`
the oldest of a camera or of all, `min_free` the oldest while the disk has too little left.
Segments that are open or that were set aside (`kept`) are not candidates; one that a clip or a
protected interval needs is not deleted, it is reported as `keep` and left out from then on.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

from camfan.recording.rows import SegmentRow, UsageRow
from camfan_config import Keep
from camfan_config.text.globs import matches

Action = Literal["delete", "cut", "keep"]
DeletionReason = Literal["age", "size", "min_free"]
Interval = tuple[int, int]  # site time, both ends belong to it

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class KeepLimits:
    """How much of something stays; None: no limit."""

    age_ns: int | None = None
    size: int | None = None  # bytes
    min_free: int | None = None  # bytes left on the disk


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to a segment, when and why."""

    segment: SegmentRow
    action: Action  # cut: only what `needed` covers stays; keep: all of it is needed
    reason: DeletionReason
    time_ns: int  # site time at which it is due
    needed: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True)
class Holdings:
    """What there is to choose from.

    `candidates` gives the closed segments of a camera that are not kept, by their start;
    `needed` the intervals of clips and protection that touch a segment.
    """

    usage: Iterable[UsageRow]
    candidates: Callable[[str], Iterator[SegmentRow]]
    needed: Callable[[SegmentRow], tuple[Interval, ...]]
    free_bytes: int | None  # None: the disk does not say


def limits_of(keep: Keep, camera: str | None = None) -> KeepLimits:
    """The limits of a recorder, or those of one of its cameras alone.

    The first glob below `keep.cameras` that means the camera counts. An age that it does not
    give is that of the recorder.
    """
    if camera is None:
        return KeepLimits(_ns(keep.age), keep.size, keep.min_free)
    own = next((own for glob, own in keep.cameras.items() if matches(camera, [glob])), None)
    if own is None:
        return KeepLimits(_ns(keep.age))
    age = keep.age if own.age is None else own.age
    return KeepLimits(_ns(age), own.size, own.min_free)


def plan_retention(
    keep: Keep, holdings: Holdings, now_ns: int, *, ages_until_ns: int | None = None
) -> Iterator[Decision]:
    """What is due now, in the order in which it happens; lazily, so that it may be cut short.

    `ages_until_ns`: also what age will delete until then, if nothing else does.
    """
    plan = _Plan(keep, holdings, now_ns)
    for camera in plan.cameras:
        yield from plan.aged(camera, now_ns)
    for camera in plan.cameras:
        yield from plan.too_much_of(camera)
    yield from plan.too_much()
    if ages_until_ns is not None:
        later = (plan.aged(camera, ages_until_ns) for camera in plan.cameras)
        yield from heapq.merge(*later, key=lambda decision: decision.time_ns)


def shortfall(keep: Keep, usage: Iterable[UsageRow], free_bytes: int | None) -> int:
    """How many bytes are beyond the limits that hold for all cameras together."""
    size, min_free = keep.size, keep.min_free
    over = 0 if size is None else sum(row.bytes for row in usage) - size
    lacking = 0 if min_free is None or free_bytes is None else min_free - free_bytes
    return max(over, lacking, 0)


@dataclass(slots=True)
class _Plan:
    """The bytes there are while the plan is made, and the next candidate of each camera."""

    keep: Keep
    holdings: Holdings
    now_ns: int
    cameras: list[str] = field(default_factory=list)
    _bytes: dict[str, int] = field(default_factory=dict)
    _free: int | None = None
    _limits: dict[str, KeepLimits] = field(default_factory=dict)
    _rows: dict[str, _Candidates] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for row in self.holdings.usage:
            self._bytes[row.camera] = row.bytes
            self._limits[row.camera] = limits_of(self.keep, row.camera)
            self._rows[row.camera] = _Candidates(self.holdings.candidates(row.camera))
        self.cameras = sorted(self._bytes)
        self._free = self.holdings.free_bytes

    def aged(self, camera: str, until_ns: int) -> Iterator[Decision]:
        age_ns, rows = self._limits[camera].age_ns, self._rows[camera]
        ageless: list[SegmentRow] = []  # their times say nothing of their age
        while age_ns is not None and (row := rows.next) is not None:
            due_ns = _end(row) + age_ns
            if due_ns >= until_ns:
                break
            rows.advance()
            if row.clock == "unset":
                ageless.append(row)
                continue
            time_ns = max(due_ns, self.now_ns)
            older = [one for one in ageless if one.id < row.id]
            ageless = [one for one in ageless if one.id > row.id]
            for one in (*older, row):  # what was recorded before it is as old, at least
                yield self._decide(one, "age", time_ns)
        rows.put_back(ageless)

    def too_much_of(self, camera: str) -> Iterator[Decision]:
        """Until one camera keeps within what it has for itself."""
        limits = self._limits[camera]
        while (row := self._rows[camera].next) is not None:
            reason = self._exceeded(limits, self._bytes[camera])
            if reason is None:
                return
            self._rows[camera].advance()
            yield self._decide(row, reason, self.now_ns)

    def too_much(self) -> Iterator[Decision]:
        """Until all cameras together keep within what the recorder has."""
        limits = limits_of(self.keep)
        heads = [
            (row.start_ns, camera) for camera in self.cameras if (row := self._rows[camera].next)
        ]
        heapq.heapify(heads)
        while heads:
            reason = self._exceeded(limits, sum(self._bytes.values()))
            if reason is None:
                return
            _, camera = heads[0]
            row = self._rows[camera].advance()
            following = self._rows[camera].next
            if following is None:
                heapq.heappop(heads)
            else:
                heapq.heapreplace(heads, (following.start_ns, camera))
            yield self._decide(row, reason, self.now_ns)

    def _exceeded(self, limits: KeepLimits, stored: int) -> DeletionReason | None:
        if limits.size is not None and stored > limits.size:
            return "size"
        if limits.min_free is not None and self._free is not None and self._free < limits.min_free:
            return "min_free"
        return None

    def _decide(self, row: SegmentRow, reason: DeletionReason, time_ns: int) -> Decision:
        needed = merge_intervals(self.holdings.needed(row))
        if needed and needed[0][0] <= row.start_ns and needed[0][1] >= _end(row):
            return Decision(row, "keep", reason, time_ns, needed)
        self._count(row, needed)
        return Decision(row, "cut" if needed else "delete", reason, time_ns, needed)

    def _count(self, row: SegmentRow, needed: tuple[Interval, ...]) -> None:
        """Credit what the decision frees; a cut is estimated by the time that goes."""
        length_ns = max(_end(row) - row.start_ns, 1)
        stays_ns = sum(min(end, _end(row)) - max(start, row.start_ns) for start, end in needed)
        freed = row.bytes - row.bytes * max(stays_ns, 0) // length_ns
        self._bytes[row.camera] -= freed
        if self._free is not None:
            self._free += freed


class _Candidates:
    """An iterator of segments whose next one can be looked at."""

    def __init__(self, rows: Iterator[SegmentRow]) -> None:
        self._rows = rows
        self.next = next(rows, None)

    def advance(self) -> SegmentRow:
        row = self.next
        assert row is not None  # asked for by callers that have seen it
        self.next = next(self._rows, None)
        return row

    def put_back(self, rows: list[SegmentRow]) -> None:
        if rows:
            following = [] if self.next is None else [self.next]
            self._rows = chain(rows, following, self._rows)
            self.next = next(self._rows, None)


def merge_intervals(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same moments, in order, with intervals that touch made one."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def _end(row: SegmentRow) -> int:
    return row.start_ns if row.end_ns is None else row.end_ns


def _ns(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * _SECOND_NS)

"""The proof: what a camera numbered is compared with what a reader received, frame by frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from camfan_faults.log import Received, Run, checksum
from camfan_nodes.recorder.index import Index
from camfan_testing.recordings import packets

NOT_WANTED = "not-wanted"
OVERRUN = "ring-overrun"
RESTARTED = "camera-restarted"


class DoesNotAddUpError(AssertionError):
    """A frame is missing, doubled, out of order, not explained, or not as it was published."""


@dataclass(slots=True)
class Account:
    """captured = before + delivered + skipped + lost + held."""

    captured: int = 0
    before: int = 0  # numbered before the reader began
    delivered: int = 0
    late: int = 0  # of those
    skipped: int = 0  # in mode `every`: they were not wanted
    lost: Counter[str] = field(default_factory=Counter)  # by reason
    held: int = 0  # behind the last one

    def check(self) -> Account:
        received = self.before + self.delivered + self.skipped + self.lost.total() + self.held
        if received != self.captured:
            raise DoesNotAddUpError(f"{self} does not add up: {received} of {self.captured}")
        return self

    def __str__(self) -> str:
        lost = ", ".join(f"{count} {reason}" for reason, count in self.lost.items()) or "none"
        return (
            f"captured {self.captured} = before {self.before} + delivered {self.delivered}"
            f" (late {self.late}) + skipped {self.skipped} + lost {self.lost.total()} ({lost})"
            f" + held {self.held}"
        )


def prove_every(
    runs: Sequence[Run], received: Iterable[Received], *, whole: bool = False
) -> Account:
    """All that a reader in mode `every` received of one camera, and nothing else, in order.

    `whole`: it was there before the first picture was.
    """
    account = Account(captured=sum(len(run.checksums) for run in runs))
    at, following = 0, 0  # the next picture: which run, which sequence
    begun = whole
    before: Received | None = None
    for item in received:
        if not begun:
            at, following = _begin(runs, item, account)
            begun = True
        if item.run != runs[at].run:
            _end_run(runs, at, following)
            at, following = _next_run(runs, at, item, account, before), 0
        before = item
        if item.first != following:
            raise DoesNotAddUpError(f"{item} came where {following} was to come")
        following = _count(runs[at], item, account)
    if begun:
        rest = sum(len(run.checksums) for run in runs[at + 1 :])
        account.held = len(runs[at].checksums) - following + rest
    elif not begun:
        account.before = account.captured
    return account.check()


def _begin(runs: Sequence[Run], item: Received, account: Account) -> tuple[int, int]:
    at = next((n for n, run in enumerate(runs) if run.run == item.run), None)
    if at is None:
        raise DoesNotAddUpError(f"{item} is of a run that never was")
    account.before = sum(len(run.checksums) for run in runs[:at]) + item.first
    return at, item.first


def _end_run(runs: Sequence[Run], at: int, following: int) -> None:
    """A camera that was killed may have written down a picture that it did not publish."""
    missing = len(runs[at].checksums) - following
    if missing > 1:
        raise DoesNotAddUpError(f"run {runs[at].run} ends at {following}: {missing} are missing")
    if missing == 1:
        runs[at].checksums.pop()


def _next_run(
    runs: Sequence[Run], at: int, item: Received, account: Account, before: Received | None
) -> int:
    """Lives that began and ended unseen belong to the gap that has no known end."""
    found = next((n for n in range(at + 1, len(runs)) if runs[n].run == item.run), None)
    if found is None:
        raise DoesNotAddUpError(f"{item} is of a run out of order")
    for run in runs[at + 1 : found]:
        if before is None or before.last is not None or before.reason is None:
            raise DoesNotAddUpError(f"run {run.run} is missing, without a gap")
        account.lost[before.reason] += len(run.checksums)
    return found


def _count(run: Run, item: Received, account: Account) -> int:
    """What comes after an item."""
    end = len(run.checksums) if item.last is None else item.last + 1
    if end > len(run.checksums):
        raise DoesNotAddUpError(f"{item}, but the camera numbered {len(run.checksums)}")
    if item.reason is None:
        if item.checksum != run.checksums[item.first]:
            raise DoesNotAddUpError(f"{item} is not the picture that was published")
        account.delivered += 1
        account.late += item.late
    elif item.reason == NOT_WANTED:
        account.skipped += end - item.first
    else:
        account.lost[item.reason] += end - item.first
    return end


def prove_latest(runs: Sequence[Run], received: Iterable[Received]) -> int:
    """Frames of one camera in mode `latest`: as published, each newer than the last; how many."""
    by_id = {run.run: (number, run) for number, run in enumerate(runs)}
    place = (-1, -1)
    frames = 0
    for item in received:
        number, run = by_id[item.run]
        if item.reason is not None:
            continue
        if (number, item.first) <= place:
            raise DoesNotAddUpError(f"{item} came after {place}")
        if item.checksum != run.checksums[item.first]:
            raise DoesNotAddUpError(f"{item} is not the picture that was published")
        place, frames = (number, item.first), frames + 1
    return frames


def recorded(folder: Path, camera: str, step_ns: int = 0) -> list[Received]:
    """What is in a recording, as a reader in mode `every` would have received it.

    Files are read by FFmpeg. Raises DoesNotAddUpError where frames are not in order of time, but
    for `step_ns`: so far the estimate of a camera's clock may be corrected between two frames.
    """
    index = Index(folder)
    found: dict[tuple[str, int], Received] = {}
    times: dict[str, list[tuple[int, int]]] = {}  # of each run: time, sequence
    for row in index.reader.segments(camera):
        entries = index.reader.frames_of(row.id)
        jpegs = [data for _, data in packets(folder / row.path)]
        for entry, data in zip(entries, jpegs, strict=True):
            key = (row.run, entry.sequence)
            if key in found:
                raise DoesNotAddUpError(f"{camera} {key} is recorded twice")
            found[key] = Received(camera, *key, entry.sequence, None, checksum(data))
            times.setdefault(row.run, []).append((entry.time_ns, entry.sequence))
    for run, places in times.items():
        in_time = [time_ns for time_ns, _ in sorted(places, key=lambda place: place[1])]
        if any(later < earlier - step_ns for earlier, later in pairwise(in_time)):
            raise DoesNotAddUpError(f"{camera} {run}: recorded in another order than captured")
    gaps = index.reader.gaps(camera)
    index.close()
    received = list(found.values())
    received += [Received(camera, gap.run, gap.first, gap.last, gap.reason) for gap in gaps]
    return received


def in_order(runs: Sequence[Run], received: Iterable[Received]) -> list[Received]:
    """By run and sequence: what a recording holds, whenever it came."""
    number = {run.run: place for place, run in enumerate(runs)}
    return sorted(received, key=lambda item: (number.get(item.run, -1), item.first))

"""What retention deletes, in which order and why: the whole matrix, without a disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from camfan.recording.retention import (
    Holdings,
    Interval,
    limits_of,
    merge_intervals,
    plan_retention,
    shortfall,
)
from camfan.recording.rows import SegmentRow, UsageRow
from camfan_config import CameraKeep, Keep

MINUTE_NS = 60_000_000_000
DAY_S = 86_400.0
NOW_NS = 1_795_342_500_000_000_000


def segment(
    number: int, camera: str = "porch", *, clock: str = "set", at: int = NOW_NS
) -> SegmentRow:
    """The file that began `number` minutes ago, of one minute and 100 bytes."""
    start_ns = at - number * MINUTE_NS
    return SegmentRow(
        id=number, camera=camera, run="a" * 16, path=f"{camera}/{number}", width=1, height=1,
        state="closed", start_ns=start_ns, end_ns=start_ns + MINUTE_NS, bytes=100,
        clock=clock,  # type: ignore[arg-type]  # one of the two words
    )  # fmt: skip


@dataclass
class Disk:
    """Segments of which the newest `open_` bytes are still being written."""

    segments: list[SegmentRow]
    free: int | None = 10_000
    open_: int = 0
    needed: dict[tuple[str, int], tuple[Interval, ...]] = field(default_factory=dict)

    def holdings(self) -> Holdings:
        usage: dict[str, int] = {}
        for row in self.segments:
            usage[row.camera] = usage.get(row.camera, self.open_) + row.bytes
        return Holdings(
            usage=[UsageRow(camera, 1, stored) for camera, stored in usage.items()],
            candidates=self._candidates,
            needed=lambda row: self.needed.get((row.camera, row.id), ()),
            free_bytes=self.free,
        )

    def _candidates(self, camera: str) -> Iterator[SegmentRow]:
        rows = [row for row in self.segments if row.camera == camera]
        return iter(sorted(rows, key=lambda row: row.start_ns))


def decisions(keep: Keep, disk: Disk, now_ns: int = NOW_NS) -> list[tuple[str, int, str, str]]:
    found = plan_retention(keep, disk.holdings(), now_ns)
    return [(d.segment.camera, d.segment.id, d.action, d.reason) for d in found]


def minutes(*numbers: int, camera: str = "porch", clock: str = "set") -> list[SegmentRow]:
    return [segment(number, camera, clock=clock) for number in numbers]


def whole(number: int) -> tuple[Interval, ...]:
    row = segment(number)
    return ((row.start_ns, row.end_ns or 0),)


def first_half(number: int) -> tuple[Interval, ...]:
    row = segment(number)
    return ((row.start_ns, row.start_ns + MINUTE_NS // 2),)


TWO = [*minutes(9, 5, 3), *minutes(8, 4, 2, camera="drive")]
MATRIX = {
    "no limit": (Keep(), Disk(minutes(9000, 5)), []),
    "age": (Keep(age=300.0), Disk(minutes(9, 6, 5)), [("porch", 9, "delete", "age")]),
    "age, to the nanosecond": (
        Keep(age=300.0 - 1e-9), Disk(minutes(6)), [("porch", 6, "delete", "age")],
    ),
    "age of zero takes all that is closed": (
        Keep(age=0.0), Disk(minutes(2)), [("porch", 2, "delete", "age")],
    ),
    "size": (Keep(size=200), Disk(minutes(9, 6, 5)), [("porch", 9, "delete", "size")]),
    "size that just fits": (Keep(size=300), Disk(minutes(9, 6, 5)), []),
    "the open segment counts and is not deleted": (
        Keep(size=50), Disk(minutes(9), open_=100), [("porch", 9, "delete", "size")],
    ),
    "size of all cameras, oldest first": (
        Keep(size=250), Disk(TWO),
        [("porch", 9, "delete", "size"), ("drive", 8, "delete", "size"),
         ("porch", 5, "delete", "size"), ("drive", 4, "delete", "size")],
    ),
    "min_free": (
        Keep(min_free=1000), Disk(minutes(9, 6, 5), free=801),
        [("porch", 9, "delete", "min_free"), ("porch", 6, "delete", "min_free")],
    ),
    "a disk that does not say": (Keep(min_free=1000), Disk(minutes(9), free=None), []),
    "what age frees counts for min_free": (
        Keep(age=470.0, min_free=1000), Disk(minutes(9, 6, 5), free=850),
        [("porch", 9, "delete", "age"), ("porch", 6, "delete", "min_free")],
    ),
    "age, then size, then min_free": (
        Keep(age=470.0, size=150, min_free=1000), Disk(minutes(9, 6, 5, 4), free=650),
        [("porch", 9, "delete", "age"), ("porch", 6, "delete", "size"),
         ("porch", 5, "delete", "size"), ("porch", 4, "delete", "min_free")],
    ),
    "a camera with an age of its own": (
        Keep(age=420.0, cameras={"por*": CameraKeep(age=180.0)}), Disk(TWO),
        [("porch", 9, "delete", "age"), ("porch", 5, "delete", "age")],
    ),
    "a camera that stays longer": (
        Keep(age=180.0, cameras={"porch": CameraKeep(age=DAY_S)}), Disk(TWO),
        [("drive", 8, "delete", "age")],
    ),
    "the first glob that fits counts": (
        Keep(cameras={"p*": CameraKeep(size=100), "porch": CameraKeep(size=0)}), Disk(TWO),
        [("porch", 9, "delete", "size"), ("porch", 5, "delete", "size")],
    ),
    "the size of each camera of a glob": (
        Keep(cameras={"*": CameraKeep(size=200)}), Disk(TWO),
        [("drive", 8, "delete", "size"), ("porch", 9, "delete", "size")],
    ),
    "a camera that gives way first": (
        Keep(min_free=900, cameras={"drive": CameraKeep(min_free=1000)}), Disk(TWO, free=850),
        [("drive", 8, "delete", "min_free"), ("drive", 4, "delete", "min_free")],
    ),
    "a protected segment is passed over": (
        Keep(size=200), Disk(minutes(9, 6, 5), needed={("porch", 9): whole(9)}),
        [("porch", 9, "keep", "size"), ("porch", 6, "delete", "size")],
    ),
    "everything protected": (
        Keep(age=1.0, size=0, min_free=99_999),
        Disk(minutes(9, 6), needed={("porch", 9): whole(9), ("porch", 6): whole(6)}),
        [("porch", 9, "keep", "age"), ("porch", 6, "keep", "age")],
    ),
    "what a clip does not need is cut off": (
        Keep(size=150), Disk(minutes(9, 6), needed={("porch", 9): first_half(9)}),
        [("porch", 9, "cut", "size")],
    ),
    "a cut frees less than a segment": (
        Keep(size=149), Disk(minutes(9, 6), needed={("porch", 9): first_half(9)}),
        [("porch", 9, "cut", "size"), ("porch", 6, "delete", "size")],
    ),
    "a clock in the past deletes nothing by age": (
        Keep(age=1.0), Disk([segment(-600), segment(-5)]), [],
    ),
    "times of a clock that was not set say nothing of age": (
        Keep(age=180.0), Disk([*minutes(9_000_000, clock="unset"), *minutes(9)]),
        [("porch", 9, "delete", "age")],
    ),
    "but they are as old as what was recorded after them": (
        Keep(age=180.0),
        Disk([replace(segment(9_000_000, clock="unset"), id=3), *minutes(9, 2)]),
        [("porch", 3, "delete", "age"), ("porch", 9, "delete", "age")],
    ),
    "but they count for size, in their order": (
        Keep(age=180.0, size=100), Disk([*minutes(9_000_000, clock="unset"), *minutes(9, 2)]),
        [("porch", 9, "delete", "age"), ("porch", 9_000_000, "delete", "size")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("keep", "disk", "expected"), MATRIX.values(), ids=MATRIX.keys())
def test_matrix(keep: Keep, disk: Disk, expected: list[tuple[str, int, str, str]]) -> None:
    """Limits, cameras, protection, clips and clocks, each and together."""
    assert decisions(keep, disk) == expected


@pytest.mark.parametrize("change", ["2026-03-29 02:30", "2026-10-25 02:30"])
def test_age_is_time_and_not_what_a_wall_clock_shows(change: str) -> None:
    """Across a change to or from daylight saving time, an hour stays 60 minutes."""
    local = datetime.fromisoformat(change).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    now_ns = int(local.timestamp()) * 1_000_000_000
    rows = [segment(number, at=now_ns) for number in range(130, 0, -1)]

    deleted = [number for _, number, _, _ in decisions(Keep(age=3600.0), Disk(rows), now_ns)]

    assert deleted == list(range(130, 61, -1))


def test_the_future_is_planned_by_age_only() -> None:
    """Nothing is due now; what age will take comes in the order in which it is due."""
    keep = Keep(age=3600.0, cameras={"drive": CameraKeep(age=600.0)})
    disk = Disk([*minutes(59, 50), *minutes(8, 4, camera="drive")])

    found = list(
        plan_retention(keep, disk.holdings(), NOW_NS, ages_until_ns=NOW_NS + 5 * MINUTE_NS)
    )

    assert [(d.segment.camera, d.segment.id) for d in found] == [("porch", 59), ("drive", 8)]
    assert [d.time_ns - NOW_NS for d in found] == [2 * MINUTE_NS, 3 * MINUTE_NS]


def test_a_plan_is_made_no_further_than_it_is_read() -> None:
    """A million segments cost nothing while only the first decision is asked for."""
    read = list[int]()

    def candidates(_camera: str) -> Iterator[SegmentRow]:
        for number in range(1_000_000, 0, -1):
            read.append(number)
            yield segment(number)

    holdings = Holdings([UsageRow("porch", 1_000_000, 10**8)], candidates, lambda _row: (), None)

    assert next(plan_retention(Keep(size=1), holdings, NOW_NS)).segment.id == 1_000_000
    assert len(read) < 5


def test_limits_that_cannot_be_held_are_a_number() -> None:
    """What is beyond the limits of all cameras, once there is nothing left to delete."""
    usage = [UsageRow("porch", 1, 600), UsageRow("drive", 1, 500)]

    assert shortfall(Keep(size=1000), usage, None) == 100
    assert shortfall(Keep(size=1000, min_free=400), usage, 150) == 250
    assert shortfall(Keep(age=1.0), usage, 0) == 0
    assert limits_of(Keep(age=2.0, cameras={"x": CameraKeep()}), "x").age_ns == 2_000_000_000


def test_intervals_that_touch_are_one() -> None:
    """Overlapping, nested and adjoining intervals, in any order."""
    assert merge_intervals([(5, 9), (1, 2), (3, 4), (6, 7), (20, 30)]) == ((1, 9), (20, 30))
    assert merge_intervals([]) == ()

"""A judge of a case finds what is wrong in a script's output, and nothing in a right one."""

from __future__ import annotations

import pytest

from camfan_cases.judges import CASES, Case
from camfan_cases.table import Row, find_faults, read_rows

LIVE = (
    "gate                           57 frames  state=live  refused=0 unreadable=None reopened=0\n"
)


def test_a_row_of_the_table_is_read() -> None:
    assert read_rows(LIVE) == [Row("gate", 57, "live", 0, 0, 0)]


def test_a_live_camera_is_right() -> None:
    assert find_faults(LIVE, cameras=1, frames=50) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("57 frames", "12 frames"), "gate: 12 frames, at least 50 expected"),
        (("state=live", "state=waiting for it"), "gate: state is waiting for it"),
        (("refused=0", "refused=3"), "gate: refused=3"),
        (("reopened=0", "reopened=2"), "gate: reopened=2"),
        (("gate", "ga te"), "0 of 1 cameras in the table"),
    ],
)
def test_what_is_wrong_with_a_camera_is_found(change: tuple[str, str], fault: str) -> None:
    assert find_faults(LIVE.replace(*change), cameras=1, frames=50) == [fault]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.script)
def test_a_script_that_fails_is_not_right(case: Case) -> None:
    assert case.judge("Traceback (most recent call last):\n") != []

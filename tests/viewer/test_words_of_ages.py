"""How ages, times and counts are said."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camfan_nodes.monitor.words import (
    age_text,
    count_text,
    fps_text,
    length_text,
    need_text,
    old_text,
    time_text,
)


@pytest.mark.parametrize(
    ("seconds", "error", "said"),
    [
        (0.180, 0.006, "180 ms ±6"),
        (0.183, 0.060, "180 ms ±60"),
        (1.9, 0.1, "1.9 s ±0.1"),
        (1.9, 0.002, "1.9 s ±0.1"),
        (12.3, 0.7, "12 s ±1"),
        (12.3, 2.2, "12 s ±2"),
        (0.2, 0.3, "< 500 ms"),
        (0.2, 1.3, "< 1.5 s"),
        (-0.01, 0.04, "< 40 ms"),
        (0.0, 0.0, "0 ms ±1"),
    ],
)
def test_an_age_has_its_error_and_no_more_digits_than_that_allows(
    seconds: float, error: float, said: str
) -> None:
    """Below a second in ms, above in s; `<` where the error is larger than the age."""
    assert age_text(seconds, error) == said


@given(st.floats(0, 1e6), st.floats(0, 1e4))
def test_every_age_says_its_error(seconds: float, error: float) -> None:
    """No age without its error, whatever the two are."""
    said = age_text(seconds, error)

    assert re.fullmatch(r"\d+ ms ±\d+|\d+(\.\d)? s ±\d+(\.\d)?|< \d+ ms|< \d+\.\d s", said)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "0 s"),
        (21, "21 s"),
        (135, "2 min 15 s"),
        (11_520, "3 h 12 min"),
        (90_000, "1 day"),
        (345_600, "4 days"),
    ],
)
def test_a_length_has_at_most_two_units(seconds: float, said: str) -> None:
    """Words for what is stale, readable from three metres."""
    assert length_text(seconds) == said
    assert old_text(seconds) == f"{said} old"


def test_a_time_of_another_day_has_its_date() -> None:
    """A camera that went away yesterday does not seem to have gone this morning."""
    now_ns = time.time_ns()
    yesterday_ns = now_ns - 86_400 * 1_000_000_000

    assert re.fullmatch(r"\d\d:\d\d:\d\d", time_text(now_ns, now_ns))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", time_text(yesterday_ns, now_ns))


def test_what_needs_a_person_is_one_sentence() -> None:
    """One sentence first, then the detail."""
    assert need_text([]) == ""
    assert need_text(["gate is offline"]) == "1 thing needs attention: gate is offline."
    assert (
        need_text(["a is stale.", "b is stale"])
        == "2 things need attention: a is stale; b is stale."
    )


def test_thousands_stand_apart() -> None:
    """Counts are never rounded, so they are made readable."""
    assert count_text(3375) == "3\u202f375"
    assert count_text(12) == "12"


@pytest.mark.parametrize(
    ("fps", "text"),
    [
        (None, ""), (30.2, "30 fps"), (1.0, "1.0 fps"), (0.3, "0.3 fps"), (0.2, "1 in 5 s"),
        (1 / 7, "1 in 7 s"), (1 / 90, "1 in 1 min 30 s"), (1 / 3600, "1 in 1 h 0 min"),
    ],
)  # fmt: skip
def test_a_slow_rate_is_shown_as_an_interval(fps: float | None, text: str) -> None:
    """Nothing that gives pictures has a rate of 0.0."""
    assert fps_text(fps) == text

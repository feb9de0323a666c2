"""What is said of the time at which a picture was taken holds, however stamps and networks are."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camfan_nodes.camera.capture_times import UNKNOWN_NS, CaptureTime, CaptureTimes

MS = 1_000_000
START_NS = 5_000_000 * MS


def holds(moment: CaptureTime, taken_ns: int) -> bool:
    return abs(moment.at_ns - taken_ns) <= moment.error_ns


@given(
    st.integers(-(2**62), 2**62),
    st.lists(st.integers(0, 1500), min_size=2, max_size=100),
    st.integers(0, 900),
)
def test_a_picture_that_waited_on_the_way_is_as_old_as_it_is(
    origin: int, delays_ms: list[int], least_ms: int
) -> None:
    """Wherever the camera's clock begins; pictures never overtake each other."""
    times, arrived_ns, shortest_ns = CaptureTimes(), 0, UNKNOWN_NS + 1
    for number, delay_ms in enumerate(delays_ms):
        taken_ns = START_NS + number * 100 * MS
        arrived_ns = max(arrived_ns, taken_ns + (least_ms + delay_ms) * MS)
        shortest_ns = min(shortest_ns, arrived_ns - taken_ns)
        times.note(origin + taken_ns, arrived_ns)
        moment = times.of(origin + taken_ns, arrived_ns)

        assert moment.at_ns <= arrived_ns
        if number and shortest_ns <= UNKNOWN_NS:
            assert holds(moment, taken_ns)


def test_after_the_fastest_picture_a_slow_one_is_known_exactly() -> None:
    times = CaptureTimes()
    for number in range(20):
        taken_ns = START_NS + number * 100 * MS
        times.note(taken_ns, taken_ns + 3 * MS)
    taken_ns = START_NS + 2000 * MS
    times.note(taken_ns, taken_ns + 4000 * MS)

    assert times.of(taken_ns, taken_ns + 4000 * MS).at_ns == pytest.approx(taken_ns, abs=10 * MS)


@pytest.mark.parametrize("ahead_s", [0, 3600, -1_700_000_000])
def test_a_report_shows_a_delay_that_no_arrival_shows(ahead_s: int) -> None:
    times = CaptureTimes()
    for number in range(50):
        taken_ns = START_NS + number * 100 * MS
        arrived_ns = taken_ns + 3000 * MS
        if number % 10 == 0:  # sent at `arrived_ns`, when the camera was that much further
            stamp_ns = arrived_ns + ahead_s
            times.report(stamp_ns, arrived_ns - 100 * MS, arrived_ns)
        times.note(taken_ns + ahead_s, arrived_ns)
    moment = times.of(taken_ns + ahead_s, arrived_ns)

    assert holds(moment, taken_ns)
    assert moment.error_ns < 500 * MS


@given(st.integers(-(2**40), 2**40))
def test_a_report_of_another_clock_is_not_believed(wrong_ms: int) -> None:
    """The worst that it can do is to make a picture too old."""
    times = CaptureTimes()
    for number in range(30):
        taken_ns = START_NS + number * 100 * MS
        arrived_ns = taken_ns + 5 * MS
        times.note(taken_ns, arrived_ns)
        times.report(taken_ns + wrong_ms * MS, arrived_ns - 100 * MS, arrived_ns)
        moment = times.of(taken_ns, arrived_ns)

        assert moment.at_ns <= arrived_ns
        assert arrived_ns - moment.at_ns <= 10_000 * MS


@given(st.lists(st.integers(-(2**50), 2**50), min_size=2, max_size=200))
def test_any_stamps_at_all_make_no_picture_younger_than_its_arrival_shows(
    stamps: list[int],
) -> None:
    """Nor older than half a minute."""
    times = CaptureTimes()
    for number, stamp_ns in enumerate(stamps):
        arrived_ns = START_NS + number * 100 * MS
        times.note(stamp_ns, arrived_ns)
        moment = times.of(stamp_ns, arrived_ns)

        assert arrived_ns - 31_000 * MS <= moment.at_ns <= arrived_ns
        assert moment.error_ns >= arrived_ns - moment.at_ns


@pytest.mark.parametrize("pace", [0.0, 0.1, 0.5, 0.95, 1.05, 2.0, 10.0])
def test_a_clock_of_another_pace_is_found_out(pace: float) -> None:
    """Cameras stamp by the rate that they are meant to have."""
    times = CaptureTimes()
    for number in range(2000):
        taken_ns = START_NS + number * 100 * MS
        stamp_ns = round(number * 100 * MS * pace)
        times.note(stamp_ns, taken_ns + 5 * MS)
        moment = times.of(stamp_ns, taken_ns + 5 * MS)

        assert number < 1 or holds(moment, taken_ns)
    assert taken_ns - moment.at_ns < 1000 * MS


def test_a_slow_but_honest_clock_of_a_real_quartz_is_believed() -> None:
    """200 ppm off for ten hours, on a network with jitter."""
    times, dice = CaptureTimes(), random.Random(1)
    for number in range(36_000):
        taken_ns = START_NS + number * 1000 * MS
        stamp_ns = round(number * 1000 * MS * 0.9998)
        times.note(stamp_ns, taken_ns + dice.randrange(2, 60) * MS)
    late_ns = taken_ns + 3000 * MS
    times.note(stamp_ns + 1, late_ns)

    assert times.of(stamp_ns + 1, late_ns).at_ns == pytest.approx(taken_ns, abs=100 * MS)

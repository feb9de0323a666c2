"""When a picture is due, and which are left out at a lower rate."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camfan_nodes.camera.pacing import Pacer, Thinner
from camfan_nodes.camera.source import SLICE_S
from camfan_testing.cameras import FakeClock


@pytest.mark.parametrize(
    ("source_fps", "fps", "kept"), [(25, 10, 100), (30, 15, 150), (30, 7, 70), (10, 25, 100)]
)
def test_thinning_is_even(source_fps: int, fps: float, kept: int) -> None:
    """Of ten seconds, `fps` pictures a second are left, with no hole larger than needed."""
    thinner = Thinner(fps)

    times = [n / source_fps for n in range(10 * source_fps) if thinner.keeps(n / source_fps)]

    assert abs(len(times) - kept) <= 1
    longest = max(b - a for a, b in itertools.pairwise(times))
    assert longest <= 1 / min(fps, source_fps) + 1 / source_fps + 1e-9


@given(st.lists(st.floats(-0.02, 0.02), min_size=100, max_size=100))
def test_jitter_does_not_halve_the_rate(jitter: list[float]) -> None:
    """A camera at 10 fps whose pictures come a little early or late loses none at `fps: 10`."""
    thinner = Thinner(10)

    kept = sum(thinner.keeps(n / 10 + late) for n, late in enumerate(jitter))

    assert kept >= 99


def test_without_a_rate_every_picture_is_kept() -> None:
    """No `fps`, nothing is left out."""
    thinner = Thinner(None)

    assert all(thinner.keeps(at) for at in (0, 0.001, 0.001, 5, 3))


def test_a_clock_that_falls_back_does_not_stop_the_pictures() -> None:
    """When times start again, so does the thinning."""
    thinner = Thinner(1)
    assert thinner.keeps(1000)

    assert thinner.keeps(10)
    assert not thinner.keeps(10.5)
    assert thinner.keeps(11)


def test_pictures_are_held_back_until_their_time() -> None:
    """Recorded times are played in real time, in slices short enough to hear a stop."""
    clock = FakeClock()
    pacer = Pacer(clock)
    begun_ns = clock.now_ns
    assert pacer.reached(0)

    assert not pacer.reached(1.2)
    assert not pacer.reached(1.2)
    assert pacer.reached(1.2)

    assert clock.now_ns - begun_ns == pytest.approx(1.2e9, abs=1000)
    assert max(clock.waited) <= SLICE_S


def test_a_machine_that_was_away_does_not_rush() -> None:
    """After a suspend, playing goes on from there instead of catching up."""
    clock = FakeClock()
    pacer = Pacer(clock)
    assert pacer.reached(0)
    clock.now_ns += 60_000_000_000
    begun_ns = clock.now_ns

    assert pacer.reached(0.1)
    assert pacer.reached(0.4)

    assert clock.now_ns - begun_ns == pytest.approx(0.3e9, abs=1000)

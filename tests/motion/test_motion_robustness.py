"""Whatever pictures and times come, the motion detector goes on and stays true."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camfan_config.types import Motion
from camfan_nodes.motion.detector import Detector
from camfan_nodes.motion.pictures import decoding_scale
from camfan_nodes.motion.viewpoint import has_slid
from camfan_testing.motion_scenes import (
    SECOND,
    START_NS,
    Gray,
    Scene,
    ended,
    film,
    flat,
    seconds,
    textured,
    watch,
    with_box,
)

HOUR = 3600 * SECOND
ROOM = textured()


def passage(at_s: float) -> Scene:
    return with_box(ROOM, (at_s - 6) * 40, 70) if at_s >= 6 else ROOM


def stepped(step_ns: int) -> Iterator[tuple[Gray, int]]:
    """The clock of the camera is set while something passes, 10 s after the beginning."""
    for gray, time_ns in film(passage, 25):
        yield gray, time_ns + (step_ns if seconds(time_ns) >= 10 else 0)


@pytest.mark.parametrize("step_ns", [-HOUR, -3 * SECOND, HOUR])
def test_a_step_of_the_clock_leaves_lengths_true(step_ns: int) -> None:
    """The event that is open ends where the clock was set, and what still moves is another."""
    first, second = ended(watch(stepped(step_ns)))

    assert seconds(first.start_ns) == pytest.approx(6, abs=0.5)
    assert seconds(first.last_ns) == pytest.approx(9.8, abs=0.5)
    assert seconds(second.start_ns - step_ns) == pytest.approx(10, abs=0.5)
    assert seconds(second.last_ns - step_ns) == pytest.approx(14, abs=0.5)


def test_frames_that_stop_coming_end_the_event_where_it_was_last_seen() -> None:
    """After a gap in the frames that is longer than `end_after`, motion is a new event."""
    film_with_gap = [
        (gray, time_ns + (20 * SECOND if seconds(time_ns) >= 10 else 0))
        for gray, time_ns in film(passage, 25)
    ]

    before, after = ended(watch(film_with_gap))

    assert seconds(before.last_ns) == pytest.approx(9.8, abs=0.3)
    assert seconds(after.start_ns) == pytest.approx(30, abs=0.3)


def test_another_size_is_another_scene() -> None:
    """A camera that changes its size ends what is open and learns again, without false motion."""
    large = film(passage, 10)
    small = ((gray, t + 10 * SECOND) for gray, t in film(lambda _: textured(160, 120), 20))

    (event,) = ended(watch([*large, *small]))

    assert seconds(event.last_ns) <= 10


def test_a_picture_of_any_size_is_brought_to_the_same() -> None:
    """Twice the lines give the same event, with boxes that are shares of the picture."""
    doubled = [
        (np.repeat(np.repeat(gray, 2, 0), 2, 1), time_ns) for gray, time_ns in film(passage, 20)
    ]

    (event,) = ended(watch(doubled))

    assert event.boxes[0][1:] == pytest.approx((70 / 180, 30 / 320, 30 / 180), abs=0.03)


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (3, 200), (200, 3)])
def test_tiny_pictures_are_watched(shape: tuple[int, int]) -> None:
    """Something that changes all of a tiny picture raises nothing."""
    generator = np.random.default_rng(1)
    pictures = (
        (generator.integers(0, 256, shape).astype(np.uint8), START_NS + n * SECOND // 5)
        for n in range(60)
    )

    for change in watch(pictures):
        assert change.last_ns >= change.start_ns


@pytest.mark.parametrize("grey", [0, 255])
def test_black_and_white_pictures_are_not_motion(grey: int) -> None:
    """A camera that sends black, then a picture, then black again has not seen motion."""

    def at(at_s: float) -> Scene:
        return ROOM if 10 <= at_s < 20 else flat(grey=grey)

    changes = watch(film(at, 30, noise=0))

    assert "motion" not in {change.kind for change in changes}


def test_the_same_pictures_give_the_same_changes() -> None:
    """There is no chance and no clock in the detector."""
    pictures = list(film(passage, 20))

    assert watch(pictures) == watch(pictures)


def test_a_picture_is_not_written_to() -> None:
    """Neither the caller's pictures nor those that are compared are changed."""
    gray = np.full((240, 320), 90, np.uint8)
    gray.setflags(write=False)
    Detector(Motion()).feed(gray, START_NS)
    before, after = ROOM.copy(), np.roll(ROOM, 9, 1)

    has_slid(after, before)

    assert np.array_equal(before, ROOM)
    assert np.array_equal(after, np.roll(ROOM, 9, 1))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-(2**62), 2**62), st.integers(0, 3), st.integers(1, 40)),
        max_size=40,
    ),
    st.floats(0.5, 30),
)
def test_any_times_and_sizes_are_survived(frames: list[tuple[int, int, int]], fps: float) -> None:
    """Whatever comes, there is an end to every start, and no event ends before it began."""
    generator = np.random.default_rng(5)
    pictures = (
        (generator.integers(0, 256, (4 + 40 * kind, side)).astype(np.uint8), time_ns)
        for time_ns, kind, side in frames
    )

    changes = watch(pictures, Motion(fps=fps))

    starts = [change.number for change in changes if change.state == "start"]
    ends = [change.number for change in changes if change.state == "end"]
    assert sorted(starts) == sorted(ends) == sorted(set(starts))
    assert all(change.last_ns >= change.start_ns for change in changes)


@pytest.mark.parametrize(
    ("height", "lines"), [(100, 100), (180, 180), (243, 183), (480, 180), (720, 180), (1080, 270)]
)
def test_jpegs_are_decoded_at_a_fitting_scale(height: int, lines: int) -> None:
    """The smallest scale that gives enough lines."""
    assert -(-height * decoding_scale(height) // 1) == lines

"""Site time of frames: even intervals, never backwards, whatever the clocks do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from camfan_nodes.recorder.timeline import LATEST_NS, FrameTime, Timeline

T = 1_795_342_500_000_000_000
STEP = 66_000_000
HOUR = 3_600_000_000_000
SECOND = 1_000_000_000
I64 = st.integers(-(2**63), 2**63 - 1)


def started(offset_ns: int | None = 0) -> Timeline:
    """Two frames into a segment."""
    timeline = Timeline()
    timeline.start(T, offset_ns)
    timeline.follow(T + STEP, offset_ns)
    return timeline


def test_time_is_the_cameras_put_right() -> None:
    """A frame happened at its capture time plus the offset of the camera's clock."""
    assert Timeline().start(T, -5 * SECOND) == T - 5 * SECOND
    assert Timeline().start(T, None) == T


def test_a_trembling_offset_moves_nothing() -> None:
    """Intervals are those of the camera's clock: the estimate of its offset is not in them."""
    timeline = started()

    moments = [timeline.follow(T + n * STEP, (-1) ** n * 9_000_000) for n in range(2, 9)]

    assert moments == [FrameTime(T + n * STEP) for n in range(2, 9)]


def test_a_clock_set_back_is_bridged() -> None:
    """Set back, and the offset not known yet: time goes on by the last interval."""
    timeline = started()

    assert timeline.follow(T - HOUR, 0) == FrameTime(T + 2 * STEP, -HOUR - STEP)
    assert timeline.follow(T - HOUR + STEP, 0) == FrameTime(T + 3 * STEP)
    assert timeline.follow(T - HOUR + 2 * STEP, HOUR + 2 * STEP) == FrameTime(T + 4 * STEP)


def test_an_estimate_that_became_better_is_not_a_clock_that_was_set() -> None:
    """The times of RTSP pictures go back when more is known: by no more than they may be wrong."""
    timeline = started()

    assert timeline.follow(T + STEP - 55_000_000, 0, 250_000_000) == FrameTime(T + 2 * STEP)
    assert timeline.follow(T - SECOND, 0, 250_000_000).step_ns < -SECOND


def test_a_clock_set_and_its_offset_cancel_out() -> None:
    """Set forward or back, with the offset that says so: nothing happened to the pictures."""
    for by in (HOUR, -HOUR, SECOND, -SECOND):
        timeline = started()

        moment = timeline.follow(T + 2 * STEP + by, -by)

        assert moment == FrameTime(T + 2 * STEP, by)
        assert timeline.follow(T + 3 * STEP + by, -by) == FrameTime(T + 3 * STEP)


def test_a_corrected_offset_starts_a_segment() -> None:
    """When the site's clock is learnt, or set, frames from here on are filed under it."""
    assert started(None).follow(T + 2 * STEP, HOUR) == FrameTime(T + 2 * STEP + HOUR, 0, True)
    assert started(0).follow(T + 2 * STEP, -HOUR) == FrameTime(T + 2 * STEP - HOUR, -HOUR, True)


def test_an_outage_is_an_outage() -> None:
    """A camera that stood still for a while has a hole in its recording, not a set clock."""
    assert started().follow(T + HOUR, 0) == FrameTime(T + HOUR)


def test_a_new_segment_does_not_begin_before_the_last_frame() -> None:
    """An estimate that was corrected a little does not make segments overlap."""
    timeline = started()

    assert timeline.start(T + 2 * STEP, -SECOND // 2) == T + STEP


@given(st.lists(st.tuples(I64, st.none() | I64), min_size=1, max_size=30))
def test_time_never_goes_back_in_a_segment(frames: list[tuple[int, int | None]]) -> None:
    """Any times and offsets give times that fit the file, in order."""
    timeline = Timeline()
    last = timeline.start(*frames[0])

    for captured, offset in frames[1:]:
        moment = timeline.follow(captured, offset)
        assert moment.restart or moment.time_ns >= last
        assert 0 <= moment.time_ns <= LATEST_NS
        last = moment.time_ns

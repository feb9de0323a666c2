"""How frames of another site become ours: what is counted as left there, and on whose clock."""

from __future__ import annotations

import time

import zmq
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from camfan_broker.upstream.camera_map import UpstreamCameraMap
from camfan_broker.upstream.inbox import WAITING, UpstreamFrame, UpstreamInbox
from camfan_config import Limits
from camfan_wire.clock import ClockEstimate, SiteClock
from camfan_wire.header import MAX_COUNT, MAX_NS, Header, decode_header, encode_header
from camfan_wire.messages import Gap

RUNS = ("00000000000000a1", "00000000000000b2")


def header(sequence: int, unwanted: int = 0, run: str = RUNS[0], offset: int | None = 0) -> Header:
    return Header(
        version=1,
        camera="there",
        run=run,
        sequence=sequence,
        captured=1_000,
        offset=offset,
        error=None if offset is None else 7,
        width=64,
        height=48,
        size=1000,
        unwanted=unwanted,
    )


def clock_there(ahead_ns: int = 0) -> ClockEstimate:
    """Of a broker whose clock is so far ahead of this machine's wall clock."""
    found, now = ClockEstimate(), time.monotonic_ns()
    there = time.time_ns() + ahead_ns
    found.add("other", 0, now, there, there, now)
    return found


STEPS = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 4), st.booleans()), min_size=1)


@given(STEPS)
def test_what_is_not_fetched_is_unwanted_unless_a_reader_needs_all(
    steps: list[tuple[int, int, bool]],
) -> None:
    """Between two frames, every missing sequence is either said to be unwanted, or missing to
    readers that need it whole; and what the camera itself left out stays unwanted.
    """
    passage, clock = UpstreamCameraMap("here", SiteClock(), Limits()), clock_there()
    sequence, unwanted, before = -1, 0, 0
    for step, left_out, whole in steps:
        missing = step - 1
        by_camera = min(left_out, missing)
        sequence, unwanted = sequence + step, unwanted + by_camera
        passage.whole = whole

        ours = passage.take(header(sequence, unwanted), clock)

        assert ours is not None
        assert ours.camera == "here"
        assert ours.sequence == sequence
        assert ours.unwanted - before == (by_camera if whole else missing)
        before = ours.unwanted


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from(RUNS)), min_size=1))
def test_only_what_is_newer_crosses(frames: list[tuple[int, str]]) -> None:
    """By two links at once as well: within a run, each sequence once and forward."""
    passage, clock = UpstreamCameraMap("here", SiteClock(), Limits()), clock_there()
    run, last = "", -1
    for sequence, of_run in frames:
        taken = passage.take(header(sequence, run=of_run), clock)

        assert (taken is not None) == (of_run != run or sequence > last)
        if taken is not None:
            run, last = of_run, sequence


@given(st.integers(-(10**15), 10**15))
def test_a_frames_time_is_moved_to_our_clock_with_the_errors_of_both(ahead_ns: int) -> None:
    """However far the clock of the other site is from ours."""
    ours = SiteClock()
    moved = UpstreamCameraMap("here", ours, Limits()).translate(
        header(1, offset=ahead_ns), clock_there(ahead_ns)
    )

    assert moved.offset is not None
    assert moved.error is not None
    assert abs(moved.offset) < 50_000_000  # both are this machine: the difference is cancelled
    assert moved.error >= 7


@given(
    offset=st.sampled_from([-MAX_NS - 1, -MAX_NS, MAX_NS]) | st.integers(-MAX_NS - 1, MAX_NS),
    ahead_ns=st.integers(-(10**18), 10**18),
    error=st.sampled_from([0, MAX_COUNT]) | st.integers(0, MAX_COUNT),
    unwanted=st.sampled_from([0, MAX_COUNT]),
)
def test_a_translated_header_is_a_valid_header(
    offset: int, ahead_ns: int, error: int, unwanted: int
) -> None:
    """Whatever clocks it names: a reader that could not decode it would go without the frame."""
    said = structs.replace(header(1, unwanted, offset=offset), error=error)

    here = UpstreamCameraMap("here", SiteClock(), Limits()).translate(said, clock_there(ahead_ns))

    assert decode_header(encode_header(here)) == here


def test_what_is_not_known_stays_unknown() -> None:
    """Neither a camera's clock nor the other broker's is guessed."""
    passage = UpstreamCameraMap("here", SiteClock(), Limits())

    assert passage.translate(header(1, offset=None), clock_there()).offset is None
    assert passage.translate(header(1), ClockEstimate()).offset is None


def test_frames_that_the_loop_does_not_take_are_bounded_and_gaps_are_kept() -> None:
    arrivals = UpstreamInbox()
    gap = Gap(camera="here", run=RUNS[0], first=1, last=2, reason="ring-overrun")

    for number in range(WAITING + 10):
        arrivals.put(UpstreamFrame(header(number), zmq.Frame(b"jpeg"), late=False))
    arrivals.put(gap)

    taken = list(arrivals.take())

    assert [item.header.sequence for item in taken if isinstance(item, UpstreamFrame)] == list(
        range(WAITING)
    )
    assert taken[-1] is gap
    assert arrivals.overrun == 10
    assert not list(arrivals.take())
    arrivals.close()

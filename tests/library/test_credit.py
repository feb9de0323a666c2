"""Credit: a thin link is full and never queued, a long one is filled, and memory does not grow."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from camfan_wire.credit import (
    EASY_AFTER,
    EASY_LATEST,
    EVERY_BYTES,
    EVERY_FRAMES,
    MAX_LATEST,
    EveryWindow,
    LatestWindow,
)

MS = 1_000_000


class Link:
    """A link of one transfer time and one round trip, and a camera whose frames always wait."""

    def __init__(self, transfer_ns: int, round_trip_ns: int) -> None:
        self.transfer_ns = transfer_ns
        self.round_trip_ns = round_trip_ns
        self.now = 0
        self.busy_until = 0
        self.arrivals: deque[int] = deque()

    def give(self, credit: int) -> None:
        for _ in range(credit):
            self.busy_until = max(self.busy_until, self.now + self.round_trip_ns) + self.transfer_ns
            self.arrivals.append(self.busy_until)

    def play(self, window: LatestWindow, frames: int) -> None:
        for _ in range(frames):
            self.now = self.arrivals.popleft()
            # Everything waits at the broker, so that each frame is older than its credit.
            self.give(window.arrived(self.now, 10**12, self.round_trip_ns))


def settled(transfer_ns: int, round_trip_ns: int) -> LatestWindow:
    window, link = LatestWindow(), Link(transfer_ns, round_trip_ns)
    link.give(window.restart(0))
    link.play(window, 100)
    return window


def test_a_thin_link_carries_one_frame_at_a_time() -> None:
    """50 ms a frame, 3 ms round trip: a second frame would only wait behind the first."""
    assert settled(50 * MS, 3 * MS).size == 1


def test_a_long_link_is_filled() -> None:
    """5 ms a frame, 100 ms round trip: one at a time would leave it empty most of the time."""
    assert settled(5 * MS, 100 * MS).size == MAX_LATEST


def test_a_fast_link_has_frames_to_carry_while_credit_comes_back() -> None:
    assert settled(MS // 2, MS // 4).size > 2


@given(st.integers(1, 200), st.integers(0, 300))
def test_what_is_under_way_fits_the_link(transfer_ms: int, round_trip_ms: int) -> None:
    """For any link: no more under way than a round trip and the slack of 2 ms carry, and one."""
    window = settled(transfer_ms * MS, round_trip_ms * MS)

    assert 1 <= window.size <= 1 + (round_trip_ms + 2) / transfer_ms


def test_a_link_that_becomes_thin_empties() -> None:
    window, link = LatestWindow(), Link(MS, MS)
    link.give(window.restart(0))
    link.play(window, 50)
    assert window.size > 1

    link.transfer_ns = 50 * MS
    link.play(window, 20)

    assert window.size == 1


def test_frames_that_did_not_wait_for_their_credit_say_nothing() -> None:
    """A camera at 10 fps on a fast link: what passes between credit and frame is the camera's."""
    window = LatestWindow()
    assert window.restart(0) == 1
    for number in range(1, 50):
        window.arrived(number * 100 * MS, 2 * MS, MS)
    assert window.size == 1


def test_one_message_serves_three_frames_of_a_link_that_none_wait_for() -> None:
    window = LatestWindow()
    window.restart(0)
    given = [window.arrived(number * 100 * MS, 2 * MS, MS) for number in range(1, 50)]

    assert given[: EASY_AFTER - 1] == [1] * (EASY_AFTER - 1)
    assert given[EASY_AFTER - 1 :] == [EASY_LATEST, 0, 0, *[3, 0, 0] * 13][: 50 - EASY_AFTER]
    assert 1 + sum(given) - 49 <= EASY_LATEST


def test_credit_that_lies_ready_is_not_renewed_once_a_frame_has_waited() -> None:
    """The link has become thin: a frame at a time, as soon as what lay ready is used."""
    window = LatestWindow()
    under_way = window.restart(0)
    for number in range(1, 50):
        under_way += window.arrived(number * 100 * MS, 2 * MS, MS) - 1
    assert under_way > 1
    for number in range(50, 60):
        under_way += window.arrived(number * 100 * MS, 10**12, MS) - 1
    assert under_way == 1


def test_credit_is_given_back_when_a_quarter_is_used() -> None:
    """Sixteen under way: a message for four frames, and none is ever forgotten."""
    window = settled(5 * MS, 100 * MS)
    assert window.size == MAX_LATEST
    window.restart(0)
    given = [window.arrived(number * 100 * MS, MS, MS) for number in range(1, 17)]
    assert given == [0, 0, 0, MAX_LATEST // 4] * 4


@given(st.lists(st.integers(1, 3_000_000), max_size=200))
def test_what_was_read_is_returned_soon_and_once(sizes: list[int]) -> None:
    window = EveryWindow()
    window.restart(0, 0)
    returned = [window.read(size) for size in sizes]
    frames = sum(given[0] for given in returned if given)
    size = sum(given[1] for given in returned if given)

    assert 0 <= len(sizes) - frames < EVERY_FRAMES // 4
    assert 0 <= sum(sizes) - size < EVERY_BYTES // 4


def test_what_is_unread_counts_against_a_new_subscription() -> None:
    window = EveryWindow()

    assert window.restart(10, 1_000_000) == (EVERY_FRAMES - 10, EVERY_BYTES - 1_000_000)
    assert window.restart(EVERY_FRAMES, 2 * EVERY_BYTES) == (0, 1)

"""When the next frame is due, at a limited rate."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from camfan_wire.due_time import NS_PER_S, DueTime, interval_ns

MS = 1_000_000
TEN_FPS = 100 * MS


def sent_of(arrivals_ns: list[int], between_ns: int) -> list[int]:
    """When frames that arrive at these times are sent, if a frame that is not due is dropped."""
    due, sent = DueTime(), []
    for now_ns in arrivals_ns:
        if due.ns <= now_ns:
            due.sent(now_ns, between_ns)
            sent.append(now_ns)
    return sent


def test_frames_that_come_a_little_late_do_not_lower_the_rate() -> None:
    """30 frames a second with jitter, limited to 10: ten a second, not eight."""
    jitter = (0, 9, 3, 12, 6)
    arrivals = [(n * 1000 // 30 + jitter[n % 5]) * MS for n in range(1, 301)]

    assert len(sent_of(arrivals, TEN_FPS)) in (99, 100, 101)


def test_after_a_pause_frames_do_not_come_in_a_burst() -> None:
    """What was not sent while no frame came is not made up for."""
    early = [n * 20 * MS for n in range(50)]
    late = [100 * NS_PER_S + n * 20 * MS for n in range(50)]

    sent = sent_of(early + late, TEN_FPS)

    assert len([at for at in sent if at >= 100 * NS_PER_S]) == 10


@given(
    steps=st.lists(st.integers(1, 500 * MS), min_size=1, max_size=200),
    between_ns=st.integers(MS, NS_PER_S),
)
def test_the_limit_holds_over_any_time(steps: list[int], between_ns: int) -> None:
    """Whatever frames come: of n that were sent, the last came n - 1.5 intervals after the first,
    or later.
    """
    arrivals, now = [], 10**12
    for step in steps:
        now += step
        arrivals.append(now)

    sent = sent_of(arrivals, between_ns)

    for first in range(len(sent)):
        for last in range(first + 1, len(sent)):
            assert sent[last] - sent[first] >= (last - first - 0.5) * between_ns - 1


def test_without_a_limit_there_is_no_interval() -> None:
    assert interval_ns(None) is None
    assert interval_ns(0.5) == 2 * NS_PER_S

"""The broker's clock: the wall clock, without its jumps while it is sane."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from camfan_wire.clock import STEP_NS, SiteClock

SECOND = 1_000_000_000


class Machine:
    """A machine whose clocks a test can set."""

    def __init__(self) -> None:
        self.wall = 1_700_000_000 * SECOND
        self.monotonic = 40 * SECOND
        self.clock = SiteClock(lambda: self.wall, lambda: self.monotonic)

    def wait(self, elapsed: int) -> None:
        self.wall += elapsed
        self.monotonic += elapsed


def test_it_starts_at_the_wall_clock_and_goes_on_with_the_monotonic_one() -> None:
    machine = Machine()
    assert machine.clock.now_ns() == machine.wall

    machine.wait(3 * SECOND)

    assert machine.clock.now_ns() == machine.wall
    assert machine.clock.follow_steps() == 0
    assert machine.clock.epoch == 0


def test_a_step_is_followed_and_reported() -> None:
    """The clock was set by an hour: the site's clock follows, and its epoch changes."""
    machine = Machine()
    machine.wall += 3600 * SECOND

    assert machine.clock.now_ns() == machine.wall - 3600 * SECOND
    assert machine.clock.follow_steps() == 3600 * SECOND
    assert machine.clock.now_ns() == machine.wall
    assert machine.clock.epoch == 1
    assert machine.clock.follow_steps() == 0


def test_a_step_back_is_followed_too() -> None:
    machine = Machine()
    machine.wall -= STEP_NS

    assert machine.clock.follow_steps() == -STEP_NS
    assert (machine.clock.now_ns(), machine.clock.epoch) == (machine.wall, 1)


def test_small_corrections_add_up_to_one_step() -> None:
    """What time servers do all day does not move the site's clock until it is half a second."""
    machine = Machine()
    machine.wall += STEP_NS - 1
    assert machine.clock.follow_steps() == 0
    machine.wall += 1

    assert machine.clock.follow_steps() == STEP_NS
    assert machine.clock.epoch == 1


@given(st.lists(st.tuples(st.integers(0, 3600 * SECOND), st.integers(1 - STEP_NS, STEP_NS - 1))))
def test_without_a_step_it_never_runs_backwards(waits: list[tuple[int, int]]) -> None:
    """However the wall clock is corrected by less than a step, times and intervals are true."""
    machine = Machine()
    right = machine.wall
    for elapsed, wrong_by in waits:
        before = machine.clock.now_ns()
        right += elapsed
        machine.monotonic += elapsed
        machine.wall = right + wrong_by

        assert machine.clock.follow_steps() == 0
        assert machine.clock.now_ns() - before == elapsed
    assert machine.clock.epoch == 0

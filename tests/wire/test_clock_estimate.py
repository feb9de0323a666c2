"""What a machine knows of the site's clock: never more than it can know."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camfan_wire.clock import DRIFT_PPM, PROBES_KEPT, ClockEstimate, ClockOffset

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
WALL = 1_700_000_000 * SECOND


class World:
    """Two machines: ours with a monotonic and a wall clock, and the broker's with its own.

    The broker's clock runs `ppm` millionths faster than our monotonic one, plus an offset.
    """

    def __init__(self, offset: int = 0, ppm: int = 0) -> None:
        self.monotonic = 5 * SECOND
        self.wall = 17
        self.offset = offset
        self.ppm = ppm
        self.broker = "one"
        self.epoch = 0
        self.clock = ClockEstimate(lambda: self.wall, lambda: self.monotonic)

    def site(self) -> int:
        return self.monotonic + self.monotonic * self.ppm // 1_000_000 + self.offset

    def truth(self) -> int:
        return self.site() - self.monotonic

    def probe(self, there: int, at_broker: int, back: int) -> None:
        """A question that takes this long to the broker, in it, and back; ns."""
        sent = self.monotonic
        self.monotonic += there
        received = self.site()
        self.monotonic += at_broker
        replied = self.site()
        self.monotonic += back
        self.clock.add(self.broker, self.epoch, sent, received, replied, self.monotonic)


def known(world: World) -> ClockOffset:
    found = world.clock.offset()
    assert found is not None
    return found


def test_nothing_is_known_before_the_first_answer() -> None:
    """Until then the site's time is taken to be our wall clock's, and no bound is claimed."""
    world = World(offset=WALL)

    assert world.clock.offset() is None
    assert world.clock.site_ns() == world.wall == 17


def test_an_even_round_trip_gives_the_exact_offset() -> None:
    world = World(offset=WALL)

    world.probe(300_000, 20_000, 300_000)

    assert known(world).offset_ns == WALL
    assert 300_000 < known(world).error_ns < 300_100
    assert world.clock.site_ns() == world.site()


@pytest.mark.parametrize(("there", "back"), [(10 * MILLISECOND, 0), (0, 10 * MILLISECOND)])
def test_the_most_uneven_round_trip_is_still_within_its_error(there: int, back: int) -> None:
    """All of the delay on one way: wrong by half of it, which is what the error says."""
    world = World(offset=WALL)

    world.probe(there, 0, back)

    assert abs(known(world).offset_ns - WALL) == 5 * MILLISECOND
    assert known(world).error_ns >= 5 * MILLISECOND


def test_the_shortest_round_trip_is_the_one_that_counts() -> None:
    """One quick answer among slow ones is believed, until it is too old to be the best."""
    world = World(offset=WALL)
    for delay in (40, 30, 1, 50, 60):
        world.probe(delay * MILLISECOND, 0, 0)

    assert known(world).error_ns < MILLISECOND
    assert abs(known(world).offset_ns - WALL) <= MILLISECOND

    for _ in range(PROBES_KEPT):
        world.probe(40 * MILLISECOND, 0, 0)

    assert known(world).error_ns >= 20 * MILLISECOND


def test_the_error_grows_while_nothing_is_heard() -> None:
    """Two quartzes part: an hour without an answer costs what they may have parted by."""
    world = World(offset=WALL)
    world.probe(MILLISECOND, 0, MILLISECOND)
    before = known(world)

    world.monotonic += 3600 * SECOND

    assert known(world).offset_ns == before.offset_ns
    assert known(world).error_ns - before.error_ns == 3600 * SECOND * DRIFT_PPM // 1_000_000


def test_a_step_of_our_wall_clock_disturbs_nothing() -> None:
    world = World(offset=WALL)
    world.probe(MILLISECOND, 0, MILLISECOND)
    before = known(world)

    world.wall += 3600 * SECOND

    assert known(world) == before
    assert world.clock.site_ns() == world.site()


def test_a_new_epoch_replaces_all_that_was_known() -> None:
    """The broker's clock was set: the old answers are worth nothing, however quick they were."""
    world = World(offset=WALL)
    world.probe(1000, 0, 1000)

    world.offset += 3600 * SECOND
    world.epoch += 1
    world.probe(50 * MILLISECOND, 0, 50 * MILLISECOND)

    assert known(world).offset_ns == WALL + 3600 * SECOND
    assert known(world).error_ns >= 50 * MILLISECOND


def test_another_broker_replaces_all_that_was_known() -> None:
    """Also if its clock happens to have the same epoch."""
    world = World(offset=WALL)
    world.probe(1000, 0, 1000)

    world.broker, world.offset = "two", WALL - 7 * SECOND
    world.probe(50 * MILLISECOND, 0, 50 * MILLISECOND)

    assert known(world).offset_ns == WALL - 7 * SECOND


def test_what_was_forgotten_is_unknown() -> None:
    world = World(offset=WALL)
    world.probe(1000, 0, 1000)

    world.clock.forget()

    assert world.clock.offset() is None
    assert world.clock.site_ns() == world.wall


@pytest.mark.parametrize(
    ("sent", "received", "replied", "now"),
    [(10, 5, 5, 9), (0, 5, 4, 10), (2**63 - 1, 0, 0, 0), (0, 2**63 - 1, -(2**63), 10)],
)
def test_answers_that_cannot_be_are_not_believed(
    sent: int, received: int, replied: int, now: int
) -> None:
    world = World(offset=WALL)

    world.clock.add("one", 0, sent, received, replied, now)

    assert world.clock.offset() is None


def test_an_answer_quicker_than_its_own_work_has_no_negative_error() -> None:
    """A broker that claims to have worked longer than we waited."""
    world = World()

    world.clock.add("one", 0, 0, 100, 900, 10)

    assert known(world).error_ns > 0


@dataclass(frozen=True)
class Probe:
    there: int
    at_broker: int
    back: int


@dataclass(frozen=True)
class Wait:
    elapsed: int


@dataclass(frozen=True)
class Set:
    """The broker's clock is set, or the broker is another one."""

    by: int
    restarted: bool


DELAYS = st.one_of(st.integers(0, 1000), st.integers(0, 30 * SECOND))
HAPPENINGS = st.one_of(
    st.builds(Probe, DELAYS, DELAYS, DELAYS),
    st.builds(Wait, st.integers(0, 3600 * SECOND)),
    st.builds(Set, st.integers(-(10**18), 10**18), st.booleans()),
)


@settings(max_examples=400)
@given(
    offset=st.integers(-(2**62), 2**62),
    ppm=st.integers(-DRIFT_PPM, DRIFT_PPM),
    happenings=st.lists(HAPPENINGS, max_size=40),
)
def test_the_truth_is_always_within_the_error(
    offset: int, ppm: int, happenings: list[Probe | Wait | Set]
) -> None:
    """Whatever the clocks, the delays and their asymmetry: after an answer, and for as long as
    the broker's clock is not set again, the true offset is within the error that is claimed.
    """
    world = World(offset, ppm)
    heard = False
    for happening in happenings:
        match happening:
            case Probe(there, at_broker, back):
                world.probe(there, at_broker, back)
                heard = True
            case Wait(elapsed):
                world.monotonic += elapsed
            case Set(by, restarted):
                heard = False
                world.offset += by
                world.epoch += 1
                if restarted:
                    world.broker, world.epoch = f"after {world.broker}"[-30:], 0
                    world.clock.forget()
                    assert world.clock.offset() is None
        if heard:
            found = known(world)
            assert abs(found.offset_ns - world.truth()) <= found.error_ns
            assert abs(world.clock.site_ns() - world.site()) <= found.error_ns

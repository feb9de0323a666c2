"""What a subscriber is given from the rings: order, gaps and their reasons, turns, rates."""

from __future__ import annotations

import zmq
from hypothesis import given
from hypothesis import strategies as st

from camfan_broker.camera.account import Account
from camfan_broker.camera.backlog import RepairMemory
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.camera.repair import FIRST_PATIENCE_NS
from camfan_broker.camera.ring import OVERHEAD_BYTES, RingEntry
from camfan_broker.delivery.every import EveryReader
from camfan_broker.delivery.latest import LatestReader
from camfan_broker.delivery.reader import Reader, held
from camfan_config.site.pace import Pace
from camfan_wire.header import Header, Position
from camfan_wire.messages import Gap, Subscribe

RUN_A, RUN_B = "a" * 16, "b" * 16
SECOND = 1_000_000_000
ENTRY_BYTES = 10 + 2 + OVERHEAD_BYTES


def header(sequence: int, run: str = RUN_A, camera: str = "one", unwanted: int = 0) -> Header:
    return Header(
        version=1,
        camera=camera,
        run=run,
        sequence=sequence,
        captured=sequence,
        offset=0,
        error=0,
        width=8,
        height=8,
        size=10,
        unwanted=unwanted,
    )


class Clock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def accept(one: TrackedCamera, found: Header, at_ns: int = 0) -> RingEntry:
    return one.accept(found, b"{}", zmq.Frame(b"0123456789"), at_ns)


def camera(*headers: Header, name: str = "one", frames: int = 1000) -> TrackedCamera:
    """A camera that cannot be asked for what is missing, with a ring of this many frames."""
    clock = Clock()
    made = TrackedCamera(name, frames * ENTRY_BYTES, Pace(), RepairMemory(1_000_000), clock)
    made.repairs.backlog(
        Position(RUN_A, 0), Position(RUN_A, 1)
    )  # a reader has waited once, in vain
    clock.now = FIRST_PATIENCE_NS
    made.repairs.advance(clock.now)
    for one in headers:
        accept(made, one)
    return made


def reader(wishes: Subscribe, *cameras: TrackedCamera) -> Reader:
    made = LatestReader if wishes.mode == "latest" else EveryReader
    return made(wishes, {}, cameras)


def account(of: Reader, name: str = "one") -> Account:
    return of.cursors[name].account


def drain(made: Reader, now: int = 0) -> list[Gap | tuple[str, int]]:
    """All that the reader gives for its credit: gaps, and (run, sequence) of frames."""
    given_out: list[Gap | tuple[str, int]] = []
    while made.credit.is_open:
        item = made.next(now)
        if item is None:
            break
        made.sent(now)
        given_out.append(item if isinstance(item, Gap) else (item.header.run, item.header.sequence))
    return given_out


def every(since: Position | None = None, credit: int = 64) -> Subscribe:
    wanted = {} if since is None else {"one": since}
    return Subscribe(cameras=["*"], mode="every", credit=credit, since=wanted)


def gap(first: int, last: int | None, reason: str, run: str = RUN_A) -> Gap:
    return Gap(camera="one", run=run, first=first, last=last, reason=reason)


def test_latest_gives_the_newest_once_and_counts_what_it_passed_over() -> None:
    one = camera(*(header(n) for n in range(5)))
    made = reader(Subscribe(mode="latest", credit=10), one)
    assert drain(made) == [(RUN_A, 4)]

    for n in range(5, 9):
        accept(one, header(n))

    assert drain(made) == [(RUN_A, 8)]
    assert (account(made).delivered, account(made).skipped) == (2, {"newer": 3})
    assert held(made.cursors["one"]) == 0


def test_latest_serves_cameras_in_turn() -> None:
    """With one credit at a time, no camera waits for the same other camera twice."""
    cameras = [camera(header(0, camera=name), name=name) for name in ("a", "b", "c")]
    made = reader(Subscribe(mode="latest"), *cameras)
    served = []
    for sequence in range(1, 10):
        for one in cameras:
            accept(one, header(sequence, camera=one.name))
        made.credit.add(1, 0)
        item = made.next(0)
        assert isinstance(item, RingEntry)
        made.sent(0)
        served.append(item.header.camera)

    assert served == ["a", "b", "c"] * 3


def test_max_fps_spaces_frames_and_keeps_the_rate_of_frames_that_come_late() -> None:
    one = camera()
    made = reader(Subscribe(mode="latest", credit=64, max_fps=5.0), one)
    times = []
    for n in range(150):  # 15 fps, each frame 3 ms later than its grid
        now = n * SECOND // 15 + (3_000_000 if n % 2 else 0)
        accept(one, header(n), now)
        if drain(made, now):
            times.append(now)

    seconds = (times[-1] - times[0]) / SECOND
    assert (len(times) - 1) / seconds <= 5.001
    assert len(times) >= 48


def test_every_gives_all_in_order_from_the_newest_on() -> None:
    one = camera(header(0), header(1))
    made = reader(every(), one)
    assert drain(made) == [(RUN_A, 1)]

    accept(one, header(2))
    accept(one, header(3))

    assert drain(made) == [(RUN_A, 2), (RUN_A, 3)]


def test_every_goes_on_behind_its_position() -> None:
    made = reader(every(Position(RUN_A, 2)), camera(*(header(n) for n in range(6))))

    assert drain(made) == [(RUN_A, 3), (RUN_A, 4), (RUN_A, 5)]


def test_what_never_arrived_is_a_gap_in_its_place() -> None:
    one = camera(header(0), header(1), header(5), header(6))
    made = reader(every(Position(RUN_A, 0)), one)

    assert drain(made) == [
        (RUN_A, 1),
        gap(2, 4, "not-received"),
        (RUN_A, 5),
        (RUN_A, 6),
    ]
    assert account(made).lost == {"not-received": 3}


def test_what_the_ring_dropped_is_a_gap() -> None:
    one = camera(*(header(n) for n in range(20)), frames=5)
    made = reader(every(Position(RUN_A, 3)), one)

    assert drain(made)[0] == gap(4, 14, "ring-overrun")


def test_a_subscriber_overtaken_by_the_ring_gets_a_gap() -> None:
    one = camera(header(0), frames=5)
    made = reader(every(credit=1), one)
    assert drain(made) == [(RUN_A, 0)]

    for n in range(1, 20):
        accept(one, header(n))
    made.credit.add(64, 0)

    assert drain(made)[0] == gap(1, 14, "ring-overrun")


def test_a_broker_that_is_younger_than_the_position_says_so() -> None:
    one = camera(header(30), header(31))
    made = reader(every(Position(RUN_A, 20)), one)

    assert drain(made) == [gap(21, 29, "broker-restarted"), (RUN_A, 30), (RUN_A, 31)]


def test_a_position_waits_for_the_first_frame_of_a_new_broker() -> None:
    one = camera()
    made = reader(every(Position(RUN_A, 20)), one)
    assert drain(made) == []

    accept(one, header(21))

    assert drain(made) == [(RUN_A, 21)]


def test_a_run_that_ended_unseen_is_a_gap_of_unknown_length() -> None:
    one = camera(header(2, RUN_B), header(3, RUN_B))
    made = reader(every(Position(RUN_A, 7)), one)

    assert drain(made) == [
        gap(8, None, "camera-restarted"),
        gap(0, 1, "broker-restarted", RUN_B),
        (RUN_B, 2),
        (RUN_B, 3),
    ]


def test_a_camera_that_restarts_in_sight_leaves_a_gap_that_may_be_empty() -> None:
    """It is not known how many frames it had numbered when it ended."""
    one = camera(header(6), header(7), header(0, RUN_B), header(1, RUN_B))
    made = reader(every(Position(RUN_A, 6)), one)

    assert drain(made) == [
        (RUN_A, 7),
        gap(8, None, "camera-restarted"),
        (RUN_B, 0),
        (RUN_B, 1),
    ]


def test_a_position_ahead_of_the_ring_waits() -> None:
    """After a restart the subscriber may know more than the broker: nothing comes twice."""
    one = camera(header(5), header(6))
    made = reader(every(Position(RUN_A, 6)), one)
    assert drain(made) == []

    accept(one, header(7))

    assert drain(made) == [(RUN_A, 7)]


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=60),
    st.integers(1, 30),
    st.integers(0, 20),
)
def test_every_sequence_is_a_frame_or_in_a_gap_exactly_once(
    steps: list[int], frames: int, start: int
) -> None:
    """For any losses on the way in and any ring: frames and gaps together leave nothing out."""
    one = camera(frames=frames)
    made = reader(every(Position(RUN_A, start), credit=2), one)
    sequence = start
    seen: list[int] = []
    for number, step in enumerate(steps):
        sequence += step
        accept(one, header(sequence))
        made.credit.add(number % 3, 0)
        _collect(made, seen)
    made.credit.add(64, 0)
    _collect(made, seen)

    assert seen == list(range(start + 1, sequence + 1))


def _collect(reader: Reader, seen: list[int]) -> None:
    for item in drain(reader):
        if isinstance(item, Gap):
            assert item.last is not None
            seen.extend(range(item.first, item.last + 1))
        else:
            seen.append(item[1])

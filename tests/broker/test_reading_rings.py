"""What a subscriber is given from the rings: order, gaps and their reasons, turns, rates."""

from __future__ import annotations

import zmq
from hypothesis import given
from hypothesis import strategies as st

from camfan_broker.camera import Camera
from camfan_broker.reader import Reader
from camfan_broker.ring import Entry
from camfan_wire.header import Header, Position
from camfan_wire.messages import Gap, Subscribe

RUN_A, RUN_B = "a" * 16, "b" * 16
SECOND = 1_000_000_000


def entry(sequence: int, run: str = RUN_A, camera: str = "one", at_ns: int = 0) -> Entry:
    header = Header(
        version=1,
        camera=camera,
        run=run,
        sequence=sequence,
        captured=at_ns,
        offset=0,
        error=0,
        width=8,
        height=8,
        size=10,
    )
    return Entry(header, header.topic, b"{}", zmq.Frame(b"0123456789"), at_ns, 10)


def camera(*entries: Entry, name: str = "one", ring_bytes: int = 10_000) -> Camera:
    made = Camera(name, ring_bytes, 5.0)
    for one in entries:
        made.accept(one)
    return made


def drain(reader: Reader, now: int = 0) -> list[Gap | tuple[str, int]]:
    """All that the reader gives for its credit: gaps, and (run, sequence) of frames."""
    given_out: list[Gap | tuple[str, int]] = []
    while reader.credit > 0:
        found = reader.next(now)
        if found is None:
            break
        cursor, item = found
        if isinstance(item, Gap):
            reader.told(cursor, item)
            given_out.append(item)
        else:
            reader.sent(cursor, item, now)
            given_out.append((item.header.run, item.header.sequence))
    return given_out


def every(since: Position | None = None, credit: int = 64) -> Subscribe:
    wanted = {} if since is None else {"one": since}
    return Subscribe(cameras=["*"], mode="every", credit=credit, since=wanted)


def gap(first: int, last: int | None, reason: str, run: str = RUN_A) -> Gap:
    return Gap(camera="one", run=run, first=first, last=last, reason=reason)


def test_latest_gives_the_newest_once_and_counts_what_it_passed_over() -> None:
    one = camera(*(entry(n) for n in range(5)))
    reader = Reader(Subscribe(mode="latest", credit=10), [one])
    assert drain(reader) == [(RUN_A, 4)]

    for n in range(5, 9):
        one.accept(entry(n))

    assert drain(reader) == [(RUN_A, 8)]
    assert (reader.counts.delivered, reader.counts.skipped) == (2, 3)


def test_latest_serves_cameras_in_turn() -> None:
    """With one credit at a time, no camera waits for the same other camera twice."""
    cameras = [camera(entry(0, camera=name), name=name) for name in ("a", "b", "c")]
    reader = Reader(Subscribe(mode="latest"), cameras)
    served = []
    for sequence in range(1, 10):
        for one in cameras:
            one.accept(entry(sequence, camera=one.name))
        reader.add_credit(1)
        found = reader.next(0)
        assert found is not None
        cursor, item = found
        assert isinstance(item, Entry)
        reader.sent(cursor, item, 0)
        served.append(item.header.camera)

    assert served == ["a", "b", "c"] * 3


def test_max_fps_spaces_frames_and_keeps_the_rate_of_frames_that_come_late() -> None:
    one = camera()
    reader = Reader(Subscribe(mode="latest", credit=64, max_fps=5.0), [one])
    times = []
    for n in range(150):  # 15 fps, each frame 3 ms later than its grid
        now = n * SECOND // 15 + (3_000_000 if n % 2 else 0)
        one.accept(entry(n, at_ns=now))
        if drain(reader, now):
            times.append(now)

    seconds = (times[-1] - times[0]) / SECOND
    assert (len(times) - 1) / seconds <= 5.001
    assert len(times) >= 48


def test_every_gives_all_in_order_from_the_newest_on() -> None:
    one = camera(entry(0), entry(1))
    reader = Reader(every(), [one])
    assert drain(reader) == [(RUN_A, 1)]

    one.accept(entry(2))
    one.accept(entry(3))

    assert drain(reader) == [(RUN_A, 2), (RUN_A, 3)]


def test_every_goes_on_behind_its_position() -> None:
    reader = Reader(every(Position(RUN_A, 2)), [camera(*(entry(n) for n in range(6)))])

    assert drain(reader) == [(RUN_A, 3), (RUN_A, 4), (RUN_A, 5)]


def test_what_never_arrived_is_a_gap_in_its_place() -> None:
    one = camera(entry(0), entry(1), entry(5), entry(6))
    reader = Reader(every(Position(RUN_A, 0)), [one])

    assert drain(reader) == [
        (RUN_A, 1),
        gap(2, 4, "not-received"),
        (RUN_A, 5),
        (RUN_A, 6),
    ]
    assert reader.counts.lost == 3


def test_what_the_ring_dropped_is_a_gap() -> None:
    one = camera(*(entry(n) for n in range(20)), ring_bytes=50)
    reader = Reader(every(Position(RUN_A, 3)), [one])

    assert drain(reader)[0] == gap(4, 14, "ring-overrun")


def test_a_subscriber_overtaken_by_the_ring_is_told() -> None:
    one = camera(entry(0), ring_bytes=50)
    reader = Reader(every(credit=1), [one])
    assert drain(reader) == [(RUN_A, 0)]

    for n in range(1, 20):
        one.accept(entry(n))
    reader.add_credit(64)

    assert drain(reader)[0] == gap(1, 14, "ring-overrun")


def test_a_broker_that_is_younger_than_the_position_says_so() -> None:
    one = camera(entry(30), entry(31))
    reader = Reader(every(Position(RUN_A, 20)), [one])

    assert drain(reader) == [gap(21, 29, "broker-restarted"), (RUN_A, 30), (RUN_A, 31)]


def test_a_position_waits_for_the_first_frame_of_a_new_broker() -> None:
    one = camera()
    reader = Reader(every(Position(RUN_A, 20)), [one])
    assert drain(reader) == []

    one.accept(entry(21))

    assert drain(reader) == [(RUN_A, 21)]


def test_a_run_that_ended_unseen_is_a_gap_of_unknown_length() -> None:
    one = camera(entry(2, RUN_B), entry(3, RUN_B))
    reader = Reader(every(Position(RUN_A, 7)), [one])

    assert drain(reader) == [
        gap(8, None, "camera-restarted"),
        gap(0, 1, "broker-restarted", RUN_B),
        (RUN_B, 2),
        (RUN_B, 3),
    ]


def test_a_camera_that_restarts_in_sight_leaves_no_gap() -> None:
    one = camera(entry(6), entry(7), entry(0, RUN_B), entry(1, RUN_B))
    reader = Reader(every(Position(RUN_A, 6)), [one])

    assert drain(reader) == [(RUN_A, 7), (RUN_B, 0), (RUN_B, 1)]


def test_a_position_ahead_of_the_ring_waits() -> None:
    """After a restart the subscriber may know more than the broker: nothing comes twice."""
    one = camera(entry(5), entry(6))
    reader = Reader(every(Position(RUN_A, 6)), [one])
    assert drain(reader) == []

    one.accept(entry(7))

    assert drain(reader) == [(RUN_A, 7)]


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=60),
    st.integers(30, 300),
    st.integers(0, 20),
)
def test_every_sequence_is_given_or_told_exactly_once(
    steps: list[int], ring_bytes: int, start: int
) -> None:
    """For any losses on the way in and any ring: frames and gaps together leave nothing out."""
    one = camera(ring_bytes=ring_bytes)
    reader = Reader(every(Position(RUN_A, start), credit=2), [one])
    sequence = start
    seen: list[int] = []
    for number, step in enumerate(steps):
        sequence += step
        one.accept(entry(sequence))
        reader.add_credit(number % 3)
        _collect(reader, seen)
    reader.add_credit(64)
    _collect(reader, seen)

    assert seen == list(range(start + 1, sequence + 1))


def _collect(reader: Reader, seen: list[int]) -> None:
    for item in drain(reader):
        if isinstance(item, Gap):
            assert item.last is not None
            seen.extend(range(item.first, item.last + 1))
        else:
            seen.append(item[1])

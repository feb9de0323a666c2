"""What a reader in mode `every` misses comes from the camera's own ring, in its place and once."""

from __future__ import annotations

import zmq
from hypothesis import given
from hypothesis import strategies as st

from camfan_broker.camera.backlog import RepairMemory
from camfan_broker.camera.camera import BEGINNING, TrackedCamera
from camfan_broker.camera.repair import ANSWER_NS, PATIENCE_NS
from camfan_broker.camera.ring import OVERHEAD_BYTES, RingEntry
from camfan_broker.delivery.every import EveryReader
from camfan_broker.delivery.reader import held
from camfan_config.site.pace import Pace
from camfan_wire.header import Header, Position
from camfan_wire.messages import Gap, Repair, Repaired, Subscribe
from camfan_wire.topics import layer_of

RUN_A, RUN_B, RUN_C = "a" * 16, "b" * 16, "c" * 16
SECOND = 1_000_000_000
MS = 1_000_000
ENTRY_BYTES = 10 + 2 + OVERHEAD_BYTES

Delivered = tuple[str, int] | Gap


def header(run: str, sequence: int, unwanted: int = 0, *, late: bool = False) -> Header:
    return Header(
        version=1,
        camera="one",
        run=run,
        sequence=sequence,
        captured=sequence,
        offset=0,
        error=0,
        width=8,
        height=8,
        size=10,
        unwanted=unwanted,
        late=late,
    )


class World:
    """A camera with a ring of its own, the broker's side of it, and one reader that wants all."""

    def __init__(self, frames: int = 1000, memory: RepairMemory | None = None) -> None:
        self.now = SECOND
        memory = memory or RepairMemory(1_000_000)
        self.camera = TrackedCamera("one", frames * ENTRY_BYTES, Pace(), memory, lambda: self.now)
        self.kept: list[Position] = []  # in the camera's own ring, in order
        self.forgotten: dict[str, int] = {}  # what its ring has lost, by run: up to this sequence
        self.asked: list[Repair] = []
        self.readers: list[tuple[EveryReader, list[Delivered]]] = []

    def capture(self, run: str, sequence: int, *, arrives: bool = True, unwanted: int = 0) -> None:
        self.kept.append(Position(run, sequence))
        if arrives:
            found = header(run, sequence, unwanted)
            self.camera.accept(found, b"{}", zmq.Frame(b"0123456789"), self.now)

    def connect(self) -> None:
        def ask(request: Repair) -> bool:
            self.asked.append(request)
            return True

        self.camera.repairs.camera_came(ask)

    def read(self, since: Position | None = None, credit: int = 64) -> None:
        wanted = {} if since is None else {"one": since}
        wishes = Subscribe(cameras=["*"], mode="every", credit=credit, since=wanted)
        self.readers.append((EveryReader(wishes, {}, [self.camera]), []))

    @property
    def reader(self) -> EveryReader:
        return self.readers[0][0]

    @property
    def delivered(self) -> list[Delivered]:
        return self.readers[0][1]

    def drain(self) -> None:
        for reader, delivered in self.readers:
            while reader.credit.is_open:
                item = reader.next(self.now)
                if item is None:
                    break
                reader.sent(self.now)
                delivered.append(
                    item if isinstance(item, Gap) else (item.header.run, item.header.sequence)
                )

    def answer(self) -> bool:
        """The camera answers the request it has got, if any."""
        if not self.asked:
            return False
        request = self.asked.pop()
        places = [n for n, position in enumerate(self.kept) if position == request.after]
        later = self.kept[places[0] + 1 :] if places else self._from_the_oldest(request)
        sent = 0
        done = True
        for position in later:
            if position == request.before:
                break
            if sent == request.frames:
                done = False
                break
            if position.sequence < self.forgotten.get(position.run, 0):
                self._gap(position, position.sequence, "ring-overrun")
            else:
                self._late(position)
                sent += 1
        self.camera.repairs.repaired_to(Repaired(camera="one", id=request.id, done=done))
        return True

    def _from_the_oldest(self, request: Repair) -> list[Position]:
        if not any(position.run == request.after.run for position in self.kept):
            gap = Gap(
                camera="one",
                run=request.after.run,
                first=request.after.sequence + 1,
                last=None,
                reason="camera-restarted",
            )
            self.camera.repairs.gap(gap)
            return self.kept
        return [
            p
            for p in self.kept
            if p.run != request.after.run or p.sequence > request.after.sequence
        ]

    def _gap(self, position: Position, last: int, reason: str) -> None:
        self.camera.repairs.gap(
            Gap(camera="one", run=position.run, first=position.sequence, last=last, reason=reason)
        )

    def _late(self, position: Position) -> None:
        found = header(position.run, position.sequence, late=True)
        topic = self.camera.topics[layer_of(position.sequence)]
        jpeg = zmq.Frame(b"0123456789")
        self.camera.repairs.frame(RingEntry(found, topic, b"{}", jpeg, self.now, ENTRY_BYTES))

    def turn(self) -> None:
        """As the loop does, which then rests until the next request is due."""
        self.camera.repairs.advance(self.now)
        due_ns = self.camera.repairs.due_ns()
        assert due_ns is None or due_ns > self.now

    def play(self) -> None:
        """Until there is nothing more to ask or to give."""
        for _ in range(200):
            self.drain()
            self.now += 20 * MS
            self.turn()
            if not self.answer() and not self.camera.repairs.active:
                break
        self.drain()


def gap(first: int, last: int | None, reason: str, run: str = RUN_A) -> Gap:
    return Gap(camera="one", run=run, first=first, last=last, reason=reason)


def frames(run: str, *sequences: int) -> list[Delivered]:
    return [(run, sequence) for sequence in sequences]


def test_what_never_arrived_comes_late_and_in_its_place() -> None:
    world = World()
    world.connect()
    for sequence in range(10):
        world.capture(RUN_A, sequence, arrives=not 3 <= sequence <= 6)
    world.read(Position(RUN_A, 0))

    world.play()

    assert world.delivered == frames(RUN_A, *range(1, 10))
    account = world.reader.cursors["one"].account
    assert (account.delivered, account.late, account.lost.total()) == (9, 4, 0)
    assert held(world.reader.cursors["one"]) == 0


def test_the_loop_rests_when_an_answer_has_come_while_the_reader_waited() -> None:
    """A reader asks for more with each live frame; what is complete by then is not asked for."""
    world = World()
    world.connect()
    for sequence in range(10):
        world.capture(RUN_A, sequence, arrives=not 3 <= sequence <= 6)
    world.read(Position(RUN_A, 0))
    for _ in range(20):
        world.now += 20 * MS
        world.drain()
        world.turn()
        world.drain()  # with the next live frame, before the answer comes
        if not world.answer():
            break
    world.drain()
    assert world.delivered == frames(RUN_A, *range(1, 10))

    world.now += ANSWER_NS
    world.turn()

    assert not world.camera.repairs.active


def test_the_loop_rests_while_a_camera_takes_no_request() -> None:
    """Its connection has ended, or its queue is full, and the broker does not know it as gone."""
    world = World()
    world.camera.repairs.camera_came(lambda _: False)
    for sequence in range(10):
        world.capture(RUN_A, sequence, arrives=not 3 <= sequence <= 6)
    world.read(Position(RUN_A, 0))
    world.drain()

    for _ in range(10):
        world.now += 20 * MS
        world.turn()

    world.connect()
    world.play()
    assert world.delivered == frames(RUN_A, *range(1, 10))


def test_a_new_broker_gets_what_came_while_there_was_none() -> None:
    """The reader resumes from a position the broker has never seen."""
    world = World()
    for sequence in range(40):
        world.capture(RUN_A, sequence, arrives=sequence >= 30)
    world.read(Position(RUN_A, 9))
    world.drain()
    assert world.delivered == []  # the camera's node may still be on its way

    world.connect()
    world.play()

    assert world.delivered == frames(RUN_A, *range(10, 40))


def test_what_the_camera_has_no_more_is_a_gap_with_its_reason() -> None:
    world = World()
    world.connect()
    for sequence in range(40):
        world.capture(RUN_A, sequence, arrives=sequence >= 30 or sequence < 10)
    world.forgotten[RUN_A] = 15
    world.read(Position(RUN_A, 8))

    world.play()

    gaps = [item for item in world.delivered if isinstance(item, Gap)]
    assert [(g.first, g.last) for g in gaps] == [(n, n) for n in range(10, 15)]
    assert {g.reason for g in gaps} == {"ring-overrun"}
    assert [i for i in world.delivered if not isinstance(i, Gap)] == frames(
        RUN_A, 9, *range(15, 40)
    )


def test_runs_that_lived_and_died_unseen_are_repaired_too() -> None:
    """A camera with a ring on disk was killed twice while the broker was away."""
    world = World()
    world.connect()
    for run, sequences, arrives in (
        (RUN_A, range(5), True),
        (RUN_A, range(5, 9), False),
        (RUN_B, range(6), False),
        (RUN_C, range(3), False),
        (RUN_C, range(3, 6), True),
    ):
        for sequence in sequences:
            world.capture(run, sequence, arrives=arrives)
    world.read(Position(RUN_A, 2))

    world.play()

    assert world.delivered == [
        *frames(RUN_A, *range(3, 9)),
        *frames(RUN_B, *range(6)),
        *frames(RUN_C, *range(6)),
    ]


def test_a_camera_that_forgot_its_last_run_says_so() -> None:
    world = World()
    world.connect()
    for sequence in range(5):
        world.capture(RUN_A, sequence)
    world.kept.clear()
    for sequence in range(4):
        world.capture(RUN_B, sequence, arrives=sequence >= 2)
    world.read(Position(RUN_A, 3))

    world.play()

    assert world.delivered == [
        *frames(RUN_A, 4),
        gap(5, None, "camera-restarted"),
        *frames(RUN_B, *range(4)),
    ]


def test_unwanted_frames_are_a_gap_without_asking() -> None:
    world = World()
    world.connect()
    world.capture(RUN_A, 0)
    world.capture(RUN_A, 8, unwanted=7)
    world.capture(RUN_A, 9, unwanted=7)
    world.read(Position(RUN_A, 0))

    world.drain()

    assert world.delivered == [gap(1, 7, "not-wanted"), *frames(RUN_A, 8, 9)]
    assert world.asked == []
    assert world.reader.cursors["one"].account.skipped == {"not-wanted": 7}


def test_a_camera_that_was_away_for_long_is_waited_for_again() -> None:
    """Back after an hour, its frames may come before its hello: what it kept is not given up."""
    world = World()
    world.connect()
    world.capture(RUN_A, 0)
    world.camera.repairs.camera_left()
    world.read(Position(RUN_A, 0))
    for sequence in (1, 2, 3):
        world.capture(RUN_A, sequence, arrives=False)

    world.now += 3600 * SECOND
    world.capture(RUN_A, 4)
    world.drain()
    assert not world.camera.repairs.advance(world.now)
    world.drain()
    assert world.delivered == []
    world.connect()
    world.play()

    assert world.delivered == frames(RUN_A, 1, 2, 3, 4)


def test_a_camera_that_stays_away_is_given_up() -> None:
    world = World()
    world.connect()
    for sequence in (0, 1, 5):
        world.capture(RUN_A, sequence)
    world.camera.repairs.camera_left()
    world.read(Position(RUN_A, 0))
    world.drain()
    assert world.delivered == frames(RUN_A, 1)

    world.now += PATIENCE_NS
    assert world.camera.repairs.advance(world.now)
    world.drain()

    assert world.delivered == [*frames(RUN_A, 1), gap(2, 4, "not-received"), *frames(RUN_A, 5)]


def test_a_camera_that_does_not_come_back_is_waited_for_once() -> None:
    """No live frame looks after the reader, and there are many holes: all are gaps at one time."""
    world = World()
    world.connect()
    world.capture(RUN_A, 0)
    world.read(Position(RUN_A, 0))
    for sequence in range(1, 100):
        world.capture(RUN_A, sequence, arrives=sequence % 3 == 0)
    world.drain()
    assert len(world.asked) == 1
    world.camera.repairs.camera_left()  # and what it was asked for does not come

    for _ in range(PATIENCE_NS // SECOND):
        world.now += SECOND
        assert held(world.reader.cursors["one"]) > 0
        world.camera.repairs.advance(world.now)
    world.drain()

    expected: list[Delivered] = []
    for sequence in range(3, 100, 3):
        expected += [gap(sequence - 2, sequence - 1, "not-received"), (RUN_A, sequence)]
    assert world.delivered == expected
    assert held(world.reader.cursors["one"]) == 0


def test_a_camera_that_comes_back_while_it_is_waited_for_is_asked_again() -> None:
    world = World()
    world.connect()
    world.capture(RUN_A, 0)
    world.read(Position(RUN_A, 0))
    for sequence in range(1, 10):
        world.capture(RUN_A, sequence, arrives=sequence == 9)
    world.drain()
    world.asked.clear()  # it is lost on the way
    world.camera.repairs.camera_left()
    for _ in range(PATIENCE_NS // SECOND - 1):
        world.now += SECOND
        world.camera.repairs.advance(world.now)

    world.connect()
    world.play()

    assert world.delivered == frames(RUN_A, *range(1, 10))


def test_the_first_pictures_of_a_run_that_begins_are_not_missed() -> None:
    """They are taken before the broker is connected; the camera has them."""
    world = World()
    world.read()
    world.connect()
    for sequence in range(6):
        world.capture(RUN_A, sequence, arrives=sequence >= 3)
    assert world.camera.numbered == 6

    world.play()

    assert world.delivered == frames(RUN_A, *range(6))
    account = world.reader.cursors["one"].account
    assert (account.delivered, account.late, account.lost.total()) == (6, 3, 0)
    assert held(world.reader.cursors["one"]) == 0


def test_a_run_that_was_long_under_way_is_joined() -> None:
    world = World()
    world.read()
    world.connect()
    for sequence in range(100):
        world.capture(RUN_A, sequence, arrives=sequence >= BEGINNING)

    world.play()

    assert world.delivered == frames(RUN_A, *range(BEGINNING, 100))
    assert world.asked == []


def test_all_that_is_kept_of_repairs_is_bounded_together() -> None:
    """Readers that miss much take a little and stop: what has come for them goes again."""
    memory = RepairMemory(20 * ENTRY_BYTES)
    worlds = [World(memory=memory) for _ in range(5)]
    for world in worlds:
        world.connect()
        for sequence in range(200):
            world.capture(RUN_A, sequence, arrives=sequence in (0, 199))
        world.read(Position(RUN_A, 0), credit=1)
        world.read(Position(RUN_A, 0), credit=3)
    for turn in range(400):
        for world in worlds:
            world.play()
            assert memory.bytes <= memory.limit_bytes
            for number, (reader, _) in enumerate(world.readers):
                reader.credit.add(2 if turn % (number + 2) == 0 else 0, 0)

    assert all(
        delivered == frames(RUN_A, *range(1, 200)) for w in worlds for _, delivered in w.readers
    )


def test_a_camera_that_does_not_answer_is_given_up() -> None:
    world = World()
    world.connect()
    for sequence in (0, 1, 5):
        world.capture(RUN_A, sequence)
    world.read(Position(RUN_A, 0))
    world.drain()
    assert len(world.asked) == 1

    world.now += ANSWER_NS + 1
    assert world.camera.repairs.advance(world.now)
    world.drain()

    assert world.delivered[1] == gap(2, 4, "not-received")


def test_a_reader_without_credit_asks_for_nothing() -> None:
    world = World()
    world.connect()
    for sequence in range(100):
        world.capture(RUN_A, sequence, arrives=sequence in (0, 99))
    world.read(Position(RUN_A, 0), credit=0)

    world.play()

    assert world.asked == []


@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80),
    st.integers(1, 40),
    st.integers(1, 20),
    st.integers(1, 30),
)
def test_any_losses_are_repaired_whatever_the_rings(
    captures: list[tuple[bool, bool]], frames_in_ring: int, credit: int, kept: int
) -> None:
    """Frames arrive or not, cameras restart or not: each comes exactly once and in order."""
    world = World(frames_in_ring, RepairMemory(kept * ENTRY_BYTES))
    world.connect()
    world.capture(RUN_A, 0)
    world.read(credit=credit)
    world.drain()
    run, sequence, runs = RUN_A, 0, 1
    for arrives, restarts in captures:
        if restarts and runs < 6:
            run, sequence, runs = f"{runs:016x}", -1, runs + 1
        sequence += 1
        world.capture(run, sequence, arrives=arrives)
        if arrives:
            world.drain()
    world.capture(run, sequence + 1)
    reader = world.reader
    while world.delivered != [(p.run, p.sequence) for p in world.kept]:
        before = len(world.delivered)
        reader.credit.add(credit, 0)
        world.play()
        assert len(world.delivered) > before, "it stands still"

    assert held(reader.cursors["one"]) == 0
    assert reader.cursors["one"].account.delivered == len(world.kept)


@given(
    st.lists(st.integers(0, 59), min_size=2, max_size=4),
    st.lists(st.booleans(), min_size=60, max_size=60),
    st.integers(1, 30),
    st.lists(st.integers(0, 3), min_size=30, max_size=30),
    st.integers(1, 30),
)
def test_readers_that_miss_the_same_share_what_comes(
    starts: list[int], arrives: list[bool], frames_in_ring: int, given_out: list[int], kept: int
) -> None:
    """Wherever they resume and however fast they read: each gets all from there on, once."""
    world = World(frames_in_ring, RepairMemory(kept * ENTRY_BYTES))
    world.connect()
    for sequence in range(60):
        world.capture(RUN_A, sequence, arrives=arrives[sequence])
    world.capture(RUN_A, 60)
    for start in starts:
        world.read(Position(RUN_A, start), credit=1)
    for number, credit in enumerate(given_out):
        reader, _ = world.readers[number % len(world.readers)]
        reader.credit.add(credit, 0)
        world.play()
        if number % 5 == 0:
            world.capture(RUN_A, 61 + number // 5, arrives=number % 10 == 0)
    world.capture(RUN_A, 67)
    while any(held(reader.cursors["one"]) for reader, _ in world.readers):
        before = [len(delivered) for _, delivered in world.readers]
        for reader, _ in world.readers:
            reader.credit.add(64, 0)
        world.play()
        assert [len(delivered) for _, delivered in world.readers] > before, "it stands still"

    for start, (_, delivered) in zip(starts, world.readers, strict=True):
        assert delivered == frames(RUN_A, *range(start + 1, 68))


def test_two_readers_that_miss_the_same_cost_the_link_once() -> None:
    world = World()
    world.connect()
    for sequence in range(40):
        world.capture(RUN_A, sequence, arrives=sequence in (0, 39))
    world.read(Position(RUN_A, 0))
    world.read(Position(RUN_A, 0))

    world.play()

    assert [delivered for _, delivered in world.readers] == [frames(RUN_A, *range(1, 40))] * 2
    assert world.camera.repairs.repaired == 38

"""What a reader in mode `every` misses comes from the camera's own ring, in its place and once."""

from __future__ import annotations

import zmq
from hypothesis import given
from hypothesis import strategies as st

from camfan_broker.camera import Camera
from camfan_broker.reader import Reader
from camfan_broker.repair import ANSWER_NS, PATIENCE_NS
from camfan_broker.ring import OVERHEAD_BYTES, Entry
from camfan_wire.header import Header, Position
from camfan_wire.messages import Gap, Repair, Repaired, Subscribe
from camfan_wire.topics import layer_of

RUN_A, RUN_B, RUN_C = "a" * 16, "b" * 16, "c" * 16
SECOND = 1_000_000_000
MS = 1_000_000
ENTRY_BYTES = 10 + 2 + OVERHEAD_BYTES

Told = tuple[str, int] | Gap


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

    def __init__(self, frames: int = 1000) -> None:
        self.now = SECOND
        self.camera = Camera("one", frames * ENTRY_BYTES, 5.0, lambda: self.now)
        self.kept: list[Position] = []  # in the camera's own ring, in order
        self.forgotten: dict[str, int] = {}  # what its ring has lost, by run: up to this sequence
        self.asked: list[Repair] = []
        self.readers: list[tuple[Reader, list[Told]]] = []

    def capture(self, run: str, sequence: int, *, arrives: bool = True, unwanted: int = 0) -> None:
        self.kept.append(Position(run, sequence))
        if arrives:
            found = header(run, sequence, unwanted)
            self.camera.accept(found, layer_of(sequence), b"{}", zmq.Frame(b"0123456789"), self.now)

    def connect(self) -> None:
        def ask(request: Repair) -> bool:
            self.asked.append(request)
            return True

        self.camera.repairs.camera_came(ask)

    def read(self, since: Position | None = None, credit: int = 64) -> None:
        wanted = {} if since is None else {"one": since}
        wishes = Subscribe(cameras=["*"], mode="every", credit=credit, since=wanted)
        self.readers.append((Reader(wishes, {}, [self.camera]), []))

    @property
    def reader(self) -> Reader:
        return self.readers[0][0]

    @property
    def told(self) -> list[Told]:
        return self.readers[0][1]

    def drain(self) -> None:
        for reader, told in self.readers:
            while reader.open:
                found = reader.next(self.now)
                if found is None:
                    break
                cursor, item = found
                if isinstance(item, Gap):
                    reader.told(cursor, item)
                    told.append(item)
                else:
                    reader.sent(cursor, item, self.now)
                    told.append((item.header.run, item.header.sequence))

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
        self.camera.repairs.frame(Entry(found, topic, b"{}", jpeg, self.now, ENTRY_BYTES))

    def play(self) -> None:
        """Until there is nothing more to ask or to give."""
        for _ in range(200):
            self.drain()
            self.now += 20 * MS
            self.camera.repairs.turn(self.now)
            if not self.answer() and not self.camera.repairs.active:
                break
        self.drain()


def gap(first: int, last: int | None, reason: str, run: str = RUN_A) -> Gap:
    return Gap(camera="one", run=run, first=first, last=last, reason=reason)


def frames(run: str, *sequences: int) -> list[Told]:
    return [(run, sequence) for sequence in sequences]


def test_what_never_arrived_comes_late_and_in_its_place() -> None:
    world = World()
    world.connect()
    for sequence in range(10):
        world.capture(RUN_A, sequence, arrives=not 3 <= sequence <= 6)
    world.read(Position(RUN_A, 0))

    world.play()

    assert world.told == frames(RUN_A, *range(1, 10))
    account = world.reader.cursors["one"].account
    assert (account.delivered, account.late, account.lost.total()) == (9, 4, 0)
    assert world.reader.held("one") == 0


def test_a_new_broker_gets_what_came_while_there_was_none() -> None:
    """The reader resumes from a position the broker has never seen."""
    world = World()
    for sequence in range(40):
        world.capture(RUN_A, sequence, arrives=sequence >= 30)
    world.read(Position(RUN_A, 9))
    world.drain()
    assert world.told == []  # the camera's node may still be on its way

    world.connect()
    world.play()

    assert world.told == frames(RUN_A, *range(10, 40))


def test_what_the_camera_has_no_more_is_a_gap_with_its_reason() -> None:
    world = World()
    world.connect()
    for sequence in range(40):
        world.capture(RUN_A, sequence, arrives=sequence >= 30 or sequence < 10)
    world.forgotten[RUN_A] = 15
    world.read(Position(RUN_A, 8))

    world.play()

    gaps = [item for item in world.told if isinstance(item, Gap)]
    assert [(g.first, g.last) for g in gaps] == [(n, n) for n in range(10, 15)]
    assert {g.reason for g in gaps} == {"ring-overrun"}
    assert [i for i in world.told if not isinstance(i, Gap)] == frames(RUN_A, 9, *range(15, 40))


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

    assert world.told == [
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

    assert world.told == [
        *frames(RUN_A, 4),
        gap(5, None, "camera-restarted"),
        *frames(RUN_B, *range(4)),
    ]


def test_what_nobody_wanted_is_told_without_asking() -> None:
    world = World()
    world.connect()
    world.capture(RUN_A, 0)
    world.capture(RUN_A, 8, unwanted=7)
    world.capture(RUN_A, 9, unwanted=7)
    world.read(Position(RUN_A, 0))

    world.drain()

    assert world.told == [gap(1, 7, "not-wanted"), *frames(RUN_A, 8, 9)]
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
    assert not world.camera.repairs.turn(world.now)
    world.drain()
    assert world.told == []
    world.connect()
    world.play()

    assert world.told == frames(RUN_A, 1, 2, 3, 4)


def test_a_camera_that_stays_away_is_given_up() -> None:
    world = World()
    world.connect()
    for sequence in (0, 1, 5):
        world.capture(RUN_A, sequence)
    world.camera.repairs.camera_left()
    world.read(Position(RUN_A, 0))
    world.drain()
    assert world.told == frames(RUN_A, 1)

    world.now += PATIENCE_NS
    assert world.camera.repairs.turn(world.now)
    world.drain()

    assert world.told == [*frames(RUN_A, 1), gap(2, 4, "not-received"), *frames(RUN_A, 5)]


def test_a_camera_that_does_not_answer_is_given_up() -> None:
    world = World()
    world.connect()
    for sequence in (0, 1, 5):
        world.capture(RUN_A, sequence)
    world.read(Position(RUN_A, 0))
    world.drain()
    assert len(world.asked) == 1

    world.now += ANSWER_NS + 1
    assert world.camera.repairs.turn(world.now)
    world.drain()

    assert world.told[1] == gap(2, 4, "not-received")


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
)
def test_any_losses_are_repaired_whatever_the_rings(
    captures: list[tuple[bool, bool]], frames_in_ring: int, credit: int
) -> None:
    """Frames arrive or not, cameras restart or not: each comes exactly once and in order."""
    world = World(frames_in_ring)
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
    while world.told != [(p.run, p.sequence) for p in world.kept]:
        before = len(world.told)
        reader.add_credit(credit, 0)
        world.play()
        assert len(world.told) > before, "it stands still"

    assert reader.held("one") == 0
    assert reader.cursors["one"].account.delivered == len(world.kept)


@given(
    st.lists(st.integers(0, 59), min_size=2, max_size=4),
    st.lists(st.booleans(), min_size=60, max_size=60),
    st.integers(1, 30),
    st.lists(st.integers(0, 3), min_size=30, max_size=30),
)
def test_readers_that_miss_the_same_share_what_comes(
    starts: list[int], arrives: list[bool], frames_in_ring: int, given_out: list[int]
) -> None:
    """Wherever they resume and however fast they read: each gets all from there on, once."""
    world = World(frames_in_ring)
    world.connect()
    for sequence in range(60):
        world.capture(RUN_A, sequence, arrives=arrives[sequence])
    world.capture(RUN_A, 60)
    for start in starts:
        world.read(Position(RUN_A, start), credit=1)
    for number, credit in enumerate(given_out):
        reader, _ = world.readers[number % len(world.readers)]
        reader.add_credit(credit, 0)
        world.play()
        if number % 5 == 0:
            world.capture(RUN_A, 61 + number // 5, arrives=number % 10 == 0)
    world.capture(RUN_A, 67)
    for _ in range(4):
        for reader, _ in world.readers:
            reader.add_credit(64, 0)
        world.play()

    for start, (_, told) in zip(starts, world.readers, strict=True):
        assert told == frames(RUN_A, *range(start + 1, 68))


def test_two_readers_that_miss_the_same_cost_the_link_once() -> None:
    world = World()
    world.connect()
    for sequence in range(40):
        world.capture(RUN_A, sequence, arrives=sequence in (0, 39))
    world.read(Position(RUN_A, 0))
    world.read(Position(RUN_A, 0))

    world.play()

    assert [told for _, told in world.readers] == [frames(RUN_A, *range(1, 40))] * 2
    assert world.camera.repairs.repaired == 38

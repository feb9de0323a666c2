"""A camera's ring: which frames and gaps a broker that missed frames gets from it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camfan import Publisher, WireError
from camfan.ring.absences import Absences, EncodingDecision
from camfan.ring.repair import NoArchive, RepairResponder
from camfan.ring.ring import MemoryRing, StoredFrame
from camfan_testing.jpegs import jpeg
from camfan_testing.peer import Peer
from camfan_wire.clock import ClockEstimate
from camfan_wire.header import Header, Position
from camfan_wire.messages import Demand, Gap
from camfan_wire.topics import layer_of

PICTURES = [jpeg(64, 48, seed) for seed in range(8)]
RUN = "0123456789abcdef"
OTHER = "fedcba9876543210"


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as running:
        yield running


def publisher(peer: Peer, **options: object) -> Publisher:
    return Publisher(peer.delivery, "porch", ingest=peer.ingest, **options)  # type: ignore[arg-type]


def test_a_camera_says_which_camera_it_publishes(peer: Peer) -> None:
    with publisher(peer):
        peer.serve_until(lambda: peer.hello)

    assert peer.hello is not None
    assert (peer.hello.name, peer.hello.kind, peer.hello.publishes) == ("porch", "camera", "porch")


def test_what_did_not_leave_is_repaired_byte_for_byte(peer: Peer) -> None:
    """Frames of an outage come late, in order, each once, with the time of their capture."""
    peer.listen()  # the broker does not listen: nothing leaves
    with publisher(peer) as camera:
        peer.serve_until(lambda: peer.hello)
        for number, picture in enumerate(PICTURES):
            assert not camera.publish(picture, captured_ns=1000 + number)

        answer = peer.repair("porch", Position(camera.run, 1), Position(camera.run, 6))

        assert answer.done
        assert answer.gaps == []
        assert [data for _, data in answer.frames] == PICTURES[2:6]
        assert [h.captured for h, _ in answer.frames] == [1002, 1003, 1004, 1005]
        assert all(h.late and h.offset is not None for h, _ in answer.frames)
        assert camera.counts.unsent == len(PICTURES)
        assert camera.counts.late == 4


def test_a_late_frame_keeps_the_doubt_about_its_time(peer: Peer) -> None:
    """Also if the site's clock became known only after the picture was taken."""
    with publisher(peer) as camera:
        camera.publish(PICTURES[0])
        camera.publish(PICTURES[1], error_ns=700_000_000)
        peer.listen()
        peer.serve_until(lambda: peer.hello)

        answer = peer.repair("porch", Position(camera.run, -1), Position(camera.run, 2))

    [exact, doubtful] = [header.error for header, _ in answer.frames]
    assert exact is not None
    assert doubtful is not None
    assert exact < 700_000_000 <= doubtful


def test_an_answer_is_as_long_as_was_asked_and_says_whether_it_is_all(peer: Peer) -> None:
    with publisher(peer) as camera:
        peer.serve_until(lambda: peer.hello)
        for picture in PICTURES:
            camera.publish(picture)

        first = peer.repair("porch", Position(camera.run, 0), frames=3)
        rest = peer.repair("porch", Position(camera.run, 3), frames=4)

    assert (first.sequences, first.done) == ([1, 2, 3], False)
    assert (rest.sequences, rest.done) == ([4, 5, 6, 7], True)


def test_a_run_that_is_not_known_is_a_gap_of_unknown_length(peer: Peer) -> None:
    """A process without a disk knows nothing of the one before it."""
    with publisher(peer) as camera:
        peer.serve_until(lambda: peer.hello)
        camera.publish(PICTURES[0])

        answer = peer.repair("porch", Position(OTHER, 41), Position(camera.run, 1))

    gap, frame = answer.told
    assert isinstance(gap, Gap)
    assert (gap.run, gap.first, gap.last, gap.reason) == (OTHER, 42, None, "camera-restarted")
    assert not isinstance(frame, Gap)
    assert frame[0].position == Position(camera.run, 0)


def test_a_refused_frame_is_a_gap_with_its_reason(peer: Peer) -> None:
    with publisher(peer) as camera:
        peer.serve_until(lambda: peer.hello)
        camera.publish(PICTURES[0])
        for _ in range(2):
            with pytest.raises(WireError):
                camera.publish(b"no picture")
        camera.refuse()
        camera.publish(PICTURES[1])

        answer = peer.repair("porch", Position(camera.run, 0))

    assert answer.gaps == [(1, 3, "refused")]
    assert answer.sequences == [4]


def test_unwanted_frames_are_numbered_and_a_gap_says_so(peer: Peer) -> None:
    with publisher(peer) as camera:
        peer.serve_until(lambda: peer.hello)
        camera.publish(PICTURES[0])
        peer.say(Demand(camera="porch", layers=2))
        peer.serve_until(lambda: not camera.wanted())
        for picture in PICTURES:
            camera.publish(picture)

        answer = peer.repair("porch", Position(camera.run, 0))

        assert answer.gaps == [(1, 3, "not-wanted"), (5, 7, "not-wanted")]
        assert answer.sequences == [4, 8]
        assert [h.unwanted for h, _ in answer.frames] == [3, 6]
        assert camera.counts.unwanted == 6


def test_the_accounts_of_a_camera_are_in_its_status(peer: Peer) -> None:
    """captured = sent + unsent + unwanted + uplink + refused."""
    with publisher(peer) as camera:
        peer.serve_until(lambda: peer.hello)
        for picture in PICTURES:
            camera.publish(picture)
        camera.skip(3)
        camera.refuse()
        camera.report_now()
        peer.serve_until(lambda: peer.statuses and peer.figures.captured == 12)

    figures = peer.figures
    parts = (
        figures.sent,
        figures.unsent,
        figures.unwanted,
        figures.uplink,
        figures.refused,
    )
    assert sum(part or 0 for part in parts) == 12
    assert (figures.unwanted, figures.refused, figures.ring_frames) == (3, 1, 8)
    assert figures.ring_oldest == 0


def test_bytes_are_kept_and_not_copied() -> None:
    """What is not bytes may be written to by its owner, and is copied once."""
    mutable = bytearray(PICTURES[0])
    with Peer() as peer, publisher(peer) as camera:
        camera.publish(PICTURES[1])
        camera.publish(memoryview(mutable))
        mutable[:] = b"\0" * len(mutable)
        peer.serve_until(lambda: peer.hello)
        answer = peer.repair("porch", Position(camera.run, 0))
        held = camera._store.memory.find(0)

    assert held is not None
    assert held.jpeg is PICTURES[1]
    assert answer.frames[0][1] == PICTURES[0]


def _kept(sequence: int, size: int = 10) -> StoredFrame:
    header = Header(
        version=1, camera="porch", run=RUN, sequence=sequence, captured=sequence, offset=None,
        error=None, width=1, height=1, size=size + 4,
    )  # fmt: skip
    return StoredFrame(header, bytes(size), 0)


Act = tuple[str, int]
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("frame"), st.integers(0, 3000)),
        st.tuples(st.just("refuse"), st.just(1)),
        st.tuples(st.just("skip"), st.integers(1, 9)),
        st.tuples(st.just("demand"), st.integers(0, 4)),
        st.tuples(st.just("uplink"), st.integers(1, 4)),
    ),
    max_size=60,
)


@given(ACTS, st.integers(0, 20_000), st.integers(-1, 200), st.integers(0, 250))
def test_every_sequence_comes_once_and_in_order(
    acts: list[Act], limit: int, after: int, before: int
) -> None:
    """Whatever was made, left out or pushed out: frames and gaps follow each other to the end."""
    ring = MemoryRing(RUN, limit)
    truth = _play(ring, acts)
    counts = ring.counts
    parts = (counts.sent, counts.unsent, counts.unwanted, counts.uplink, counts.refused)
    assert counts.captured == len(truth) == sum(parts)
    assert ring.span().bytes <= limit

    first, stop = max(after, 0), min(before, len(truth))
    repairs = RepairResponder("porch", ring, ClockEstimate(), NoArchive())
    told = list(repairs._items(Position(RUN, first), Position(RUN, before)))

    following = first + 1
    for item in told:
        if isinstance(item, Gap):
            assert item.first == following
            assert item.last is not None
            for sequence in range(item.first, item.last + 1):
                _check_reason(ring, truth, sequence, item.reason)
            following = item.last + 1
        else:
            assert item.header.sequence == following
            assert truth[following] == "made"
            following += 1
    assert following == max(stop, first + 1) or first >= stop


def _check_reason(ring: MemoryRing, truth: list[str], sequence: int, reason: str) -> None:
    assert ring.find(sequence) is None
    if reason == "ring-overrun":  # the layers of a stretch that is gone are not distinguished
        assert sequence < ring.oldest
    else:
        assert truth[sequence] == reason


def _play(ring: MemoryRing, acts: list[Act]) -> list[str]:
    """What became of each sequence."""
    making, truth = EncodingDecision(), []
    for act, number in acts:
        if act == "demand":
            making = making._replace(demand=number)
        elif act == "uplink":
            making = making._replace(uplink=number)
        elif act == "refuse":
            ring.refuse(EncodingDecision())
            truth.append("refused")
        elif act == "skip":
            for _ in range(number):
                reason = making.reason(len(truth))
                if reason is None:
                    reason, left_out = "not-wanted", EncodingDecision(demand=0)
                    ring.leave_out(1, left_out)
                else:
                    ring.leave_out(1, making)
                truth.append(reason)
        else:
            wanted = making.reason(len(truth)) is None
            ring.append(_kept(len(truth), number), making if wanted else EncodingDecision())
            truth.append("made")
    return truth


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4), st.integers(1, 40)), max_size=20))
def test_decisions_of_hours_are_few(decided: list[tuple[int, int, int]]) -> None:
    """What is remembered grows with the changes of what is made, not with the pictures."""
    absences, sequence = Absences(), 0
    for demand, uplink, pictures in decided:
        for _ in range(pictures):
            absences.note(sequence, EncodingDecision(demand, uplink))
            sequence += 1

    assert len(absences._changes) <= len(decided)
    for piece in absences.explain(0, sequence - 1, "made"):
        assert piece.first <= piece.last


def test_a_pattern_of_layers_is_explained_exactly() -> None:
    absences = Absences()
    absences.note(0, EncodingDecision(demand=3, uplink=2))

    found = {
        sequence: piece.reason
        for piece in absences.explain(0, 15, "made")
        for sequence in range(piece.first, piece.last + 1)
    }

    expected = {0: "made", 1: "made", 2: "uplink", 3: "not-wanted"}
    assert found == {sequence: expected[layer_of(sequence)] for sequence in range(16)}

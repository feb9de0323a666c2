"""Pieces of coded pictures, as FFmpeg hands them out, become whole pictures again."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camfan_nodes.camera.access_units import LEARN_UNITS, Joiner, Piece, Unit
from camfan_nodes.camera.lookahead import read_lookahead

START = b"\0\0\0\1"
PIECE_BYTES = 100


def picture(number: int, slices: int, size: int) -> bytes:
    """H.264: a key picture every tenth; `size` bytes of each slice."""
    kind = 5 if number % 10 == 0 else 1
    headers = START + b"\x67sps" + START + b"\x68pps" if kind == 5 else b""
    first = [b"\x80" if index == 0 else b"\x40" for index in range(slices)]
    body = (number % 250 + 1).to_bytes(1, "big") * size
    return headers + b"".join(START + bytes([0x60 | kind]) + start + body for start in first)


def pieces(data: bytes) -> list[bytes]:
    """Every unit in packets of at most PIECE_BYTES, as RTP cuts it."""
    found = []
    for unit in data.split(START)[1:]:
        unit = START + unit
        found += [unit[at : at + PIECE_BYTES] for at in range(0, len(unit), PIECE_BYTES)]
    return found


def join(codec: str, parts: list[tuple[bytes, int]]) -> tuple[list[Unit], list[int | None]]:
    begun: list[int | None] = []
    joiner = Joiner(codec, lambda stamp_ns, _: begun.append(stamp_ns))
    units: list[Unit] = []
    for at, (data, stamp_ns) in enumerate(parts):
        units += joiner.feed(Piece(data, stamp_ns, at))
    return units, begun


@given(
    st.lists(st.integers(1, 450), min_size=3, max_size=60),
    st.integers(1, 4),
    st.booleans(),
)
def test_pictures_come_whole_and_with_their_own_stamp(
    sizes: list[int], slices: int, alike: bool
) -> None:
    """Also if all of them have the same stamp."""
    originals = [picture(number, slices, size) for number, size in enumerate(sizes)]
    parts = [
        (piece, 0 if alike else number)
        for number, data in enumerate(originals)
        for piece in pieces(data)
    ]
    units, begun = join("h264", parts)

    whole = originals if len(units) == len(originals) else originals[:-1]
    assert [unit.data for unit in units] == whole
    assert [unit.key for unit in units] == [n % 10 == 0 for n in range(len(whole))]
    if not alike:
        assert [unit.stamp_ns for unit in units] == list(range(len(whole)))
    assert len(begun) == len(originals)


def test_a_picture_comes_at_once_when_it_is_known_how_the_camera_cuts_them() -> None:
    """Until then each comes with the first piece of the next one."""
    originals = [picture(number, 2, 130) for number in range(LEARN_UNITS + 3)]
    joiner = Joiner("h264", lambda *_: None)
    given_at = []
    for number, data in enumerate(originals):
        for piece in pieces(data):
            given_at += [number for _ in joiner.feed(Piece(piece, number, 0))]

    assert given_at[:LEARN_UNITS] == list(range(1, LEARN_UNITS + 1))
    assert given_at[LEARN_UNITS + 1 :] == list(range(LEARN_UNITS + 1, len(originals)))


def test_pictures_that_come_far_apart_are_waited_for_less_often() -> None:
    """One of them comes an interval late, or two; not as many as of a fast camera."""
    joiner = Joiner("h264", lambda *_: None)
    given_at = []
    for number in range(6):
        for piece in pieces(picture(number, 2, 130)):
            given_at += [number for _ in joiner.feed(Piece(piece, number * 5_000_000_000, 0))]

    assert given_at == [1, 2, 2, 3, 4, 5]


def test_a_camera_that_cuts_otherwise_is_noticed() -> None:
    """A piece that goes on behind a short one: from then on the next picture is waited for."""
    originals = [picture(number, 1, 130) for number in range(LEARN_UNITS + 20)]
    joiner = Joiner("h264", lambda *_: None)
    for data in originals[: LEARN_UNITS + 5]:
        for piece in pieces(data):
            joiner.feed(Piece(piece, 0, 0))
    odd = START + b"\x61\x80" + b"x" * 50
    joiner.feed(Piece(odd, 0, 0))
    joiner.feed(Piece(b"y" * 30, 0, 0))
    joiner.feed(Piece(odd, 0, 0))

    units = joiner.feed(Piece(odd, 0, 0))
    assert [unit.data for unit in units] == [odd]


@pytest.mark.parametrize("codec", ["mjpeg", "vp8", "vp9"])
def test_whole_pictures_go_through(codec: str) -> None:
    units, begun = join(codec, [(b"one", 1), (b"two", 2)])

    assert [unit.data for unit in units] == [b"one", b"two"]
    assert begun == [1, 2]


def test_pieces_of_other_codecs_belong_together_by_their_stamp() -> None:
    units, _ = join("h263", [(b"a", 1), (b"b", 1), (b"c", 2), (b"d", 3)])

    assert [(unit.data, unit.stamp_ns) for unit in units] == [(b"ab", 1), (b"c", 2)]


def test_an_h265_picture_of_several_segments_is_one() -> None:
    first, more = START + b"\x02\x01\x80one", START + b"\x02\x01\x00two"
    units, _ = join("hevc", [(first, 0), (more, 0), (first, 0), (more, 0), (first, 0)])

    assert [unit.data for unit in units] == [first + more, first + more]


@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize(
    ("codec", "sets", "first", "more"),
    [
        ("h264", (b"\x67sps", b"\x68pps"), b"\x65\x80", b"\x65\x40"),
        (
            "hevc",
            (b"\x40\x01vps", b"\x42\x01sps", b"\x44\x01pps"),
            b"\x26\x01\x80",
            b"\x26\x01\x40",
        ),
    ],
)
def test_parameter_sets_before_each_slice_do_not_end_a_picture(
    codec: str, sets: tuple[bytes, ...], first: bytes, more: bytes, alike: bool
) -> None:
    """As GStreamer sends them with `config-interval=-1`, where encoders cut pictures in slices."""
    headers = [START + each for each in sets]
    slices = [START + first + b"a" * 70, START + more + b"b" * 90, START + more + b"c" * 50]
    units = [*headers, slices[0], *headers, slices[1], *headers, slices[2]]
    parts = [(piece, 0 if alike else number) for number in range(30) for piece in units]

    found, _ = join(codec, parts)

    assert {unit.data for unit in found} == {b"".join(units)}
    assert len(found) >= 29


def test_key_pictures_of_vp9_are_known_in_every_profile() -> None:
    parts = [(bytes([first]), at) for at, first in enumerate((0x82, 0x86, 0xB1, 0xB3, 0xA2, 0x8A))]
    units, _ = join("vp9", parts)

    assert [unit.key for unit in units] == [True, False, True, False, True, False]


@pytest.mark.parametrize(
    ("options", "pictures"),
    [
        (b"threads=3 lookahead_threads=1 sliced_threads=0 bframes=3 rc_lookahead=40", 47),
        (b"threads=4 lookahead_threads=4 sliced_threads=1 bframes=0 rc_lookahead=0", 0),
        (b"frame-threads=2 rc-lookahead=20 lookahead-slices=4 bframes=4", 27),
        (b"threads=1 lookahead_threads=1 sliced_threads=0 bframes=3 keyint=15 rc=crf", 5),
        (b"no options", None),
    ],
)
def test_an_encoder_says_how_far_it_looks_ahead(options: bytes, pictures: int | None) -> None:
    assert read_lookahead(START + b"\x06options: " + options + b"\x80") == pictures


def test_a_picture_never_ends_in_another() -> None:
    """Of what is given every byte came, in order, once."""
    originals = [picture(number, 3, 77) for number in range(30)]
    parts = [(piece, 7) for data in originals for piece in pieces(data)]
    units, _ = join("h264", parts)

    assert b"".join(originals).startswith(b"".join(unit.data for unit in units))
    assert all(before.data != after.data for before, after in pairwise(units))

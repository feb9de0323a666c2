"""The EXIF orientation in the head of a JPEG, and frames that must not have one."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camfan_testing.data import hostile_jpegs
from camfan_testing.jpegs import CORNERS, cornered, corners_of, jpeg, stored_turned
from camfan_testing.jpegs import with_orientation as oriented
from camfan_wire.errors import NotUprightError, WireError
from camfan_wire.exif import orientation
from camfan_wire.jpeg import picture_size
from camfan_wire.upright import SizeCache, upright_size

REAL = jpeg(64, 48, 1)


def entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
    return struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")


def exif(*entries: bytes, start: int = 8, count: int | None = None) -> bytes:
    """A real picture with these entries in its first directory, `start` bytes into the TIFF."""
    number = len(entries) if count is None else count
    tiff = b"II*\0" + struct.pack("<I", start) + bytes(start - 8)
    tiff += struct.pack("<H", number) + b"".join(entries) + bytes(4)
    return segment(b"Exif\0\0" + tiff)


def segment(content: bytes) -> bytes:
    return REAL[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + REAL[2:]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("way", range(1, 9))
def test_the_orientation_of_a_picture(way: int, order: str) -> None:
    """In both byte orders, from bytes and from a memoryview."""
    data = oriented(REAL, way, order)

    assert orientation(data) == orientation(memoryview(data)) == way


@pytest.mark.parametrize("way", range(1, 9))
def test_the_pictures_of_these_tests_are_what_decoders_turn(way: int) -> None:
    """OpenCV turns by EXIF on its own: it shows each of them upright."""
    data = np.frombuffer(stored_turned(cornered(), way), np.uint8)

    assert corners_of(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)) == CORNERS


@pytest.mark.parametrize(
    "data",
    [
        exif(entry(0x010F, 2, 4, b"abc\0"), entry(0x0112, 3, 1, b"\6")),
        exif(entry(0x0112, 3, 1, b"\6"), start=20),
        exif(entry(0x0112, 4, 1, b"\6")),
        exif(entry(0x0112, 3, 1, b"\6"), count=900),
        oriented(segment(b"http://ns.adobe.com/xap/1.0/\0<x/>"), 6),
        REAL[:2] + b"\xff\xe0\x00\x04ab" + oriented(REAL, 6)[2:],
        REAL[:2] + b"\xff\xff" + oriented(REAL, 6)[2:],
    ],
    ids=["second", "later", "long", "cut", "after-xmp", "after-jfif", "fill"],
)
def test_wherever_it_stands_it_is_found(data: bytes) -> None:
    """Behind other entries and segments, in a directory that begins later or is cut short."""
    assert orientation(data) == 6


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        REAL,
        exif(),
        exif(entry(0x0112, 3, 1, b"\0")),
        exif(entry(0x0112, 3, 1, b"\x09")),
        exif(entry(0x0112, 3, 2, b"\6\0\6\0")),
        exif(entry(0x0112, 2, 1, b"\6")),
        exif(start=8, count=3),
        segment(b"Exif\0\0"),
        segment(b"Exif\0\0II*\0\xff\xff\xff\xff\0\0"),
        segment(b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01"),
        segment(b"Exif\0\0XX*\0" + bytes(20)),
        segment(b"http://ns.adobe.com/xap/1.0/\0tiff:Orientation=6"),
        REAL[:-2] + oriented(REAL, 6)[2:],
    ],
)
def test_without_exif_or_with_malformed_exif_it_is_upright(data: bytes) -> None:
    """No tag, a value or type that is not one, a directory elsewhere, or behind the picture."""
    assert orientation(data) == 1


TIFFS = st.builds(
    lambda order, start, count, rest: (
        (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", start, count) + rest
    ),
    st.sampled_from("<>"),
    st.one_of(st.integers(0, 40), st.integers(0, 2**32 - 1)),
    st.integers(0, 65_535),
    st.binary(max_size=80),
)
CONTENTS = st.one_of(
    st.binary(max_size=60),
    TIFFS.map(lambda tiff: b"Exif\0\0" + tiff),
)


@settings(max_examples=500)
@given(st.one_of(st.binary(max_size=200), CONTENTS.map(segment)))
def test_any_bytes_have_an_orientation(data: bytes) -> None:
    """1 to 8 for whatever comes, cut off anywhere."""
    assert orientation(data) in range(1, 9)
    assert orientation(data[: len(data) // 2]) in range(1, 9)


def test_thousands_of_hostile_jpegs_have_one() -> None:
    """The fuzzing corpora of four decoders."""
    ways = [orientation(data) for _, data in hostile_jpegs()]

    assert set(ways) <= set(range(1, 9))


@pytest.mark.parametrize("way", range(2, 9))
def test_a_frame_must_be_upright(way: int) -> None:
    """It is refused with a reason of its own and a sentence that says what to do."""
    data = oriented(REAL, way)

    with pytest.raises(NotUprightError, match=rf"orientation {way}.*camfan\.upright") as refused:
        upright_size(data)

    assert refused.value.reason == "not-upright"
    assert isinstance(refused.value, WireError)
    assert isinstance(refused.value, ValueError)
    assert picture_size(data) == (64, 48)
    assert upright_size(oriented(REAL, 1)) == upright_size(REAL) == (64, 48)


def test_a_camera_that_is_turned_while_it_runs_is_noticed() -> None:
    """The bytes before the size are compared, and EXIF is among them."""
    sizes, upright, turned = SizeCache(), oriented(REAL, 1), oriented(REAL, 6)

    assert sizes.upright_size(upright) == (64, 48)
    with pytest.raises(NotUprightError):
        sizes.upright_size(turned)
    assert sizes.upright_size(memoryview(upright)) == (64, 48)
    with pytest.raises(NotUprightError):
        sizes.upright_size(memoryview(turned))

"""The size of a picture, read from its JPEG without decoding it."""

from __future__ import annotations

from typing import Any

import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st

from camfan_testing.data import hostile_jpegs
from camfan_testing.jpegs import jpeg
from camfan_wire.errors import WireError
from camfan_wire.jpeg import MAX_BYTES, MAX_MARKERS, MAX_PIXELS, picture_size

REASONS = {"not-jpeg", "too-large"}
REAL = jpeg(64, 48, 1)


def size_or_none(data: bytes | memoryview) -> tuple[int, int] | None:
    """The size; None if it is refused, which must be by a WireError with a known reason."""
    try:
        width, height = picture_size(data)
    except WireError as exc:
        refused = exc
    else:
        assert 0 < width * height <= MAX_PIXELS
        return width, height
    assert refused.reason in REASONS
    assert "\n" not in str(refused)
    return None


def decoder_says(data: bytes) -> tuple[int, int] | None:
    """What libjpeg-turbo reads as the size."""
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except (ValueError, RuntimeError, KeyError):  # KeyError: a colour space it has no name for
        return None
    return width, height


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content


def start_of_frame(marker: int, width: int, height: int, precision: int = 8) -> bytes:
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return segment(marker, bytes((precision,)) + size + b"\x01\x01\x11\x00")


def whole(*segments: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(segments) + b"\xff\xd9"


@pytest.mark.parametrize(("width", "height"), [(1, 1), (8, 8), (17, 33), (640, 480), (1280, 720)])
def test_the_size_of_a_real_jpeg(width: int, height: int) -> None:
    data = jpeg(width, height, 3)

    assert picture_size(data) == picture_size(memoryview(data)) == (width, height)


def test_segments_and_fill_bytes_before_the_size_are_passed_over() -> None:
    """Comments, EXIF, restart markers and fill bytes stand before the size in real pictures."""
    before = [
        segment(0xE1, b"Exif\0\0" + REAL),
        b"\xff\xff",
        segment(0xFE, b"\xff\xc0"),
        b"\xff\xd0",
    ]

    assert picture_size(REAL[:2] + b"".join(before) + REAL[2:]) == (64, 48)


@pytest.mark.parametrize("marker", [0xC0, 0xC1, 0xC2])
def test_baseline_extended_and_progressive_are_read(marker: int) -> None:
    assert picture_size(whole(start_of_frame(marker, 320, 240))) == (320, 240)


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        (b"", "not-jpeg", "lacks its start or its end"),
        (b"\xff\xd8\xd9", "not-jpeg", "lacks its start or its end"),
        (REAL[:-2], "not-jpeg", "lacks its start or its end"),
        (REAL[:-1], "not-jpeg", "lacks its start or its end"),
        (REAL + b"\0", "not-jpeg", "lacks its start or its end"),
        (b"\0" + REAL, "not-jpeg", "lacks its start or its end"),
        (b"\x89PNG\r\n\x1a\n" + REAL, "not-jpeg", "lacks its start or its end"),
        (whole(), "not-jpeg", "no picture size"),
        (whole(b"hello"), "not-jpeg", "no picture size"),
        (whole(segment(0xDA, b"123456")), "not-jpeg", "no picture size"),
        (whole(b"\xff\xe0\x00\x01", start_of_frame(0xC0, 8, 8)), "not-jpeg", "no picture size"),
        (whole(b"\xff\xe0\xff\xff"), "not-jpeg", "no picture size"),
        (whole(b"\xff\xc0\x00\x0b\x08\x00"), "not-jpeg", "cut off"),
        (whole(start_of_frame(0xC3, 8, 8)), "not-jpeg", "SOF3"),
        (whole(start_of_frame(0xC9, 8, 8)), "not-jpeg", "SOF9"),
        (whole(start_of_frame(0xC1, 8, 8, precision=12)), "not-jpeg", "12 bits a sample"),
        (whole(start_of_frame(0xC0, 0, 8)), "not-jpeg", "0x8 pixels"),
        (whole(start_of_frame(0xC0, 8, 0)), "not-jpeg", "8x0 pixels"),
        (whole(start_of_frame(0xC0, 10_000, 12_001)), "too-large", "10000x12001 pixels"),
        (whole(start_of_frame(0xC0, 65_535, 65_535)), "too-large", "the limit is 120000000"),
    ],
)
def test_what_is_refused_says_why(data: bytes, reason: str, words: str) -> None:
    with pytest.raises(WireError, match=words) as refused:
        picture_size(data)

    assert refused.value.reason == reason


def test_the_limits_are_forty_megabytes_and_120_megapixels() -> None:
    """What is just within the limits is taken, and one more is not."""
    padding = MAX_BYTES - len(REAL)

    assert (MAX_BYTES, MAX_PIXELS) == (40_000_000, 120_000_000)
    assert picture_size(REAL[:-2] + bytes(padding) + REAL[-2:]) == (64, 48)
    with pytest.raises(WireError, match="40000001 bytes"):
        picture_size(REAL[:-2] + bytes(padding + 1) + REAL[-2:])
    assert picture_size(whole(start_of_frame(0xC0, 10_000, 12_000))) == (10_000, 12_000)


class CountedBytes(bytes):
    """Bytes that know how often they were looked at."""

    reads = 0

    def __getitem__(self, index: Any) -> Any:
        self.reads += 1
        return super().__getitem__(index)


@pytest.mark.parametrize(
    "filling", [b"\xff", b"\xff\x01", b"\xff\xd0", b"\xff\xe0\x00\x02", b"\xff\xe0\x00\x03\xff"]
)
def test_forty_megabytes_of_nothing_are_given_up_on_early(filling: bytes) -> None:
    """However large the picture, no more than MAX_MARKERS places of it are looked at."""
    data = CountedBytes(whole(filling * ((MAX_BYTES - 4) // len(filling))))

    assert size_or_none(data) is None
    assert data.reads <= 4 * MAX_MARKERS + 10


JUNK = st.binary(max_size=300)
SEGMENTS = st.builds(segment, st.integers(0, 255), st.binary(max_size=40))
FRAMES_START = st.builds(
    start_of_frame,
    st.integers(0xC0, 0xCF),
    st.integers(0, 65_535),
    st.integers(0, 65_535),
    st.sampled_from((8, 12, 0)),
)
NEARLY = st.lists(st.one_of(JUNK, SEGMENTS, FRAMES_START), max_size=6).map(lambda s: whole(*s))


@given(st.one_of(JUNK, NEARLY))
def test_any_bytes_have_a_size_or_are_refused(data: bytes) -> None:
    """For any bytes a size within the limits or a WireError; a memoryview is read the same."""
    size = size_or_none(data)

    assert size == size_or_none(memoryview(data))


@settings(max_examples=300)
@given(st.data())
def test_where_a_decoder_agrees_that_it_is_a_jpeg_it_agrees_on_the_size(
    data: st.DataObject,
) -> None:
    """A picture that was damaged on its way is refused, or has the size its decoder sees."""
    damaged = bytearray(REAL)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        kind = data.draw(st.sampled_from(("change", "insert", "delete")))
        if kind == "change":
            damaged[at] = data.draw(st.integers(0, 255))
        elif kind == "insert":
            damaged[at:at] = data.draw(st.binary(max_size=8))
        else:
            del damaged[at : at + data.draw(st.integers(0, 8))]
    ours, theirs = size_or_none(bytes(damaged)), decoder_says(bytes(damaged))

    assert ours is None or theirs is None or ours == theirs


def test_thousands_of_hostile_jpegs_are_read_as_their_decoder_reads_them() -> None:
    """The fuzzing corpora of four decoders: refused, or the size that libjpeg-turbo sees."""
    agreed = 0
    for name, data in hostile_jpegs():
        ours, theirs = size_or_none(data), decoder_says(data)
        assert ours is None or theirs is None or ours == theirs, name
        agreed += ours is not None and ours == theirs

    assert agreed > 100

"""JPEGs with bytes before or behind them, or without Huffman tables, from every source."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st

from camfan_config.types import FileCamera, ImagesCamera
from camfan_nodes.camera.clock import NodeClock
from camfan_nodes.camera.encode import Encoder, decode_jpeg
from camfan_nodes.camera.images import ImagesSource
from camfan_nodes.camera.jpeg_repair import HUFFMAN_TABLES, repair_jpeg
from camfan_nodes.camera.source import CameraSource, CapturedFrame, Idle
from camfan_nodes.camera.video_file import FileSource
from camfan_testing.cameras import FakeClock
from camfan_testing.data import hostile_jpegs
from camfan_testing.jpegs import jpeg, without_tables
from camfan_wire.errors import WireError
from camfan_wire.jpeg import picture_size

FULL = jpeg(64, 48)
BARE = without_tables(FULL)

TAILS = {
    "zeros": bytes(512),
    "one": b"\x00",
    "newline": b"\n",
    "junk": bytes(range(1, 97)),
    "end-of-an-older-picture": jpeg(64, 48, 1)[-400:],
    "ends-twice": b"\xff\xd9",
    "another-picture": jpeg(64, 48, 2),
}


def _with_thumbnail(picture: bytes) -> bytes:
    """The picture with a whole small JPEG in an APP1 segment, as phones write it."""
    content = b"Exif\0\0" + jpeg(16, 16)
    return picture[:2] + b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content + picture[2:]


def _published(source: CameraSource) -> Iterator[bytes]:
    """What a node publishes of all pictures of a source."""
    encoder = Encoder()
    with source.open() as stream:
        while (got := stream.capture()) is not Idle.ENDED:
            if isinstance(got, CapturedFrame):
                yield encoder.encode(got)


@pytest.mark.parametrize("picture", [FULL, _with_thumbnail(FULL)])
@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS)
@pytest.mark.parametrize("lead", [b"", b"\r\n", b"\xef\xbb\xbf\n"])
def test_bytes_around_a_picture_are_cut_off(lead: bytes, picture: bytes, tail: bytes) -> None:
    """What is left is the picture itself, thumbnail and all."""
    assert repair_jpeg(lead + picture + tail) == picture


@pytest.mark.parametrize("picture", [FULL, jpeg(640, 480), _with_thumbnail(FULL)])
def test_a_whole_picture_is_not_copied(picture: bytes) -> None:
    assert repair_jpeg(picture) is picture


def test_missing_tables_are_put_in() -> None:
    """A decoder then sees what it sees of the picture that had them."""
    repaired = repair_jpeg(b"\r\n" + BARE + bytes(37))

    assert repaired.count(HUFFMAN_TABLES) == 1
    assert np.array_equal(simplejpeg.decode_jpeg(repaired), simplejpeg.decode_jpeg(FULL))
    assert repair_jpeg(repaired) is repaired


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"\xff\xd8",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xe0\x00\x00",
        b"\xff\xd8" + b"\xff" * 100_000,
        b"junk",
        FULL[:-2],
        bytes(5000) + FULL,
    ],
)
def test_what_is_not_a_whole_picture_stays_as_it_is(data: bytes) -> None:
    """It is refused and counted later."""
    assert repair_jpeg(data) is data


@given(st.binary(max_size=3000), st.integers(0, len(FULL)), st.integers(0, 50))
def test_any_bytes_can_be_repaired(junk: bytes, at: int, cut: int) -> None:
    """Nothing is raised, and what was repaired is in order."""
    repaired = repair_jpeg(FULL[:at] + junk + FULL[at + cut :])

    assert repair_jpeg(repaired) is repaired


def test_images_in_a_folder_are_repaired(tmp_path: Path) -> None:
    for index, tail in enumerate(TAILS.values()):
        (tmp_path / f"{index}.jpg").write_bytes(FULL + tail)
    source = ImagesSource(ImagesCamera(path=str(tmp_path), fps=100), FakeClock())

    assert list(_published(source)) == [FULL] * len(TAILS)
    assert source.counts.unreadable == 0


def test_pictures_of_a_video_are_repaired(tmp_path: Path) -> None:
    """MJPEG in AVI is often padded, and written by webcams without tables."""
    path = tmp_path / "padded.avi"
    contents = [*(FULL + tail for tail in TAILS.values()), BARE + bytes(3)]
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=50)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for index, content in enumerate(contents):
            packet = av.Packet(content)
            packet.stream, packet.time_base = stream, Fraction(1, 50)
            packet.pts = packet.dts = index
            out.mux(packet)

    found = list(_published(FileSource(FileCamera(path=str(path)), NodeClock(threading.Event()))))

    assert found == [FULL] * len(TAILS) + [repair_jpeg(BARE)]


def test_repairs_never_damage_a_picture() -> None:
    """Of thousands of files that broke decoders, each that was whole decodes to the same pixels."""
    for name, data in hostile_jpegs():
        try:
            picture_size(data)
        except WireError:
            continue
        repaired = repair_jpeg(data)

        assert picture_size(repaired) == picture_size(data), name
        if repaired is not data:
            assert np.array_equal(decode_jpeg(repaired), decode_jpeg(data)), name

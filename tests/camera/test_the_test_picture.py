"""The source `test`: what its picture shows, to people and to programs."""

from __future__ import annotations

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st

from camfan_config.types import Size, TestCamera
from camfan_nodes.camera.encode import Encoder
from camfan_nodes.camera.frame_number_mark import draw_number, read_number
from camfan_nodes.camera.pattern import Canvas, TestSource, utc_text
from camfan_nodes.camera.source import CapturedFrame, Idle, Planes
from camfan_nodes.shared import font
from camfan_testing.cameras import START_NS, FakeClock


@pytest.mark.parametrize("size", ["160x120", "320x243", "640x480", "1279x719", "1920x1080"])
@pytest.mark.parametrize("quality", [20, 80])
def test_the_number_survives_jpeg(size: str, quality: int) -> None:
    """The sequence is read back from the JPEG of any usual size and quality."""
    width, height = map(int, size.split("x"))
    canvas = Canvas("porch", Size(width, height))
    encoder = Encoder(quality=quality)
    for number in (0, 1, 0xDEADBEEF, 2**32 - 1):
        canvas.draw(number, START_NS)

        jpeg = encoder.encode(CapturedFrame(canvas.planes, START_NS))

        grey = simplejpeg.decode_jpeg(jpeg, colorspace="GRAY")[:, :, 0]
        assert grey.shape == (height, width)
        assert read_number(grey) == number


@given(st.integers(0, 2**40))
def test_the_number_wraps_at_32_bits(number: int) -> None:
    """A number of any length is drawn modulo 2**32."""
    plane = np.zeros((16, 640), np.uint8)

    draw_number(plane, number)

    assert read_number(plane) == number % 2**32


@pytest.mark.parametrize("fill", [0, 128, 255])
def test_a_picture_without_a_number_has_none(fill: int) -> None:
    """Plain pictures, and pictures too small for cells, are not taken for a number."""
    assert read_number(np.full((48, 640), fill, np.uint8)) is None
    assert read_number(np.full((48, 64), fill, np.uint8)) is None
    assert read_number(np.full((2, 640), fill, np.uint8)) is None


def test_the_picture_shows_its_name_sequence_and_time() -> None:
    """Digits for people stand in the picture, where the font writes them."""
    canvas = Canvas("porch", Size(1280, 720))

    canvas.draw(123, START_NS)

    for text in ("porch", "#0000000123", "2025-11-22 08:26:40.000 UTC"):
        assert _shows(canvas.planes.y, text), text
    assert not _shows(canvas.planes.y, "#0000000124")


def _shows(plane: np.ndarray, text: str) -> bool:
    """Whether the text stands somewhere at the left edge, in the scale of this size."""
    scale = 5
    wanted = np.zeros((font.HEIGHT * scale, font.WIDTH * scale * len(text)), np.uint8)
    font.write(wanted, text, 0, 0, scale)
    high, wide = wanted.shape
    left = 2 * scale
    return any(
        np.array_equal(plane[top : top + high, left : left + wide], wanted)
        for top in range(plane.shape[0] - high)
    )


def test_time_is_written_in_utc_with_milliseconds() -> None:
    """The time is the one that a log line or a database would show."""
    assert utc_text(1_763_800_000_999_999_999) == "2025-11-22 08:26:40.999 UTC"


def test_something_moves() -> None:
    """Two pictures one after the other differ above the text, so that motion has work."""
    canvas = Canvas("porch", Size(640, 480))
    canvas.draw(0, START_NS)
    before = canvas.planes.y[:300].copy()

    canvas.draw(1, START_NS)

    assert (before != canvas.planes.y[:300]).any()


def test_figures_leave_nothing_behind() -> None:
    """A picture does not depend on those that were drawn before it."""
    used, fresh = Canvas("porch", Size(322, 241)), Canvas("porch", Size(322, 241))
    for sequence in range(120):
        used.draw(sequence, START_NS)

    used.draw(500, START_NS)
    fresh.draw(500, START_NS)

    assert np.array_equal(used.planes.y, fresh.planes.y)
    assert np.array_equal(used.planes.u, fresh.planes.u)


@pytest.mark.parametrize("size", [Size(1, 1), Size(16, 16), Size(2, 1000), Size(1000, 2)])
def test_any_size_can_be_drawn(size: Size) -> None:
    """A size too small for the text still gives a picture of that size."""
    canvas = Canvas("a-rather-long-camera-name", size)

    canvas.draw(7, START_NS)

    jpeg = Encoder().encode(CapturedFrame(canvas.planes, 0))
    assert simplejpeg.decode_jpeg_header(jpeg)[:2] == (size.height, size.width)


def test_pictures_come_at_their_rate_and_are_numbered_across_openings() -> None:
    """Ten pictures at 10 fps take a second; opening again goes on counting."""
    clock = FakeClock()
    source = TestSource("porch", TestCamera(size=Size(320, 240), fps=10), clock)
    numbers = []
    for _ in range(2):
        with source.open() as stream:
            begun_ns = clock.now_ns
            for _ in range(10):
                picture = stream.capture()
                assert isinstance(picture, CapturedFrame)
                assert picture.captured_ns == clock.wall_ns()
                numbers.append(read_number(source._canvas.planes.y))
            assert clock.now_ns - begun_ns == pytest.approx(0.9e9, abs=1e6)

    assert numbers == list(range(20))


def test_a_slow_rate_does_not_block() -> None:
    """Between two pictures of a slow camera it says that the next is not due yet."""
    clock = FakeClock()
    source = TestSource("porch", TestCamera(size=Size(320, 240), fps=0.5), clock)
    with source.open() as stream:
        assert isinstance(stream.capture(), CapturedFrame)

        found = [stream.capture() for _ in range(4)]

    assert found[:3] == [Idle.PACED] * 3
    assert isinstance(found[3], CapturedFrame)


@pytest.mark.parametrize("size", [Size(321, 241), Size(320, 241), Size(321, 240)])
def test_odd_sizes_are_published_as_they_are(size: Size) -> None:
    """No row or column is cut, and none of another row is smeared in."""
    source = TestSource("odd", TestCamera(size=size), FakeClock())
    with source.open() as stream:
        picture = stream.capture()
    assert isinstance(picture, CapturedFrame)
    assert isinstance(picture.content, Planes)

    grey = simplejpeg.decode_jpeg(Encoder(quality=95).encode(picture), colorspace="GRAY")[:, :, 0]

    assert grey.shape == (size.height, size.width)
    assert np.abs(grey[:, -1].astype(int) - picture.content.y[:, -1]).mean() < 3
    assert np.abs(grey[-1].astype(int) - picture.content.y[-1]).mean() < 3

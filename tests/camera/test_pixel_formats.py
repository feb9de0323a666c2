"""Raw pictures of webcams in every format that is read: their colours, sizes and paddings."""

from __future__ import annotations

from typing import cast, get_args, get_type_hints

import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from camfan_config.types import V4l2Camera
from camfan_nodes.camera.encode import Encoder
from camfan_nodes.camera.pixel_formats import (
    FORMATS,
    Geometry,
    best_of,
    describe_offer,
    format_named,
)
from camfan_nodes.camera.source import Bgr, CapturedFrame, Planes
from camfan_nodes.camera.v4l2_abi import fourcc

Array = NDArray[np.uint8]
BAR = 16  # pixels
BARS = ((255, 255, 255), (0, 255, 255), (0, 255, 0), (0, 0, 255), (255, 0, 0), (0, 0, 0))  # BGR
GREYS = tuple((level,) * 3 for level in (255, 200, 150, 100, 50, 0))
WIDE = len(BARS) * BAR
SIZES = [(WIDE, 48), (WIDE + 1, 48), (WIDE, 47), (WIDE - 1, 47), (WIDE - 1, 1), (1, 1), (2, 3)]
PIXELS = [row.name for row in FORMATS if row.parts is not None]
YUV = [name for name in PIXELS if name not in ("bgr3", "rgb3")]


def bars(width: int, height: int, colours: tuple[tuple[int, ...], ...] = BARS) -> Array:
    """Upright bars; columns beyond the last bar continue it."""
    columns = [colours[min(x // BAR, len(colours) - 1)] for x in range(width)]
    return np.array([columns] * height, np.uint8)


def ycc(image: Array, *, full: bool) -> tuple[Array, Array, Array]:
    """Of BT.601, by its definition."""
    b, g, r = (image[:, :, plane].astype(float) / 255 for plane in range(3))
    y = 0.299 * r + 0.587 * g + 0.114 * b
    cb, cr = (b - y) / 1.772, (r - y) / 1.402
    luma, chroma, black = (255, 255, 0) if full else (219, 224, 16)
    levels = (y * luma + black, cb * chroma + 128, cr * chroma + 128)
    return cast(
        tuple[Array, Array, Array],
        tuple(np.clip(np.rint(level), 0, 255).astype(np.uint8) for level in levels),
    )


def memory(name: str, image: Array, padding: int, *, full: bool) -> tuple[bytes, int]:
    """The picture as a driver writes it, and the bytes of a line of its first plane."""
    height, width = image.shape[:2]
    y, cb, cr = ycc(image, full=full)
    u, v = cb[:, 0::2], cr[:, 0::2]  # chroma of 4:2:2
    small_u, small_v = u[0::2], v[0::2]  # of 4:2:0
    if name in ("bgr3", "rgb3"):
        pixels = image if name == "bgr3" else image[:, :, ::-1]
        return padded(pixels.reshape(height, 3 * width), padding), 3 * width + padding
    if name == "grey":
        return padded(y, padding), width + padding
    if name in ("yuyv", "uyvy"):
        half = u.shape[1]
        even = np.pad(y, ((0, 0), (0, 2 * half - width)), mode="edge")
        order = (even[:, 0::2], u, even[:, 1::2], v)
        order = order if name == "yuyv" else (u, even[:, 0::2], v, even[:, 1::2])
        line = np.stack(order, axis=2).reshape(height, 4 * half)
        return padded(line, padding), 4 * half + padding
    padding += width % 2 + padding % 2  # lines of planes with chroma are even
    if name in ("nv12", "nv16"):
        pair = (small_u, small_v) if name == "nv12" else (u, v)
        chroma = np.stack(pair, axis=2).reshape(pair[0].shape[0], -1)
        line = width + padding
        return padded(y, padding) + padded(chroma, line - chroma.shape[1]), line
    first, second = (small_u, small_v) if name == "yu12" else (small_v, small_u)
    gap = (width + padding) // 2 - first.shape[1]
    return padded(y, padding) + padded(first, gap) + padded(second, gap), width + padding


def padded(plane: Array, padding: int) -> bytes:
    """With `padding` bytes of rubbish behind each line."""
    return np.pad(plane, ((0, 0), (0, padding)), constant_values=0x5A).tobytes()


def published(name: str, data: bytes, geometry: Geometry) -> Array:
    """The picture as its viewers decode it."""
    content = format_named(name).read(data, geometry)
    assert content is not None
    jpeg = Encoder(quality=98).encode(CapturedFrame(content, 0))
    assert simplejpeg.decode_jpeg_header(jpeg)[1::-1] == (geometry.width, geometry.height)
    return cast(Array, simplejpeg.decode_jpeg(jpeg, colorspace="BGR"))


def assert_bars(found: Array, wanted: Array) -> None:
    """The same colours, but for the two pixels beside the edge of a bar, which share chroma."""
    difference = np.abs(found.astype(int) - wanted).max(axis=2)
    columns = [x for x in range(wanted.shape[1]) if 3 <= x % BAR < BAR - 3 or x >= WIDE]
    columns += [0, wanted.shape[1] - 1]
    assert difference[:, columns].max() <= 12


@pytest.mark.parametrize("padding", [0, 1, 32])
@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("name", PIXELS)
def test_colours_and_edges(name: str, width: int, height: int, padding: int) -> None:
    """Bars come out in their colours, up to the last column and line, whatever the padding."""
    wanted = bars(width, height, GREYS if name == "grey" else BARS)
    data, line = memory(name, wanted, padding, full=format_named(name).full)

    found = published(name, data, Geometry(width, height, line))

    assert found.shape == wanted.shape
    assert_bars(found, wanted)


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("name", YUV)
def test_the_range_that_a_driver_names(name: str, full: bool) -> None:
    """It is believed, in place of what is usual for the format."""
    wanted = bars(WIDE, 32, GREYS if name == "grey" else BARS)
    data, line = memory(name, wanted, 0, full=full)

    assert_bars(published(name, data, Geometry(WIDE, 32, line, full)), wanted)


@pytest.mark.parametrize("name", PIXELS)
def test_a_driver_may_leave_out_the_last_padding(name: str) -> None:
    """And not one byte more: then the picture is cut off."""
    wanted = bars(WIDE, 32, GREYS if name == "grey" else BARS)
    data, line = memory(name, wanted, 16, full=format_named(name).full)
    spare = 8 if name in ("yu12", "yv12") else 16
    geometry = Geometry(WIDE, 32, line)

    assert_bars(published(name, data[:-spare], geometry), wanted)
    assert format_named(name).read(data[: -spare - 1], geometry) is None
    assert format_named(name).read(b"", geometry) is None


@pytest.mark.parametrize("name", ["yuyv", "uyvy"])
def test_half_a_pair_at_the_end_of_a_line(name: str) -> None:
    """A driver that gives two bytes for each pixel has no second chroma for an odd last one."""
    wanted = bars(WIDE + 1, 6)
    data, line = memory(name, wanted, 0, full=False)
    cut = b"".join(data[at : at + line - 2] for at in range(0, len(data), line))

    assert_bars(published(name, cut, Geometry(WIDE + 1, 6, line - 2)), wanted)


@pytest.mark.parametrize("size", [(65, 47), (64, 47), (65, 48), (3, 3)])
def test_nothing_beside_the_picture_is_encoded(size: tuple[int, int]) -> None:
    """Planes of odd sides: an even grey stays even, whatever lies behind them in memory."""
    width, height = size
    grey = np.full((height + 2, width), 255, np.uint8)
    grey[:height] = 100
    half = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)

    image = simplejpeg.decode_jpeg(
        Encoder(quality=95).encode(CapturedFrame(Planes(grey[:height], half, half.copy()), 0)),
        "BGR",
    )

    assert image.shape == (height, width, 3)
    assert np.ptp(image) <= 1


@pytest.mark.parametrize("rotate", [90, 180, 270])
def test_odd_pictures_are_rotated_whole(rotate: int) -> None:
    """Every pixel of an odd picture is there after it was turned."""
    data, line = memory("nv12", bars(WIDE - 1, 47), 0, full=False)
    content = format_named("nv12").read(data, Geometry(WIDE - 1, 47, line))
    assert content is not None

    jpeg = Encoder(quality=95, rotate=rotate).encode(CapturedFrame(content, 0))

    height, width = simplejpeg.decode_jpeg_header(jpeg)[:2]
    assert (width, height) == ((WIDE - 1, 47) if rotate == 180 else (47, WIDE - 1))


def test_pixels_of_the_driver_are_not_kept() -> None:
    """What is read stands in memory of its own, so that the buffer can go back at once."""
    data, line = memory("grey", bars(WIDE, 32, GREYS), 0, full=True)
    content = format_named("grey").read(data, Geometry(WIDE, 32, line))

    assert isinstance(content, Planes)
    assert content.y.tobytes() == data


def test_the_site_file_knows_the_same_formats() -> None:
    """The names of the table are those that `format:` takes."""
    kind = get_type_hints(V4l2Camera)["format"]
    names = [name for part in get_args(kind) for name in get_args(part)]

    assert names == [row.name for row in FORMATS]


def test_the_best_of_what_is_offered() -> None:
    """JPEGs first, as they cost nothing; pixels first where they have to be changed."""
    offered = [fourcc(code) for code in ("H264", "YUYV", "MJPG", "NV12")]

    assert name_of_best(offered, changed=False) == "mjpg"
    assert name_of_best(offered, changed=True) == "nv12"
    assert name_of_best([fourcc("MJPG")], changed=True) == "mjpg"
    assert name_of_best([fourcc("GREY"), fourcc("RGB3")], changed=False) == "rgb3"
    assert best_of([fourcc("H264")], changed=False) is None


def name_of_best(offered: list[int], *, changed: bool) -> str:
    row = best_of(offered, changed=changed)
    assert row is not None
    return row.name


def test_an_offer_in_words() -> None:
    offered = [fourcc(code) for code in ("YUYV", "H264")]

    assert describe_offer(offered) == "YUYV (format: yuyv), H264 (not readable here)"
    assert describe_offer([]) == "no format at all"


def test_bgr_is_what_encoders_take() -> None:
    content: Planes | Bgr | None = format_named("rgb3").read(bytes([1, 2, 3]), Geometry(1, 1, 3))

    assert isinstance(content, np.ndarray)
    assert content.tolist() == [[[3, 2, 1]]]

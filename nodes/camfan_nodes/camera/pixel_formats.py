"""The formats of V4L2 that a webcam is read in, one row for each, the best first.

Pixels become the planes that JPEG stores (4:2:0, full range), without a detour over RGB. No pixel
is lost: where a side is odd, the last chroma sample stands for one pixel alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from camfan_nodes.camera.source import Bgr, Plane, Planes
from camfan_nodes.camera.v4l2_abi import fourcc, fourcc_text

NEUTRAL = 128  # chroma without colour


class Geometry(NamedTuple):
    """Of one image in memory."""

    width: int  # pixels
    height: int
    line: int  # bytes from a line to the next, of the first plane; padding included
    full: bool | None = None  # range of the values: full, studio, or what is usual for the format

    @property
    def half_width(self) -> int:
        return (self.width + 1) // 2

    @property
    def half_height(self) -> int:
        return (self.height + 1) // 2


class PlaneLayout(NamedTuple):
    """A plane in memory: `used` of the `line` bytes of each row are its own."""

    rows: int
    line: int
    used: int


PlaneLayouts = Callable[[Geometry], Sequence[PlaneLayout]]
Join = Callable[[Sequence[Plane], Geometry], Planes | Bgr]


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """One format: its name in the site file, its codes, and how its bytes become an image."""

    name: str
    codes: tuple[int, ...]
    parts: PlaneLayouts | None = None  # None: it is a JPEG already
    join: Join | None = None
    full: bool = False  # range, where the driver does not say

    def read(self, data: bytes | memoryview, geometry: Geometry) -> Planes | Bgr | None:
        """The image in `data`; None if that is too short for one."""
        assert self.parts is not None
        assert self.join is not None
        planes = _cut(data, self.parts(geometry))
        if planes is None:
            return None
        picture = self.join(planes, geometry)
        full = self.full if geometry.full is None else geometry.full
        return picture if full else _stretched(picture)


def _cut(data: bytes | memoryview, parts: Sequence[PlaneLayout]) -> list[Plane] | None:
    missing = sum(part.rows * part.line for part in parts) - len(data)
    if missing > parts[-1].line - parts[-1].used:
        return None
    if missing > 0:  # the driver left out the padding of the last line
        data = bytes(data) + bytes(missing)
    planes, start = [], 0
    for rows, line, used in parts:
        plane = np.frombuffer(data, np.uint8, rows * line, start).reshape(rows, line)
        planes.append(plane[:, :used])
        start += rows * line
    return planes


def _packed(bytes_per_pixel: int) -> PlaneLayouts:
    def parts(at: Geometry) -> Sequence[PlaneLayout]:
        least = bytes_per_pixel * at.width
        return [PlaneLayout(at.height, max(at.line, least), least)]

    return parts


def _pairs(at: Geometry) -> Sequence[PlaneLayout]:
    """Two pixels in four bytes; of a last single pixel some drivers leave out the second half."""
    line = max(at.line, 2 * at.width)
    return [PlaneLayout(at.height, line, min(line, 4 * at.half_width))]


def _semi_planar(halved: bool) -> PlaneLayouts:
    def parts(at: Geometry) -> Sequence[PlaneLayout]:
        line, used = max(at.line, at.width), 2 * at.half_width
        rows = at.half_height if halved else at.height
        return [PlaneLayout(at.height, line, at.width), PlaneLayout(rows, max(line, used), used)]

    return parts


def _planar(at: Geometry) -> Sequence[PlaneLayout]:
    line = max(at.line, at.width)
    chroma = PlaneLayout(at.half_height, (line + 1) // 2, at.half_width)
    return [PlaneLayout(at.height, line, at.width), chroma, chroma]


def _interleaved(planes: Sequence[Plane], _: Geometry) -> Planes:
    y, chroma = planes
    return Planes(y, *_apart(chroma))


def _interleaved_whole(planes: Sequence[Plane], _: Geometry) -> Planes:
    y, chroma = planes
    return Planes(y, *_apart(_half_height(chroma)))


def _separate(planes: Sequence[Plane], _: Geometry) -> Planes:
    return Planes(*planes)


def _swapped(planes: Sequence[Plane], _: Geometry) -> Planes:
    y, v, u = planes
    return Planes(y, u, v)


def _luma_first(planes: Sequence[Plane], at: Geometry) -> Planes:
    return _of_pairs(planes[0], at, luma=0)


def _chroma_first(planes: Sequence[Plane], at: Geometry) -> Planes:
    return _of_pairs(planes[0], at, luma=1)


def _of_pairs(pixels: Plane, at: Geometry, luma: int) -> Planes:
    missing = 4 * at.half_width - pixels.shape[1]
    if missing:  # half a pair: the colour that it lacks is that of the pair before
        before = pixels[:, -4:-2] if at.width > 1 else np.full((at.height, 2), NEUTRAL, np.uint8)
        pixels = np.concatenate((pixels, before[:, :missing]), axis=1)
    y = np.ascontiguousarray(pixels[:, luma : 2 * at.width : 2])
    return Planes(y, *_apart(_half_height(np.ascontiguousarray(pixels[:, 1 - luma :: 2]))))


def _blue_first(planes: Sequence[Plane], at: Geometry) -> Bgr:
    return planes[0].reshape(at.height, at.width, 3)


def _red_first(planes: Sequence[Plane], at: Geometry) -> Bgr:
    return _blue_first(planes, at)[:, :, ::-1]


def _grey(planes: Sequence[Plane], at: Geometry) -> Planes:
    neutral = np.full((at.half_height, at.half_width), NEUTRAL, np.uint8)
    return Planes(planes[0], neutral, neutral.copy())


def _apart(chroma: Plane) -> tuple[Plane, Plane]:
    """U and V of lines in which they take turns."""
    return np.ascontiguousarray(chroma[:, 0::2]), np.ascontiguousarray(chroma[:, 1::2])


def _half_height(chroma: Plane) -> Plane:
    """The mean of each two lines; an odd last line stays as it is."""
    pairs = chroma.shape[0] // 2
    upper, lower = chroma[0 : 2 * pairs : 2], chroma[1 : 2 * pairs : 2]
    mean: Plane = (upper & lower) + ((upper ^ lower) >> 1)
    return np.concatenate((mean, chroma[2 * pairs :]))


def _table(low: int, high: int, middle: float) -> bytes:
    """From studio range to full range, about a middle value that stays."""
    scale = 255 / (high - low)
    levels = (np.arange(256) - middle) * scale + (NEUTRAL if middle == NEUTRAL else 0)
    return bytes(np.clip(np.rint(levels), 0, 255).astype(np.uint8))


_LUMA = _table(16, 235, 16)
_CHROMA = _table(16, 240, NEUTRAL)


def _stretched(picture: Planes | Bgr) -> Planes | Bgr:
    if isinstance(picture, Planes):
        y, u, v = picture.y, picture.u, picture.v
        return Planes(_mapped(y, _LUMA), _mapped(u, _CHROMA), _mapped(v, _CHROMA))
    return _mapped(picture, _LUMA)


def _mapped(values: Plane, table: bytes) -> Plane:
    return np.frombuffer(values.tobytes().translate(table), np.uint8).reshape(values.shape)


FORMATS = (
    PixelFormat("mjpg", (fourcc("MJPG"), fourcc("JPEG"))),
    PixelFormat("nv12", (fourcc("NV12"),), _semi_planar(halved=True), _interleaved),
    PixelFormat("yu12", (fourcc("YU12"),), _planar, _separate),
    PixelFormat("yv12", (fourcc("YV12"),), _planar, _swapped),
    PixelFormat("nv16", (fourcc("NV16"),), _semi_planar(halved=False), _interleaved_whole),
    PixelFormat("yuyv", (fourcc("YUYV"),), _pairs, _luma_first),
    PixelFormat("uyvy", (fourcc("UYVY"),), _pairs, _chroma_first),
    PixelFormat("bgr3", (fourcc("BGR3"),), _packed(3), _blue_first, full=True),
    PixelFormat("rgb3", (fourcc("RGB3"),), _packed(3), _red_first, full=True),
    PixelFormat("grey", (fourcc("GREY"),), _packed(1), _grey, full=True),
)
_BY_NAME = {row.name: row for row in FORMATS}
_BY_CODE = {code: row for row in FORMATS for code in row.codes}


def format_named(name: str) -> PixelFormat:
    return _BY_NAME[name]


def format_of(code: int) -> PixelFormat | None:
    """The row of a fourcc, if it is one that is read."""
    return _BY_CODE.get(code)


def best_of(codes: Iterable[int], *, changed: bool) -> PixelFormat | None:
    """The best format of those offered; JPEGs come last where images are to be `changed`."""
    offered = {row.name for code in codes if (row := format_of(code)) is not None}
    rows = sorted(FORMATS, key=lambda row: row.parts is None) if changed else FORMATS
    return next((row for row in rows if row.name in offered), None)


def describe_offer(codes: Iterable[int]) -> str:
    """What a device offers, and how to ask for it: `YUYV (format: yuyv), H264 (not readable)`."""
    words = []
    for code in codes:
        row = format_of(code)
        how = f"format: {row.name}" if row else "not readable here"
        words.append(f"{fourcc_text(code)} ({how})")
    return ", ".join(words) or "no format at all"

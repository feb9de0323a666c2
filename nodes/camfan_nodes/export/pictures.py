"""Frames as pictures for an encoder: decoded, scaled into cells, with a clock if asked for.

One camera in its own even size passes with one conversion; anything else is put together on a
canvas. Everything is YUV 4:2:0 of limited range, what every player expects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import av
import av.error
import numpy as np
import numpy.typing as npt

from camfan import Frame, WireError
from camfan_nodes.export.shots import ExportShot
from camfan_nodes.shared import font
from camfan_wire.upright import SizeCache

Plane = npt.NDArray[np.uint8]
BLACK = (16, 128, 128)  # Y, U, V
PIXELS = "yuv420p"


class UnreadablePictureError(Exception):
    """A JPEG that cannot be decoded."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The size of the result, and of its cells."""

    columns: int
    rows: int
    cell_width: int  # even, as is the height
    cell_height: int

    @property
    def width(self) -> int:
        return self.columns * self.cell_width

    @property
    def height(self) -> int:
        return self.rows * self.cell_height


def make_layout(sizes: list[tuple[int, int]], width: int | None, at_most: int | None) -> Layout:
    """For cameras of these sizes; `width` is that of the result, `at_most` bounds it."""
    columns = math.ceil(math.sqrt(len(sizes)))
    rows = math.ceil(len(sizes) / columns)
    widest, high = max(sizes)
    cell = widest if width is None else width // columns
    if width is None and at_most is not None:
        cell = min(cell, at_most // columns)
    cell_width = max(cell - cell % 2, 2)
    if cell_width == widest - widest % 2:
        cell_height = high - high % 2
    else:
        cell_height = round(cell_width * high / widest / 2) * 2
    return Layout(columns, rows, cell_width, max(cell_height, 2))


class Painter:
    """Makes one picture of each shot."""

    def __init__(self, layout: Layout, cameras: tuple[str, ...], *, clock: bool) -> None:
        self._layout = layout
        self._cameras = cameras
        self._clock = clock
        self._sizes = SizeCache()
        self._decoder = av.CodecContext.create("mjpeg", "r")
        self._cells: dict[int, tuple[Frame, tuple[Plane, ...]]] = {}  # as last drawn, by number

    def paint(self, shot: ExportShot) -> av.VideoFrame:
        """Raises UnreadablePictureError, after which the next shot can be painted."""
        picture = self._whole(shot) or self._canvas(shot)
        if self._clock:
            self._write_clocks(picture, shot)
        return picture

    def _whole(self, shot: ExportShot) -> av.VideoFrame | None:
        """The frame of a single camera in its own size; None where a canvas is needed."""
        frame = shot.frames[0]
        size = self._layout.width, self._layout.height
        if len(shot.frames) > 1 or frame is None or (frame.width, frame.height) != size:
            return None
        return _limited(self._decode(frame), *size)

    def _canvas(self, shot: ExportShot) -> av.VideoFrame:
        layout = self._layout
        canvas = av.VideoFrame(layout.width, layout.height, PIXELS)
        targets = planes_of(canvas)
        for plane, black in zip(targets, BLACK, strict=True):
            plane[:] = black
        for number, frame in enumerate(shot.frames):
            if frame is not None:
                self._put(targets, number, self._cell(number, frame))
        return canvas

    def _cell(self, number: int, frame: Frame) -> tuple[Plane, ...]:
        """The planes of a frame in the size of a cell, or smaller where its shape differs."""
        drawn = self._cells.get(number)
        if drawn is not None and drawn[0] is frame:
            return drawn[1]
        decoded = self._decode(frame)
        width, height = self._fitted(decoded.width, decoded.height)
        small = _limited(decoded, width, height)
        planes = tuple(
            plane[: height // 2 * 2 // step, : width // 2 * 2 // step].copy()
            for plane, step in zip(planes_of(small), (1, 2, 2), strict=True)
        )
        self._cells[number] = frame, planes
        return planes

    def _fitted(self, width: int, height: int) -> tuple[int, int]:
        room_x, room_y = self._layout.cell_width, self._layout.cell_height
        if (width - width % 2, height - height % 2) == (room_x, room_y):
            return width, height  # an odd last row or column is cut off
        scale = min(room_x / width, room_y / height)
        return max(int(width * scale) & ~1, 2), max(int(height * scale) & ~1, 2)

    def _put(self, targets: list[Plane], number: int, planes: tuple[Plane, ...]) -> None:
        """In the middle of its cell."""
        layout = self._layout
        row, column = divmod(number, layout.columns)
        height, width = planes[0].shape
        x = column * layout.cell_width + ((layout.cell_width - width) // 2 & ~1)
        y = row * layout.cell_height + ((layout.cell_height - height) // 2 & ~1)
        for target, plane, step in zip(targets, planes, (1, 2, 2), strict=True):
            top, left = y // step, x // step
            target[top : top + plane.shape[0], left : left + plane.shape[1]] = plane

    def _write_clocks(self, picture: av.VideoFrame, shot: ExportShot) -> None:
        luma = planes_of(picture)[0]
        layout = self._layout
        scale = max(layout.cell_height // 240, 1)
        for number, camera in enumerate(self._cameras):
            row, column = divmod(number, layout.columns)
            text = f" {camera} {clock_text(shot.time_ns)} "
            x, y = column * layout.cell_width, row * layout.cell_height
            cell = luma[y : y + layout.cell_height, x : x + layout.cell_width]
            font.write(cell, text, 0, 0, scale)

    def _decode(self, frame: Frame) -> av.VideoFrame:
        try:
            size = self._sizes.upright_size(frame.jpeg)
        except WireError as exc:
            raise UnreadablePictureError(str(exc)) from exc
        if size != (frame.width, frame.height):  # a decoder would believe any size
            raise UnreadablePictureError(f"it is {size[0]}x{size[1]} pixels")
        try:
            pictures = self._decoder.decode(av.Packet(cast(bytes, frame.jpeg)))
        except av.error.FFmpegError as exc:
            raise UnreadablePictureError(str(exc.strerror)) from exc
        if not pictures or not isinstance(pictures[0], av.VideoFrame):
            raise UnreadablePictureError("not a picture")
        return pictures[0]


def clock_text(time_ns: int) -> str:
    """Local time with its zone, to a tenth of a second: `2026-11-22 11:15:00.1 CET`."""
    local = datetime.fromtimestamp(time_ns // 1_000_000_000).astimezone()
    tenth = time_ns // 100_000_000 % 10
    return f"{local:%Y-%m-%d %H:%M:%S}.{tenth} {local:%Z}"


def planes_of(picture: av.VideoFrame) -> list[Plane]:
    """The planes of a picture as arrays that share its memory."""
    found = []
    for plane in picture.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        found.append(rows[: plane.height, : plane.width])
    return found


def _limited(picture: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    return picture.reformat(
        width=width,
        height=height,
        format=PIXELS,
        src_color_range="JPEG",
        dst_color_range="MPEG",
        threads=1,
    )

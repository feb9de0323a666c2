"""The source `test`: a moving picture that shows its own name, sequence and time.

Drawn straight into YUV planes: the ground once, then only what moves. The sequence is there twice,
as digits for people and as cells for programs (see `cells`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np

from camfan_config.text.units import short_rate
from camfan_config.types import Size, TestCamera
from camfan_nodes.camera.clock import Clock
from camfan_nodes.camera.frame_number_mark import cell_size, draw_number
from camfan_nodes.camera.pacing import Pacer
from camfan_nodes.camera.source import (
    FULL_DEMAND,
    IDLE_S,
    CapturedFrame,
    Idle,
    Planes,
    SkippedFrames,
    SourceCounts,
    SourceDemand,
)
from camfan_nodes.shared import font

SIZE = Size(1280, 720)
FPS = 15.0

_BARS = (  # Y, U, V of the eight colour bars, full range
    (235, 128, 128), (210, 16, 146), (170, 166, 16), (145, 54, 34),
    (106, 202, 222), (81, 90, 240), (41, 240, 110), (32, 128, 128),
)  # fmt: skip
_FIGURES = (  # Y, U, V; pixels an image at 1280 wide; share of the height
    (220, 110, 170, 6, 0.52),
    (150, 180, 60, -4, 0.60),
    (190, 70, 110, 9, 0.56),
)
_FIGURE_SHARE = (0.20, 0.05)  # height and width, of the image's height and width


def make_source(name: str, camera: TestCamera, clock: Clock) -> TestSource:
    return TestSource(name, camera, clock)


class TestSource:
    """Counts its images over all its openings, so that the number shown is the sequence."""

    __test__ = False  # its name is the source's, not pytest's

    def __init__(self, name: str, camera: TestCamera, clock: Clock) -> None:
        self.name = "the test picture"
        self.reopens = True
        self.counts = SourceCounts()
        self._canvas = Canvas(name, camera.size or SIZE)
        self._fps = camera.fps or FPS
        self._clock = clock
        self._sequence = 0

    def look(self) -> None:
        """It can always be opened."""

    @contextmanager
    def open(self, demand: SourceDemand = FULL_DEMAND) -> Iterator[TestSource]:
        self._pacer = Pacer(self._clock)
        self._due_s = 0.0
        self._demand = demand
        yield self

    @property
    def description(self) -> str:
        return f"{self._canvas.size} test picture at {short_rate(self._fps)}"

    def capture(self) -> CapturedFrame | SkippedFrames | Idle:
        """The next image, when its time has come; drawn only if it is wanted."""
        if self._demand.idle():
            return self._let_pass()
        if not self._pacer.reached(self._due_s):
            return Idle.PACED
        if not self._demand.wanted():
            self._advance()
            return SkippedFrames()
        captured_ns = self._clock.wall_ns()
        self._canvas.draw(self._sequence, captured_ns)
        self._advance()
        return CapturedFrame(self._canvas.planes, captured_ns)

    def _let_pass(self) -> SkippedFrames | Idle:
        first = self._sequence
        self._demand.rest(IDLE_S)
        while self._pacer.has_come(self._due_s):
            self._advance()
        return SkippedFrames(self._sequence - first) if self._sequence > first else Idle.PACED

    def _advance(self) -> None:
        self._sequence += 1
        self._due_s += 1 / (self._demand.fps or self._fps)


class Canvas:
    """The image itself: `draw` makes it show another sequence and time."""

    def __init__(self, name: str, size: Size) -> None:
        self.size = size
        self._ground = _ground(size)
        self.planes = Planes(*(plane.copy() for plane in _each(self._ground)))
        self._boxes: list[tuple[slice, slice]] = []
        self._scale = max(1, min(size.width // 40, size.height // 24) // font.WIDTH)
        self._line = font.HEIGHT * self._scale
        self._left = 2 * self._scale
        self._top = size.height - cell_size(size.width) - 3 * self._line
        top = self._top
        for ground in (self._ground, self.planes):
            ground.y[top:] = 0
            ground.u[top // 2 :] = ground.v[top // 2 :] = 128
        font.write(self.planes.y, name, self._left, top, self._scale)

    def draw(self, sequence: int, wall_ns: int) -> None:
        y, line = self.planes.y, self._line
        self._move_figures(sequence)
        font.write(y, f"#{sequence:010d}", self._left, self._top + line, self._scale)
        font.write(y, utc_text(wall_ns), self._left, self._top + 2 * line, self._scale)
        draw_number(y, sequence)

    def _move_figures(self, sequence: int) -> None:
        for box in self._boxes:
            self._fill(box, None)
        self._boxes = [self._box(sequence, speed, top) for *_, speed, top in _FIGURES]
        for box, (y, u, v, *_) in zip(self._boxes, _FIGURES, strict=True):
            self._fill(box, (y, u, v))

    def _box(self, sequence: int, speed: float, top: float) -> tuple[slice, slice]:
        """Where a figure is, in chroma samples; it leaves on one side and enters on the other."""
        width, height = self.size.width // 2, self.size.height // 2
        high, wide = math.ceil(height * _FIGURE_SHARE[0]), math.ceil(width * _FIGURE_SHARE[1])
        x = int(sequence * speed * width / 1280 + top * 4 * width) % max(1, width + wide) - wide
        y = min(int(height * top), max(0, self._top // 2 - high))
        return slice(y, min(y + high, self._top // 2)), slice(max(0, x), max(0, x + wide))

    def _fill(self, box: tuple[slice, slice], colour: tuple[int, int, int] | None) -> None:
        """Paint a box in one colour; None: as the ground."""
        whole = (slice(2 * box[0].start, 2 * box[0].stop), slice(2 * box[1].start, 2 * box[1].stop))
        for index, (plane, ground) in enumerate(
            zip(_each(self.planes), _each(self._ground), strict=True)
        ):
            place = box if index else whole
            plane[place] = ground[place] if colour is None else colour[index]


def utc_text(wall_ns: int) -> str:
    """`2026-11-22 11:38:00.123 UTC`."""
    seconds, rest_ns = divmod(wall_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{rest_ns // 1_000_000:03d} UTC"


def _each(planes: Planes) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], ...]:
    return planes.y, planes.u, planes.v


def _ground(size: Size) -> Planes:
    """Colour bars above, a soft slope of grey below."""
    half_width, half_height = (size.width + 1) // 2, (size.height + 1) // 2
    y = np.empty((size.height, size.width), np.uint8)
    y[:] = np.linspace(110, 60, size.height, dtype=np.uint8)[:, None]
    u = np.full((half_height, half_width), 124, np.uint8)
    v = np.full((half_height, half_width), 122, np.uint8)
    bottom, edges = half_height // 2, np.linspace(0, half_width, len(_BARS) + 1, dtype=int)
    for (left, right), colour in zip(pairwise(edges), _BARS, strict=True):
        y[: 2 * bottom, 2 * left : 2 * right] = colour[0]
        u[:bottom, left:right], v[:bottom, left:right] = colour[1], colour[2]
    return Planes(y, u, v)

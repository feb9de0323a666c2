"""Where the tiles stand: the largest 16:9 pictures that n cameras can have in a window.

Order is never changed: a place on the wall is a memory. Pictures are fitted, never cropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

DENSE = 25  # more tiles than this stand closer
BAR = 3  # pixels of the age bar, between picture and caption
TWO_LINES = 190  # narrower tiles have the age below the name
_RATIO = 16 / 9
_ROUNDS = 6  # the caption grows with the tile; this many rounds settle both


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in whole pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Grid:
    columns: int
    rows: int
    tile_width: int
    tile_height: int  # with its caption
    boxes: tuple[Box, ...]


def caption_height(tile_width: float) -> int:
    """The caption's height for a tile of this width: one line, or two if it is narrow."""
    return round(letter_height(tile_width) * (2.9 if tile_width < TWO_LINES else 2.07))


def letter_height(tile_width: float) -> float:
    """Letters grow with their tile, between what can be read at all and what is enough."""
    return max(11.0, min(18.0, tile_width * 0.042))


def fit(
    count: int, width: int, height: int, caption: Callable[[float], int] = caption_height
) -> Grid:
    """The grid of `count` tiles whose pictures are largest; holes in the last row count against."""
    if count < 1:
        return Grid(0, 0, 0, 0, ())
    gap = 4 if count > DENSE else 6
    best = max(
        (_score(columns, count, width, height, gap, caption) for columns in range(1, count + 1)),
        key=lambda found: found[0],
    )
    _, columns, tile_width = best
    rows = ceil(count / columns)
    tile_height = min(
        round(tile_width / _RATIO) + BAR + caption(tile_width), (height - (rows - 1) * gap) // rows
    )
    left = max(0, (width - columns * tile_width - (columns - 1) * gap) // 2)
    boxes = tuple(
        Box(
            left + index % columns * (tile_width + gap),
            index // columns * (tile_height + gap),
            tile_width,
            max(1, tile_height),
        )
        for index in range(count)
    )
    return Grid(columns, rows, tile_width, max(1, tile_height), boxes)


def _score(
    columns: int,
    count: int,
    width: int,
    height: int,
    gap: int,
    caption: Callable[[float], int],
) -> tuple[float, int, int]:
    rows = ceil(count / columns)
    wide = (width - (columns - 1) * gap) / columns
    high = (height - (rows - 1) * gap) / rows
    tile = wide
    for _ in range(_ROUNDS):
        tile = min(wide, (tile + (high - BAR - caption(tile)) * _RATIO) / 2)
    tile = max(1.0, tile)
    holes = (columns * rows - count) / (columns * rows)
    return tile * (1 - 0.5 * holes), columns, int(tile)


def letterbox(width: int, height: int, box: Box) -> Box:
    """The largest place for a picture of this size inside `box`: never cropped or stretched."""
    scale = min(box.width / width, box.height / height)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    return Box(box.left + (box.width - wide) // 2, box.top + (box.height - high) // 2, wide, high)

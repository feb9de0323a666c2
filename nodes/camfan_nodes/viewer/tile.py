"""Paints one camera: picture, age bar, caption. The words are decided elsewhere.

A picture is fitted, never cropped or stretched, and carries no text while it is live. One that is
not live is grey, dark and hatched, so that it cannot be mistaken even on a night camera.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from math import log10

import pygame

from camfan_config.site.pace import Pace, StateLimits
from camfan_nodes.monitor import tokens
from camfan_nodes.monitor.tokens import Colour
from camfan_nodes.viewer.grid import BAR, TWO_LINES, Box, caption_height, letter_height
from camfan_nodes.viewer.icons import icon
from camfan_nodes.viewer.lettering import cut, line, wrap

_SHORTEST_S = 0.01  # the left end of the age bar; the right one is where the camera is stale


@dataclass(frozen=True, slots=True)
class Plate:
    """The words on a picture that is not live, or in its place."""

    sign: str
    word: str
    colour: Colour
    title: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TileView:
    """Everything a tile shows at one moment."""

    name: str
    picture: pygame.Surface | None = field(default=None, repr=False)
    frozen: bool = False  # hatched over: paused
    plate: Plate | None = None
    age: str = ""
    age_colour: Colour = tokens.SECOND
    sign: str = ""  # before the age
    bar: tuple[float, float] | None = None  # age minus and plus its error, seconds
    limits: StateLimits = Pace().limits  # of the bar
    fps: str = ""
    motion: bool = False
    selected: bool = False


def stale_look(picture: pygame.Surface) -> pygame.Surface:
    """The picture as it looks once it is not live: grey, darkened, hatched."""
    grey = pygame.transform.grayscale(picture)
    level = round(255 * tokens.VEIL)
    grey.fill((level, level, level), special_flags=pygame.BLEND_RGB_MULT)
    grey.blit(_hatch(grey.get_size()), (0, 0))
    return grey


@lru_cache(maxsize=32)
def _hatch(size: tuple[int, int]) -> pygame.Surface:
    width, height = size
    sheet = pygame.Surface(size, pygame.SRCALPHA)
    step = max(8, min(16, height // 16))
    for start in range(-height, width, step):
        line_from, line_to = (start, height), (start + height, 0)
        pygame.draw.line(sheet, (255, 255, 255, tokens.HATCH), line_from, line_to, 2)
    return sheet


def picture_height(box: Box) -> int:
    """How high the picture of a tile is: what its bar and caption leave."""
    return max(1, box.height - min(caption_height(box.width), box.height) - BAR)


def paint_tile(surface: pygame.Surface, box: Box, view: TileView) -> None:
    """The whole tile, inside its box."""
    high = picture_height(box)
    caption = max(0, box.height - high - BAR)
    _paint_picture(surface, Box(box.left, box.top, box.width, high), view)
    _paint_bar(surface, Box(box.left, box.top + high, box.width, BAR), view)
    _paint_caption(surface, Box(box.left, box.top + high + BAR, box.width, caption), view)
    if view.selected:
        ring = pygame.Rect(box.left - 3, box.top - 3, box.width + 6, box.height + 6)
        pygame.draw.rect(surface, tokens.FOCUS, ring, 2, border_radius=3)


def _paint_picture(surface: pygame.Surface, box: Box, view: TileView) -> None:
    area = pygame.Rect(box.left, box.top, box.width, box.height)
    surface.fill(tokens.PICTURE if view.picture else tokens.PAGE, area)
    if view.picture is None:
        pygame.draw.rect(surface, tokens.LINE, area, 1)
    elif view.picture.get_width() <= box.width and view.picture.get_height() <= box.height:
        place = view.picture.get_rect(center=area.center)
        surface.blit(view.picture, place)
        if view.frozen:
            surface.blit(_hatch(place.size), place)
    if view.motion:
        wide = max(2, min(4, box.width // 160))
        pygame.draw.rect(surface, tokens.NOTE, area, wide)
        pygame.draw.rect(surface, tokens.PAGE, area.inflate(-2 * wide, -2 * wide), 1)
    if view.plate is not None:
        _paint_plate(surface, area, view.plate, boxed=view.picture is not None)


def _paint_plate(surface: pygame.Surface, area: pygame.Rect, plate: Plate, *, boxed: bool) -> None:
    small = max(9, min(20, area.width // 22))
    edge = max(3, small // 2)
    room = max(1, min(area.width - 2 * edge - 4, small * 30))
    head = line(plate.word, small, plate.colour)
    sign = icon(plate.sign, small + 2, plate.colour)
    details = [line(text, small, tokens.SECOND) for text in wrap(plate.detail, small, room, 3)]
    rows = [head, _title(plate.title, small, room), *details]
    while len(rows) > 1 and _height(rows) + 2 * edge > area.height:
        rows.pop()
    wide = max(sign.get_width() + edge + head.get_width(), *(row.get_width() for row in rows))
    back = pygame.Rect(0, 0, wide + 2 * edge, _height(rows) + 2 * edge)
    back.center = area.center
    if boxed:
        pygame.draw.rect(surface, tokens.PAGE, back, border_radius=2)
    surface.blit(sign, (back.left + edge, back.top + edge))
    top = back.top + edge
    for row in rows:
        indent = sign.get_width() + edge if row is head else 0
        surface.blit(row, (back.left + edge + indent, top))
        top += row.get_height()


def _title(text: str, small: int, room: int) -> pygame.Surface:
    """Large, or as large as there is room: a time of day is worth nothing when it is cut."""
    size = next(
        (
            size
            for size in range(round(small * 1.4), 7, -1)
            if line(text, size, tokens.TEXT, bold=True).get_width() <= room
        ),
        8,
    )
    return line(cut(text, size, room, bold=True), size, tokens.TEXT, bold=True)


def _height(rows: list[pygame.Surface]) -> int:
    return sum(row.get_height() for row in rows)


def _paint_bar(surface: pygame.Surface, box: Box, view: TileView) -> None:
    surface.fill(tokens.TRACK, (box.left, box.top, box.width, box.height))
    if view.bar is not None:
        low, high = (round(_share(age_s, view.limits) * box.width) for age_s in view.bar)
        colour = view.age_colour if view.age_colour != tokens.TEXT else tokens.SECOND
        half = tuple(
            (channel + track) // 2 for channel, track in zip(colour, tokens.TRACK, strict=True)
        )
        surface.fill(half, (box.left, box.top, high, box.height))
        surface.fill(colour, (box.left, box.top, low, box.height))
    notch = box.left + round(_share(view.limits.late_s, view.limits) * box.width)
    surface.fill(tokens.PAGE, (notch, box.top, 2, box.height))


def _share(age_s: float, limits: StateLimits) -> float:
    """Where an age is on the bar, 0 to 1, on a logarithmic scale."""
    share = log10(max(age_s, _SHORTEST_S) / _SHORTEST_S) / log10(limits.stale_s / _SHORTEST_S)
    return max(0.0, min(1.0, share))


def _paint_caption(surface: pygame.Surface, box: Box, view: TileView) -> None:
    surface.fill(tokens.CAPTION, (box.left, box.top, box.width, box.height))
    size = round(letter_height(box.width))
    edge = max(4, size // 2)
    left, right = box.left + edge, box.left + box.width - edge
    if box.width < TWO_LINES:
        upper, lower = box.top + box.height * 3 // 10, box.top + box.height * 7 // 10
        _paint_name(surface, view, size, left, right, upper)
        _paint_age(surface, view, size, right, lower)
        return
    middle = box.top + box.height // 2
    right = _paint_age(surface, view, size, right, middle) - edge
    left = _paint_name(surface, view, size, left, right, middle) + edge
    rate = line(view.fps, size, tokens.QUIET)
    if view.fps and left + rate.get_width() <= right:
        _put_right(surface, rate, right, middle)


def _paint_age(surface: pygame.Surface, view: TileView, size: int, right: int, middle: int) -> int:
    """The age, ending at `right`; where it begins."""
    if view.age:
        right = _put_right(surface, line(view.age, size, view.age_colour, bold=True), right, middle)
    if view.sign:
        right = _put_right(
            surface, icon(view.sign, size, view.age_colour), right - size // 4, middle
        )
    return right


def _paint_name(
    surface: pygame.Surface, view: TileView, size: int, left: int, right: int, middle: int
) -> int:
    """The name, and the sign of motion as far as there is room; where they end."""
    name = line(cut(view.name, size, right - left, bold=True), size, tokens.TEXT, bold=True)
    surface.blit(name, name.get_rect(midleft=(left, middle)))
    left += name.get_width()
    if view.motion:
        for badge in (icon("motion", size, tokens.NOTE), line("motion", size, tokens.NOTE)):
            if left + size // 2 + badge.get_width() > right:
                break
            surface.blit(badge, badge.get_rect(midleft=(left + size // 2, middle)))
            left += size // 2 + badge.get_width()
    return left


def _put_right(surface: pygame.Surface, text: pygame.Surface, right: int, middle: int) -> int:
    surface.blit(text, text.get_rect(midright=(right, middle)))
    return right - text.get_width()

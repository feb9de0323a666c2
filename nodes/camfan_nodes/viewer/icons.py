"""The icons beside a state: a state is never shown by colour alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import pygame

from camfan_nodes.monitor.tokens import Colour

_GRID = 80  # drawn this large, then made small, so that edges are smooth
_LINE = 7

Draw = Callable[[pygame.Surface, Colour], None]


def _clock(sheet: pygame.Surface, colour: Colour) -> None:
    pygame.draw.circle(sheet, colour, (40, 40), 30, _LINE)
    pygame.draw.lines(sheet, colour, False, [(40, 20), (40, 42), (54, 50)], _LINE)


def _screen(sheet: pygame.Surface, colour: Colour) -> None:
    pygame.draw.rect(sheet, colour, (8, 16, 64, 48), _LINE, border_radius=6)


def _stopped(sheet: pygame.Surface, colour: Colour) -> None:
    _screen(sheet, colour)
    pygame.draw.rect(sheet, colour, (30, 30, _LINE, 20))
    pygame.draw.rect(sheet, colour, (44, 30, _LINE, 20))


def _away(sheet: pygame.Surface, colour: Colour) -> None:
    _screen(sheet, colour)
    pygame.draw.line(sheet, colour, (12, 70), (68, 10), _LINE + 2)


def _broken(sheet: pygame.Surface, colour: Colour) -> None:
    _screen(sheet, colour)
    pygame.draw.line(sheet, colour, (30, 30), (50, 50), _LINE)
    pygame.draw.line(sheet, colour, (50, 30), (30, 50), _LINE)


def _motion(sheet: pygame.Surface, colour: Colour) -> None:
    pygame.draw.circle(sheet, colour, (54, 40), 18, _LINE)
    for left, top in ((8, 24), (4, 40), (8, 56)):
        pygame.draw.line(sheet, colour, (left, top), (28, top), _LINE)


_DRAWN: dict[str, Draw] = {
    "late": _clock,
    "waiting": _clock,
    "stale": _stopped,
    "ended": _stopped,
    "paused": _stopped,
    "offline": _away,
    "broken": _broken,
    "motion": _motion,
}


@lru_cache(maxsize=128)
def icon(name: str, size: int, colour: Colour) -> pygame.Surface:
    """A sign of size x size pixels; not to be drawn upon."""
    sheet = pygame.Surface((_GRID, _GRID), pygame.SRCALPHA)
    sheet.fill((*colour, 0))
    _DRAWN[name](sheet, colour)
    return pygame.transform.smoothscale(sheet, (size, size))

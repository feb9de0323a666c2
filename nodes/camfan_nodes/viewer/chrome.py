"""What stands around the tiles: head, banner, the answer to a key, the help."""

from __future__ import annotations

import pygame

from camfan_nodes.monitor import tokens
from camfan_nodes.monitor.tokens import Colour
from camfan_nodes.viewer.lettering import cut, line

KEYS = (
    ("arrows", "choose a camera"),
    ("Enter", "this camera alone"),
    ("Esc", "back"),
    ("space", "pause, continue"),
    ("S", "save the picture"),
    ("F, F11", "full screen"),
    ("?", "this table"),
    ("Q", "quit"),
)


def root_size(width: int) -> int:
    """The size of normal text, growing with the window as the web page does."""
    return round(max(13, min(20, 11 + width * 0.0022)))


def head_height(width: int) -> int:
    return round(root_size(width) * 2.6)


def paint_head(surface: pygame.Surface, sentence: str, second: str, right: str) -> None:
    width, size = surface.get_width(), root_size(surface.get_width())
    height, edge = head_height(width), size
    site = line(right, size, tokens.QUIET)
    title = line(cut(sentence, round(size * 1.3), width - 2 * edge, bold=True),
                 round(size * 1.3), tokens.TEXT, bold=True)  # fmt: skip
    surface.blit(title, title.get_rect(midleft=(edge, height // 2)))
    left = edge + title.get_width() + edge
    room = width - left - site.get_width() - 2 * edge
    if room > size * 6:
        more = line(cut(second, size, room), size, tokens.SECOND)
        surface.blit(more, more.get_rect(midleft=(left, height // 2 + 1)))
        surface.blit(site, site.get_rect(midright=(width - edge, height // 2 + 1)))


def banner_height(width: int) -> int:
    return round(root_size(width) * 2.2)


def paint_banner(
    surface: pygame.Surface, top: int, first: str, second: str, colour: Colour
) -> None:
    """Trouble of the whole window, in words, over its whole width."""
    width, size = surface.get_width(), root_size(surface.get_width())
    height = banner_height(width)
    surface.fill(tokens.RAISED, (0, top, width, height))
    surface.fill(colour, (0, top, 4, height))
    bold = line(cut(first, size, width - 2 * size, bold=True), size, tokens.TEXT, bold=True)
    surface.blit(bold, bold.get_rect(midleft=(size, top + height // 2)))
    left = size + bold.get_width() + size // 2
    more = line(cut(second, size, max(0, width - left - size)), size, tokens.SECOND)
    surface.blit(more, more.get_rect(midleft=(left, top + height // 2)))


def paint_answer(surface: pygame.Surface, text: str) -> None:
    """The answer to something the user did, bottom left."""
    width, height = surface.get_size()
    size = root_size(width)
    words = line(cut(text, size, width - 4 * size), size, tokens.TEXT)
    back = words.get_rect(bottomleft=(size * 2, height - size * 2)).inflate(size * 2, size)
    pygame.draw.rect(surface, tokens.RAISED, back, border_radius=10)
    pygame.draw.rect(surface, tokens.LINE, back, 1, border_radius=10)
    surface.blit(words, words.get_rect(center=back.center))


def paint_help(surface: pygame.Surface) -> None:
    size = root_size(surface.get_width())
    rows = [
        (line(key, size, tokens.TEXT, bold=True), line(what, size, tokens.SECOND))
        for key, what in KEYS
    ]
    step = round(size * 1.8)
    first = max(key.get_width() for key, _ in rows) + size * 2
    wide = first + max(what.get_width() for _, what in rows) + size * 4
    back = pygame.Rect(0, 0, wide, step * (len(rows) + 1) + size)
    back.center = surface.get_rect().center
    pygame.draw.rect(surface, tokens.RAISED, back, border_radius=10)
    pygame.draw.rect(surface, tokens.LINE, back, 1, border_radius=10)
    for row, (key, what) in enumerate(rows):
        top = back.top + size + step * row + step // 2
        surface.blit(key, (back.left + size * 2, top))
        surface.blit(what, (back.left + size * 2 + first, top))

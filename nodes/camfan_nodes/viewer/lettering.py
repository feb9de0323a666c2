"""Text as surfaces: two weights, any size, each line drawn once and kept."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

import pygame

from camfan_nodes.monitor.tokens import Colour

# Asking the system which fonts it has costs a second on a Pi; these are where Linux keeps them.
_FOLDERS = (
    Path("/usr/share/fonts/truetype"),
    Path("/usr/share/fonts/TTF"),
    Path("/usr/share/fonts"),
)
_REGULAR = ("noto/NotoSans-Regular.ttf", "liberation/LiberationSans-Regular.ttf",
            "dejavu/DejaVuSans.ttf", "DejaVuSans.ttf")  # fmt: skip
_BOLD = ("noto/NotoSans-Bold.ttf", "liberation/LiberationSans-Bold.ttf",
         "dejavu/DejaVuSans-Bold.ttf", "DejaVuSans-Bold.ttf")  # fmt: skip
_KEPT_LINES = 512
_NOT_A_CHARACTER = "\uffff"
_JOINING = frozenset({"Mn", "Mc", "Me", "Cf"})


@lru_cache(maxsize=2)
def _file(*, bold: bool) -> str | None:
    for name in _BOLD if bold else _REGULAR:
        for folder in _FOLDERS:
            if (folder / name).is_file():
                return str(folder / name)
    return None  # pygame's own font


@lru_cache(maxsize=64)
def font(size: int, *, bold: bool = False) -> pygame.font.Font:
    return pygame.font.Font(_file(bold=bold), size)


def can_draw(text: str) -> bool:
    """Whether each character has a glyph in both weights, and is drawn rightly by itself.

    Scripts that run from right to left or join their letters would need more than this module has.
    """
    composed = unicodedata.normalize("NFC", text)
    if any(
        unicodedata.bidirectional(one) in ("R", "AL") or unicodedata.category(one) in _JOINING
        for one in composed
    ):
        return False
    return all(
        _glyph(one, bold=bold) != _glyph(_NOT_A_CHARACTER, bold=bold)
        for one in set(composed)
        for bold in (False, True)
    )


def _glyph(character: str, *, bold: bool) -> bytes:
    """How it looks; the sign for a missing one is a glyph like any other."""
    drawn = font(16, bold=bold).render(character, True, (255, 255, 255))
    return pygame.image.tobytes(drawn, "RGBA")


@lru_cache(maxsize=_KEPT_LINES)
def line(text: str, size: int, colour: Colour, *, bold: bool = False) -> pygame.Surface:
    """One line of text; not to be drawn upon."""
    return font(size, bold=bold).render(text, True, colour)


def cut(text: str, size: int, width: int, *, bold: bool = False) -> str:
    """The text, shortened with … until it fits `width` pixels."""
    if font(size, bold=bold).size(text)[0] <= width:
        return text
    while text and font(size, bold=bold).size(text + "…")[0] > width:
        text = text[:-1]
    return text.rstrip() + "…" if text else ""


def wrap(text: str, size: int, width: int, most: int) -> list[str]:
    """At most `most` lines no wider than `width`; the last one is cut if there is more."""
    lines: list[str] = []
    words = text.split()
    while words and len(lines) < most - 1:
        taken = 1
        while taken < len(words) and font(size).size(" ".join(words[: taken + 1]))[0] <= width:
            taken += 1
        lines.append(cut(" ".join(words[:taken]), size, width))
        words = words[taken:]
    if words:
        lines.append(cut(" ".join(words), size, width))
    return lines


def forget() -> None:
    """Drop every font; they do not outlive pygame.font.quit()."""
    line.cache_clear()
    font.cache_clear()

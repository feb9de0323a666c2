"""Reads figures that other nodes sent: a number, a word or a time, or nothing. Never a guess."""

from __future__ import annotations

from camfan_wire.messages import Figures


def number(figures: Figures, key: str) -> float | None:
    value = figures.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def count(figures: Figures, key: str) -> int | None:
    value = number(figures, key)
    return None if value is None else int(value)


def word(figures: Figures, key: str) -> str | None:
    value = figures.get(key)
    return value if isinstance(value, str) else None

"""Makes text from outside safe for a terminal or a log: no control sequences.

A camera, another node, or the name of a device may hold escape sequences, line breaks that forge a
line of a log, or marks that turn the order of letters around. What cannot be printed is replaced.
"""

from __future__ import annotations

REPLACED = "\ufffd"
_SPACES = frozenset("\t\n\r\x0b\x0c\x85\u2028\u2029\xa0\u2002\u2003\u2009")
_KEPT = "\u202f"  # the space between thousands, our own
_JOINERS = "\u200c\u200d"  # some scripts join letters with them; without them they can be read too


def printable(text: str, most: int | None = None) -> str:
    """One line of printable characters, at most `most` of them."""
    if most is not None and len(text) > most:
        text = f"{text[: most - 1]}…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(char) for char in text if char not in _JOINERS)


def printable_lines(text: str) -> str:
    """The same for text whose line breaks are its own, such as a traceback."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _shown(char: str) -> str:
    if char.isprintable() or char == _KEPT:
        return char
    return " " if char in _SPACES else REPLACED

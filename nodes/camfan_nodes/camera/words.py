"""System errors in words: why a call failed, and what exists instead of a missing path."""

from __future__ import annotations

import difflib
from pathlib import Path

from camfan_config.text.printable import printable

SHOWN = 3
MAX_SAID = 100


def describe_missing(path: Path) -> str:
    """One sentence: what was asked for, and what was found instead."""
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    if folder != path.parent:
        return f"{path}: there is no folder {path.parent}, only {folder}"
    names = sorted(entry.name for entry in folder.iterdir())
    close = difflib.get_close_matches(path.name, names, n=SHOWN) or names[:SHOWN]
    if not close:
        return f"{path}: there is no such file; its folder is empty"
    more = f" and {len(names) - len(close)} more" if len(names) > len(close) else ""
    return f"{path}: there is no such file; in its folder: {', '.join(close)}{more}"


def printable_short(text: str) -> str:
    """Text of a device for the middle of a sentence: short, and without control characters."""
    return printable(text, MAX_SAID)


def reason_of(exc: Exception) -> str:
    """The reason of a system error, in lower case, for the middle of a sentence."""
    text = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
    return text[:1].lower() + text[1:]

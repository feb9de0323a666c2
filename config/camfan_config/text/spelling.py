"""What was probably meant by a word that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MAX_COMPARED = 64  # characters; comparing is quadratic


def closest(text: str, choices: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The one choice that was probably meant."""
    if len(text) > MAX_COMPARED:
        return None
    found = difflib.get_close_matches(text.lower(), list(choices), n=1, cutoff=cutoff)
    return found[0] if found else None


def did_you_mean(text: str, choices: Iterable[str], *, otherwise: str = "there is") -> str:
    """The end of a message: `did you mean 'porch'?`, or `there is gate, porch`."""
    known = list(choices)
    meant = closest(text, known)
    if meant is not None:
        return f"did you mean '{meant}'?"
    return f"{otherwise} {', '.join(known)}" if known else "there is none"

"""What a camera asks for with a 401: challenges in one header line or in several.

Reading is total; which of the challenges can be answered, and how, is in `login.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_PART = re.compile(r'[^,"]*+(?:"(?:[^"\\]|\\.)*+"?[^,"]*+)*+')  # up to a comma outside of quotes
_BEGINS = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]{0,19})(?:\s+|\Z)(?!=)")
_PAIR = re.compile(r'\s*([A-Za-z][\w-]{0,30})\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|(\S*))\s*')
_NAMES = {"basic": "Basic", "digest": "Digest", "bearer": "Bearer"}
_QOPS = ("auth", "auth-int")  # of a list that is not in quotes
MAX_LINE = 8192


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to log in."""

    scheme: str  # `Basic`, `Digest`, `Bearer`; others as the camera writes them
    values: dict[str, str] = field(default_factory=dict)  # by their names in lower case

    @property
    def algorithm(self) -> str:
        """Of Digest, in upper case."""
        return self.values.get("algorithm", "MD5").upper()

    def __str__(self) -> str:
        named = self.scheme == "Digest" and "algorithm" in self.values
        return f"Digest with {self.algorithm[:20]}" if named else self.scheme


def read_challenges(lines: Iterable[str]) -> list[Challenge]:
    """All ways that the values of `WWW-Authenticate` offer; anything else is ignored."""
    return [_challenge(way) for line in lines for way in _ways(line[:MAX_LINE])]


def _ways(line: str) -> Iterator[list[str]]:
    """The challenges of one header line, each as its comma-separated parts."""
    way: list[str] = []
    for part in _PART.findall(line):
        if not part.strip():
            continue
        begins = _BEGINS.match(part)
        if begins and begins[1].lower() not in _QOPS:
            if way:
                yield way
            way = [part]
        elif way:
            way.append(part)
    if way:
        yield way


def _challenge(parts: list[str]) -> Challenge:
    begins = _BEGINS.match(parts[0])
    assert begins is not None  # or there would be no way
    values: dict[str, str] = {}
    for part in (parts[0][begins.end() :], *parts[1:]):
        pair = _PAIR.match(part)
        if pair is not None:
            text = re.sub(r"\\(.)", r"\1", pair[2]) if pair[2] is not None else pair[3]
            if text.isprintable():  # it is repeated in a request
                values.setdefault(pair[1].lower(), text)
    return Challenge(_NAMES.get(begins[1].lower(), begins[1]), values)

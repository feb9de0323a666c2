"""Cookies of a camera that remembers by them which client has logged in, or was sent on.

They are kept as long as the client, and sent to the host of the site file's address only; paths
and times in them are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_COOKIES = 20
MAX_CHARACTERS = 4096  # of one

_COOKIE = re.compile(r"([!#-'*+.^-z|~\w-]+)=([\x21\x23-\x2b\x2d-\x3a\x3c-\x7e\"]*)", re.ASCII)
_OVER = re.compile(r";\s*max-age\s*=\s*(0|-\d+)\s*(;|$)", re.IGNORECASE)


class Cookies:
    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def keep(self, lines: Iterable[str]) -> None:
        """From the values of `Set-Cookie`; anything else is ignored."""
        for line in lines:
            found = _COOKIE.match(line[:MAX_CHARACTERS])
            if found is None:
                continue
            self._values.pop(found[1], None)
            if found[2] and not _OVER.search(line):
                self._values[found[1]] = found[2]
        for name in [*self._values][:-MAX_COOKIES]:
            del self._values[name]

    def header(self) -> str:
        """The value of `Cookie`; empty if there is none."""
        return "; ".join(f"{name}={value}" for name, value in self._values.items())

    def forget(self) -> None:
        self._values.clear()

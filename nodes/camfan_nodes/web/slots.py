"""Places for what stays open, pages and streams: shared out, so that one user cannot take them all.

Belongs to the event loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from camfan_nodes.web.principals import Principal


class Slots:
    """So many places in all, some of them for owners only, and so many for one user or token."""

    def __init__(self, what: str, *, in_all: int, per_user: int, for_owners: int) -> None:
        self._what = what
        self._in_all = in_all
        self._per_user = per_user
        self._for_owners = for_owners
        self._taken: Counter[tuple[str, str]] = Counter()

    @property
    def taken(self) -> int:
        return self._taken.total()

    @contextmanager
    def place(self, principal: Principal) -> Iterator[None]:
        """A place for as long as the `with` lasts. Raises HTTPServiceUnavailable if there is none.

        Without users everybody is the same, and shares all places.
        """
        key = (principal.kind, principal.name)
        everybody = principal.kind == "anybody"
        if not everybody and self._taken[key] >= self._per_user:
            raise _full(f"{principal.name} has {self._per_user} {self._what} open already")
        free = self._in_all - self._taken.total()
        if free <= 0 or (free <= self._for_owners and not principal.may("owner")):
            raise _full(f"{self._in_all - free} {self._what} are open already")
        self._taken[key] += 1
        try:
            yield
        finally:
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]


def _full(text: str) -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(text=f"{text}\n", headers={"Retry-After": "10"})

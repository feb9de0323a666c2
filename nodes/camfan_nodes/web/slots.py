"""Slots for what stays open, pages and streams: divided so that one user cannot take them all.

Belongs to the event loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from camfan_nodes.web.principals import Principal
from camfan_nodes.web.route import SlotLimit


class Slots:
    """Those of one limit."""

    def __init__(self, limit: SlotLimit) -> None:
        self._limit = limit
        self._taken: Counter[tuple[str, str]] = Counter()

    @property
    def taken(self) -> int:
        return self._taken.total()

    @contextmanager
    def slot(self, principal: Principal) -> Iterator[None]:
        """A slot for as long as the `with` lasts. Raises HTTPServiceUnavailable without a free one.

        Without users in the site file all clients are the same user, and share all slots.
        """
        limit, key = self._limit, (principal.kind, principal.name)
        if principal.kind != "anybody" and self._taken[key] >= limit.per_user:
            raise _full(f"{principal.name} has {limit.per_user} {limit.what} open already")
        free = limit.in_all - self._taken.total()
        if free <= 0 or (free <= limit.for_owners and not principal.may("owner")):
            raise _full(f"{limit.in_all - free} {limit.what} are open already")
        self._taken[key] += 1
        try:
            yield
        finally:
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]


def _full(text: str) -> web.HTTPServiceUnavailable:
    return web.HTTPServiceUnavailable(text=f"{text}\n", headers={"Retry-After": "10"})

"""A link that is turned by an event loop: for programs whose frames go straight on from there.

A thread of its own costs a frame two changes of thread, which is more than all the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from camfan_wire.link import Link, LinkStarter


def run_on_loop(loop: asyncio.AbstractEventLoop) -> LinkStarter:
    """Links are made, used and closed on the thread of this loop, then."""

    def begin(link: Link) -> Callable[[], None]:
        return _LinkRunner(loop, link).end

    return begin


class _LinkRunner:
    """Turns one link whenever it has something to do."""

    def __init__(self, loop: asyncio.AbstractEventLoop, link: Link) -> None:
        self._loop = loop
        self._link = link
        self._watched: tuple[int, ...] = ()
        self._timer = loop.call_soon(self._due)

    def _due(self) -> None:
        self._turn()
        self._timer = self._loop.call_later(self._link.due_s(), self._due)

    def _turn(self) -> None:
        try:
            more = self._link.run_once()
        except Exception:  # whatever it is, it is not turned again; the loop says it
            self.end()
            raise
        if self._watched is not self._link.descriptors:
            self._watch(self._link.descriptors)
        if more:
            self._loop.call_soon(self._turn)

    def _watch(self, descriptors: tuple[int, ...]) -> None:
        for descriptor in self._watched:
            self._loop.remove_reader(descriptor)
        for descriptor in descriptors:
            self._loop.add_reader(descriptor, self._turn)
        self._watched = descriptors

    def end(self) -> None:
        self._timer.cancel()
        self._watch(())

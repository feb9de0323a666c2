"""A link that an asyncio event loop runs, for programs that use the frames on that loop.

With a thread of its own, each frame would cost two thread switches, more than everything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from camfan_wire.link import Link, LinkStarter


def run_on_loop(loop: asyncio.AbstractEventLoop) -> LinkStarter:
    """Links that are then made, used and closed on the thread of this loop."""

    def begin(link: Link) -> Callable[[], None]:
        return _LinkRunner(loop, link).end

    return begin


class _LinkRunner:
    """Runs one link whenever it has something to do."""

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
        except Exception:  # it stops running; the loop reports the error
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

"""The table on a terminal, drawn again twice a second until it is ended; keys scroll it."""

from __future__ import annotations

import threading

from rich.console import Console, RenderableType
from rich.live import Live
from rich.segment import Segment, Segments

from camfan_nodes.monitor.keyboard import Keyboard
from camfan_nodes.monitor.sheet import QUIET
from camfan_nodes.monitor.site_listener import SiteListener
from camfan_nodes.monitor.table import SiteTable
from camfan_nodes.shared.terminal import Printable

RENEW_S = 0.5
_LINE = Segment.line()


class Pager:
    """As many lines of something long as the terminal has, from the one that was scrolled to."""

    def __init__(self, console: Console, *, quits: bool) -> None:
        self._console = console
        self._quits = quits
        self._top = 0
        self._length = 0

    def key(self, key: str) -> bool:
        """Follow a key; True if it ends the whole."""
        page = max(1, self._height - 1)
        steps = {"up": -1, "k": -1, "down": 1, "j": 1, "page-up": -page, "page-down": page,
                 " ": page, "home": -self._length, "g": -self._length, "end": self._length,
                 "G": self._length}  # fmt: skip
        self._top += steps.get(key, 0)
        self._top = min(max(self._top, 0), max(0, self._length - self._height))
        return self._quits and key == "q"

    @property
    def _height(self) -> int:
        """Visible lines of the table; one more is for the footer."""
        return max(1, self._console.height - 1)

    def page(self, whole: RenderableType) -> Segments:
        options = self._console.options.update(height=None)
        lines = self._console.render_lines(Printable(whole), options, pad=False)
        self._length = len(lines)
        self.key("")  # the table may have become shorter
        shown = lines[self._top : self._top + self._height]
        segments = [segment for line in shown for segment in (*line, _LINE)]
        return Segments([*segments, self._foot(len(lines) - self._top - len(shown))])

    def _foot(self, below: int) -> Segment:
        """How much is hidden, and the keys; in fewer words where there is less room."""
        hidden = [f"{self._top} more above"] if self._top else []
        hidden += [f"{below} more below"] if below else []
        scroll, ends = ["arrows, PgUp, PgDn scroll"], ["q ends it"] if self._quits else []
        brief = f"{self._top} more above, {below} below"
        forms = [*hidden, *(scroll if hidden else []), *ends], [*hidden, *ends], [brief, *ends]
        room = self._console.width - 1
        said = [" · ".join(form) for form in forms]
        fits = next((words for words in said if len(words) <= room), said[-1])
        return Segment(fits[:room], self._console.get_style(QUIET))


def show(
    listener: SiteListener,
    console: Console,
    stop: threading.Event,
    footer: str = "",
    *,
    quits: bool = False,
) -> None:
    """Fill the terminal with the table until `stop` is set; the terminal is then as it was.

    `quits`: the key `q` ends it as well.
    """
    pager = Pager(console, quits=quits)
    with Keyboard() as keys, Live(console=console, screen=True, auto_refresh=False) as live:
        while not stop.is_set():
            table = SiteTable(listener.facts(), listener.site_ns(), footer)
            live.update(pager.page(table), refresh=True)
            for key in keys.pressed(RENEW_S, stop):
                if pager.key(key):
                    return

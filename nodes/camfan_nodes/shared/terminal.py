"""What the commands print on a terminal: printable characters only, whatever they contain."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment

from camfan_config.text.printable import printable_lines


@dataclass(frozen=True, slots=True)
class Printable:
    """Draws another renderable, without control characters."""

    inner: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.inner, options):
            if not segment.control:
                yield Segment(printable_lines(segment.text), segment.style)

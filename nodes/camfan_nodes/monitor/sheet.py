"""Tables that stay readable in a narrow terminal: names and figures are never cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from camfan_config.text.printable import printable
from camfan_nodes.monitor import tokens
from camfan_nodes.monitor.words import UNKNOWN

QUIET = tokens.css(tokens.QUIET)
_SPACE = 2  # between columns
_LEAST_NAME, _LEAST_WORDS = 16, 30  # narrower than this a name, or a sentence, is hard to read


def plain_text(words: str, style: str = "") -> Text:
    """Words that may come from a camera or another node."""
    return Text(printable(words), style=style, overflow="fold")


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `shed`: the higher, the earlier it goes where there is no room."""

    name: str
    cells: list[Text]
    number: bool = False
    shed: int = 0

    @property
    def empty(self) -> bool:
        return not any(cell.plain not in ("", UNKNOWN) for cell in self.cells)

    @property
    def width(self) -> int:
        return max(cell_len(self.name), *(cell.cell_len for cell in self.cells))


def sheet(
    names: Column, fields: list[Column], words: Column, width: int
) -> Iterator[RenderableType]:
    """A table that is never wider than the terminal. Names wrap, and so do `words`, the sentences,
    which stand before the table where there is no room beside it; empty columns go.
    """
    if not names.cells:
        return
    shown = [field for field in fields if not field.empty]
    least = min(names.width, _LEAST_NAME)
    for field in sorted(shown, key=lambda field: -field.shed):
        if field.shed and _width(shown) + least > width:
            shown.remove(field)
    room = width - _width(shown) - min(names.width, max(least, width // 2))
    beside = room - _SPACE >= min(words.width, _LEAST_WORDS)
    if words.empty or beside:
        yield _table([names, *shown, *([] if words.empty else [words])], names, words)
        return
    rows = [at for at, cell in enumerate(words.cells) if cell.plain]
    who, what = (Column(f.name, [f.cells[at] for at in rows]) for f in (names, words))
    yield _table([who, what], who, what, most=max(least, width // 3))
    yield Text()
    yield _table([names, *shown], names, words)


def _width(fields: list[Column]) -> int:
    return sum(field.width + _SPACE for field in fields)


def _table(fields: list[Column], names: Column, words: Column, most: int | None = None) -> Table:
    table = Table(box=None, padding=(0, _SPACE, 0, 0), header_style=QUIET, pad_edge=False)
    for field in fields:
        wraps = field is names or field is words
        table.add_column(
            field.name,
            no_wrap=not wraps,
            overflow="fold",
            justify="right" if field.number else "left",
            min_width=None if wraps else field.width,
            max_width=most if field is names else None,
        )
    for at in range(len(names.cells)):
        table.add_row(*(field.cells[at] for field in fields))
    return table

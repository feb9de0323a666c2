"""A trial in words and bars, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from camfan_nodes.motion.event_steps import EventStep
from camfan_nodes.motion.trial import SECOND, Trial

MARK, NOTHING = "█", "─"
NAME_WIDTH = 16  # the longest kind, and a blank
COLOURS = {"motion": "green", "lighting": "yellow"}
OTHER = "red"


def clock(at_s: float) -> str:
    """`0:07.4`, `12:00.0`, `1:02:03.0`."""
    tenths = round(at_s * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{seconds}" if hours else f"{minutes}:{seconds}"


def summary(trial: Trial, width: int) -> RenderableType:
    """Bars of what was when, then a table of the events."""
    bars = Text("\n").join(_bars(trial, max(10, width - NAME_WIDTH)))
    if not trial.events:
        return Group(bars, Text("\nNo motion, and nothing else."))
    return Group(bars, Text(), _table(trial.events))


def _bars(trial: Trial, width: int) -> Iterator[Text]:
    kinds = dict.fromkeys(("motion", *(event.kind for event in trial.events)))
    for kind in kinds:
        bar = [NOTHING] * width
        for event in trial.events:
            if event.kind == kind:
                first, last = (_column(ns, trial, width) for ns in (event.start_ns, event.last_ns))
                bar[first : last + 1] = MARK * (last + 1 - first)
        yield Text(kind.ljust(NAME_WIDTH)) + Text("".join(bar), style=COLOURS.get(kind, OTHER))
    end = clock(trial.length_s)
    yield Text(" " * NAME_WIDTH + clock(0).ljust(width - len(end)) + end, style="dim")


def _column(time_ns: int, trial: Trial, width: int) -> int:
    share = time_ns / SECOND / trial.length_s if trial.length_s else 0.0
    return min(width - 1, int(share * width))


def _table(events: Sequence[EventStep]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("from", "to", "length", "peak", "area", "score"):
        table.add_column(title, justify="right")
    table.add_column("what")
    zoned = any(event.zones for event in events)
    if zoned:
        table.add_column("zones")
    for event in events:
        first_s, last_s, peak_s = (
            ns / SECOND for ns in (event.start_ns, event.last_ns, event.peak_ns)
        )
        cells = [clock(first_s), clock(last_s), f"{last_s - first_s:.1f} s"]
        if event.kind == "motion":
            cells += [clock(peak_s), f"{event.area:.1%}", f"{event.score:.2f}"]
        else:
            cells += ["", "", ""]
        table.add_row(*cells, event.kind, *([", ".join(event.zones)] if zoned else []))
    return table

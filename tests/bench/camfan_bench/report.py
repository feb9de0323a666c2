"""Results as a table, and as `bench.json`."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from camfan_bench.model import YARDSTICK, Result

Entry = dict[str, object]


def ratios_of(result: Result) -> list[float]:
    """One of each pair of runs, which were taken within seconds."""
    return [a / b for a, b in zip(result.values, result.yardsticks, strict=True) if b]


def ratio_of(result: Result) -> float | None:
    """The median of the ratios."""
    ratios = ratios_of(result)
    return statistics.median(ratios) if ratios else None


def entry_of(result: Result) -> Entry:
    """How a result stands in `bench.json`."""
    measure, values = result.measure, result.values
    ratio = ratio_of(result)
    return {
        "name": measure.name,
        "value": _rounded(statistics.median(values)) if values else None,
        "unit": measure.unit,
        "yardstick": measure.yardstick,
        "ratio": None if ratio is None else round(ratio, 4),
        "runs": len(values),
        "min": _rounded(min(values)) if values else None,
        "max": _rounded(max(values)) if values else None,
        "yardstick_value": _rounded(statistics.median(result.yardsticks)) if values else None,
        "ratios": [round(ratio, 4) for ratio in ratios_of(result)],
        "better": measure.better,
        "reach": measure.reach,
        "notes": {name: _rounded(value) for name, value in result.notes.items()},
        "problem": result.problem,
    }


def to_json(results: Sequence[Result]) -> str:
    return json.dumps([entry_of(result) for result in results], indent=1, ensure_ascii=False) + "\n"


def table_of(results: Sequence[Result]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("benchmark")
    for heading in ("ours", "yardstick", "ratio", "reach"):
        table.add_column(heading, justify="right")
    table.add_column("")
    table.add_column("ours, of all runs")
    table.add_column("compared with")
    for result in results:
        table.add_row(*_row(result))
    return table


def _row(result: Result) -> list[str | Text]:
    measure = result.measure
    ratio = ratio_of(result)
    sign = "≥" if measure.better == "higher" else "≤"
    reach = "" if measure.reach is None else f"{sign} {measure.reach:g}"
    if not result.values or ratio is None:
        problem = (result.problem or "the yardstick is 0").strip().splitlines()[-1]
        return [measure.name, "-", "-", "-", reach, Text("absent", "yellow"), problem, ""]
    reached = measure.reached(ratio)
    mark = Text("") if reached is None else Text("ok", "green") if reached else Text("no", "red")
    return [
        measure.name,
        f"{number(statistics.median(result.values))} {measure.unit}",
        number(statistics.median(result.yardsticks)),
        f"{ratio:.2f}",
        reach,
        mark,
        f"{number(min(result.values))} to {number(max(result.values))}",
        measure.yardstick,
    ]


def number(value: float) -> str:
    """Three digits at least, and no more after the point than that takes."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def line_of(result: Result) -> str:
    """What is said as soon as a benchmark is done."""
    ratio = ratio_of(result)
    if ratio is None:
        return f"{result.measure.name}: {result.problem}"
    ours = f"{number(statistics.median(result.values))} {result.measure.unit}"
    return f"{result.measure.name}: {ours}, ratio {ratio:.2f}{_notes(result)}"


def _notes(result: Result) -> str:
    """Each figure of ours, and that of the yardstick in brackets."""
    words = []
    for name, value in result.notes.items():
        if not name.startswith(YARDSTICK):
            theirs = result.notes.get(YARDSTICK + name)
            words.append(f"{name} {number(value)}" + (f" ({number(theirs)})" if theirs else ""))
    return "".join(f"; {word}" for word in words)


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")

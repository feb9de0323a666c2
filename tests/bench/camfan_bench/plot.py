"""A picture of each group of results: every run's ratio, their median, and what was to be reached.

Only here is matplotlib imported; it comes with the dependency group `bench`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from camfan_bench.report import Entry, number

OURS, REACH, EDGE = "#2f6f4f", "#c0392b", "#8a8a8a"
WIDE = 3.0  # ratios that differ by more than this factor are drawn on a logarithmic scale


def group_of(name: str) -> str:
    """`fanout/100KB/4` is of `fanout`, `delivery-every/100KB/4` of `delivery`."""
    return name.partition("/")[0].partition("-")[0]


def groups_of(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Those with a ratio, by group, in their order."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry["ratio"] is not None:
            found.setdefault(group_of(str(entry["name"])), []).append(entry)
    return found


def plot_groups(entries: Sequence[Entry], folder: Path) -> dict[str, Path]:
    """One SVG a group; the files, by group."""
    return {
        group: _plot(members, folder / f"{group}.svg")
        for group, members in groups_of(entries).items()
    }


def _plot(entries: Sequence[Entry], path: Path) -> Path:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    mpl.rcParams["svg.hashsalt"] = "camfan"  # the same numbers make the same file
    mpl.rcParams["svg.fonttype"] = "none"  # text stays text
    figure, axes = pyplot.subplots(figsize=(8, 1.1 + 0.55 * len(entries)), layout="constrained")
    ratios = [[float(str(r)) for r in _list(entry["ratios"])] for entry in entries]
    every = [r for rs in ratios for r in rs] + [1.0]
    if max(every) / min(every) > WIDE:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    else:
        axes.set_xlim(0, 1.15 * max(every))
    axes.axvline(1, color=EDGE, linewidth=1)
    for row, (entry, runs) in enumerate(zip(entries, ratios, strict=True)):
        axes.barh(row, float(str(entry["ratio"])), height=0.5, color=OURS, alpha=0.35)
        axes.plot(runs, [row] * len(runs), "|", color=OURS, markersize=11)
        if entry["reach"] is not None:
            reach = float(str(entry["reach"]))
            axes.plot([reach, reach], [row - 0.36, row + 0.36], color=REACH, linewidth=2)
    axes.set_yticks(range(len(entries)), [_label(entry) for entry in entries])
    axes.invert_yaxis()
    axes.set_xlabel(_caption(entries))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return path


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def _label(entry: Entry) -> str:
    value, ratio = float(str(entry["value"])), float(str(entry["ratio"]))
    return f"{entry['name']}\n{number(value)} {entry['unit']}, ratio {ratio:.2f}"


def _caption(entries: Sequence[Entry]) -> str:
    yardsticks = {str(entry["yardstick"]) for entry in entries}
    than = yardsticks.pop() if len(yardsticks) == 1 else "the yardstick"
    better = {str(entry["better"]) for entry in entries}
    words = f" ({better.pop()} is better)" if len(better) == 1 else ""
    return f"ratio to {than}{words}\neach tick is a run; red is to be reached"

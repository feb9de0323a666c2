"""`docs/benchmarks`: the results with their pictures, and what they were measured on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from camfan_bench.plot import group_of, plot_groups
from camfan_bench.report import Entry, number

INTRODUCTION = """\
# Benchmarks

Written by `make bench`, which measures all of this again on your machine; how it is measured stands
in [tests/bench/README.md](../../tests/bench/README.md). Each ratio is the median of pairs of runs,
ours and the yardstick, taken within seconds of each other. Trust ratios, not values: other machines
have other values.
"""


def write_docs(entries: Sequence[Entry], machine: Mapping[str, str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(
        json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    pictures = plot_groups(entries, folder)
    lines = [INTRODUCTION, "| | |", "|---|---|"]
    lines += [f"| {name} | {words} |" for name, words in machine.items()]
    for group in dict.fromkeys(group_of(str(entry["name"])) for entry in entries):
        members = [entry for entry in entries if group_of(str(entry["name"])) == group]
        lines += ["", f"## {group}", "", *_table(members)]
        if group in pictures:
            lines += ["", f"![{group}]({pictures[group].name})"]
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _table(entries: Sequence[Entry]) -> list[str]:
    lines = ["| | ours | of all runs | yardstick | ratio | reach |", "|---|---|---|---|---|---|"]
    return lines + [_row(entry) for entry in entries]


def _row(entry: Entry) -> str:
    name, sign = entry["name"], "≥" if entry["better"] == "higher" else "≤"
    reach = "" if entry["reach"] is None else f"{sign} {entry['reach']:g}"
    if entry["ratio"] is None:
        return f"| {name} | absent: {_first_line(entry)} | | | | {reach} |"
    value, low, high, theirs = (
        number(float(str(entry[key]))) for key in ("value", "min", "max", "yardstick_value")
    )
    return (
        f"| {name} | {value} {entry['unit']} | {low} to {high} "
        f"| {theirs}: {entry['yardstick']} | {entry['ratio']:.2f} | {reach} |"
    )


def _first_line(entry: Entry) -> str:
    return (str(entry["problem"]).strip().splitlines() or ["?"])[-1].replace("|", "/")


QUOTED = ("fanout/100KB/4", "latency/8x30x8/p50")


def quote(entries: Sequence[Entry]) -> str:
    """The lines that the README has, from these results. Raises KeyError if one is missing."""
    by_name = {str(entry["name"]): entry for entry in entries}
    fanout, latency = (by_name[name] for name in QUOTED)
    return (
        f"| 100 KB frames to 4 subscribers | {float(str(fanout['value'])):,.0f} frames/s "
        f"| {fanout['ratio']:.2f} of `zmq.proxy` |\n"
        f"| capture to reception, 8 cameras × 30 fps × 8 subscribers, median "
        f"| {number(float(str(latency['value'])))} ms | {latency['ratio']:.2f} of `zmq.proxy` |\n"
    )

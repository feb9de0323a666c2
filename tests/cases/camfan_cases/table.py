"""The table of cameras that most case scripts print."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ROW = re.compile(
    r"^(?P<name>\S+)\s+(?P<frames>\d+) frames  state=(?P<state>.+?)"
    r"  refused=(?P<refused>\S+) unreadable=(?P<unreadable>\S+) reopened=(?P<reopened>\S+)$"
)


@dataclass(frozen=True)
class Row:
    """One camera as a case saw it: frames received, and the figures of its last status."""

    name: str
    frames: int
    state: str
    refused: int
    unreadable: int
    reopened: int


def read_rows(output: str) -> list[Row]:
    """Every row of the table in `output`; a figure that a camera does not report counts as 0."""
    return [
        Row(
            found["name"],
            int(found["frames"]),
            found["state"],
            *(_count(found[figure]) for figure in ("refused", "unreadable", "reopened")),
        )
        for line in output.splitlines()
        if (found := _ROW.match(line)) is not None
    ]


def _count(text: str) -> int:
    return 0 if text == "None" else int(text)


def find_faults(output: str, cameras: int, frames: int) -> list[str]:
    """Faults of a table that should have `cameras` live rows of at least `frames` frames."""
    rows = read_rows(output)
    faults = [] if len(rows) == cameras else [f"{len(rows)} of {cameras} cameras in the table"]
    for row in rows:
        if row.frames < frames:
            faults.append(f"{row.name}: {row.frames} frames, at least {frames} expected")
        if row.state != "live":
            faults.append(f"{row.name}: state is {row.state}")
        faults += [
            f"{row.name}: {figure}={getattr(row, figure)}"
            for figure in ("refused", "unreadable", "reopened")
            if getattr(row, figure)
        ]
    return faults

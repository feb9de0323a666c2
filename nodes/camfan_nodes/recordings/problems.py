"""What can be wrong between an index and its files, and what repairs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct

ProblemKind = Literal[
    "index",  # SQLite finds it inconsistent
    "file-gone",  # its rows are there
    "frames-damaged",  # rows whose frames cannot be read
    "structure",  # of a file, which players need; the frames it is about can be read
    "frames-unknown",  # whole frames of a known file without rows
    "file-unknown",  # a segment without rows
    "file-unfinished",  # what a kill left before the first frame
    "file-foreign",  # has the name of a segment and is not one
    "length",  # of the file is not what its row says
    "rows-orphaned",  # of a file that the index does not have
    "clip",  # without any frame, or without its thumbnail
]


class VerifyProblem(Struct, frozen=True, kw_only=True):
    """One thing that is wrong."""

    kind: ProblemKind
    file: str | None = None  # below the folder of the recordings
    camera: str | None = None
    run: str | None = None
    sequences: list[int] = []  # of the frames it is about
    reason: str

    @property
    def sentence(self) -> str:
        place = self.file or "index.sqlite"
        if not self.sequences:
            return f"{place}: {self.reason}"
        return f"{place}: {ranges(self.sequences)}: {self.reason}"


@dataclass(slots=True)
class Verified:
    """What was looked at, and what was found."""

    files: int = 0
    frames: int = 0  # that are as they were written
    bytes: int = 0
    problems: list[VerifyProblem] = field(default_factory=list)


def ranges(numbers: list[int]) -> str:
    """`frames 3, 7 to 9`."""
    parts: list[str] = []
    ordered = sorted(numbers)
    first = last = ordered[0]
    for number in [*ordered[1:], None]:
        if number is not None and number == last + 1:
            last = number
            continue
        parts.append(str(first) if first == last else f"{first} to {last}")
        if number is not None:
            first = last = number
    return f"frame{'s' if len(ordered) > 1 else ''} {', '.join(parts)}"

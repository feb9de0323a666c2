"""What each process of a scenario writes down, a line at a time: it may be killed at any moment."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, field
from pathlib import Path


class Log:
    """Lines of words, each with the operating system when `write` returns."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def write(self, *words: object) -> None:
        os.write(self._fd, (" ".join(str(word) for word in words) + "\n").encode())

    def close(self) -> None:
        os.close(self._fd)


def checksum(jpeg: bytes | memoryview) -> str:
    return f"{zlib.crc32(jpeg):08x}"


@dataclass(slots=True)
class Run:
    """What a camera numbered in one of its lives."""

    run: str
    checksums: list[str] = field(default_factory=list)  # by sequence
    captured_ns: list[int] = field(default_factory=list)  # monotonic


@dataclass(frozen=True, slots=True)
class Received:
    """A frame, or a gap, that reached a reader."""

    camera: str
    run: str
    first: int
    last: int | None
    reason: str | None = None  # None: a frame
    checksum: str = ""
    late: bool = False
    at_ns: int = 0  # monotonic
    age_ms: float | None = None


def read_runs(path: Path) -> list[Run]:
    """The lives of a camera: `run <id>`, then `<sequence> <checksum> <monotonic ns>` each."""
    runs: list[Run] = []
    for line in _lines(path):
        words = line.split()
        if words[0] == "run":
            runs.append(Run(words[1]))
        else:
            assert int(words[0]) == len(runs[-1].checksums), "the camera itself left one out"
            runs[-1].checksums.append(words[1])
            runs[-1].captured_ns.append(int(words[2]))
    return runs


def read_received(path: Path) -> list[Received]:
    """What a reader received, in its order."""
    found: list[Received] = []
    for line in _lines(path):
        kind, camera, run, *rest = line.split()
        if kind == "frame":
            sequence, seal, late, at_ns, age = rest
            age_ms = None if age == "-" else float(age)
            place = (camera, run, int(sequence), int(sequence), None)
            found.append(Received(*place, seal, late == "late", int(at_ns), age_ms))
        else:
            first, last, reason, at_ns = rest
            end = None if last == "-" else int(last)
            found.append(Received(camera, run, int(first), end, reason, at_ns=int(at_ns)))
    return found


def _lines(path: Path) -> list[str]:
    text = path.read_text() if path.exists() else ""
    return text.split("\n")[:-1]  # a line that is being written has no end yet

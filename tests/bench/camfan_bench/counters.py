"""Numbers that the processes of a run share: one file, mapped by all, one writer for each number.

A write is one aligned 8-byte store, so a reader never sees half of one.
"""

from __future__ import annotations

import mmap
from enum import IntEnum
from pathlib import Path
from types import TracebackType

MAX_SOURCES = 32
MAX_CAMERAS = 16
MAX_SINKS = 64
SAMPLES = 16_384  # per sink; older ones are overwritten

_COMMAND = 0
_SOURCES = 8
_SINKS = _SOURCES + MAX_SOURCES
_SINK_SLOTS = 4 + MAX_CAMERAS
_SAMPLES = _SINKS + MAX_SINKS * _SINK_SLOTS


class Command(IntEnum):
    """What all sources are to do."""

    IDLE = 0
    GO = 1
    PRIME = 2  # a frame now and then, until every sink has had one
    QUIT = 3


class Counters:
    """The file, for as long as this process lives. `create` makes it, for this many sinks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.slots = memoryview(self._map).cast("q")

    @classmethod
    def create(cls, path: Path, sinks: int) -> Counters:
        with path.open("wb") as file:
            file.truncate(8 * (_SAMPLES + sinks * SAMPLES))
        counters = cls(path)
        for sink in range(sinks):
            Tally(counters, sink).last = -1
        return counters

    def command(self) -> Command:
        """What the parent ordered last."""
        return Command(self.slots[_COMMAND])

    def order(self, command: Command) -> None:
        self.slots[_COMMAND] = command

    def sent(self, source: int) -> int:
        """Frames that a source has sent: also the sequence of its next."""
        return self.slots[_SOURCES + source]

    def set_sent(self, source: int, frames: int) -> None:
        self.slots[_SOURCES + source] = frames

    def slowest(self, sinks: int) -> int:
        """The newest sequence that every sink has had; -1 while one has had none."""
        first = _SINKS + 1
        return min(self.slots[first : first + sinks * _SINK_SLOTS : _SINK_SLOTS])

    def close(self) -> None:
        self.slots.release()
        self._map.close()

    def __enter__(self) -> Counters:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Tally:
    """What one sink has received."""

    def __init__(self, counters: Counters, sink: int) -> None:
        self._slots = counters.slots
        self._base = _SINKS + sink * _SINK_SLOTS
        self._samples = _SAMPLES + sink * SAMPLES

    @property
    def count(self) -> int:
        return self._slots[self._base]

    @property
    def last(self) -> int:
        """Sequence of the newest frame, whatever its camera."""
        return self._slots[self._base + 1]

    @last.setter
    def last(self, sequence: int) -> None:
        self._slots[self._base + 1] = sequence

    @property
    def lost(self) -> int:
        """Sequences that were passed over."""
        return self._slots[self._base + 2]

    def of_camera(self, camera: int) -> int:
        return self._slots[self._base + 4 + camera]

    def add(self, camera: int, sequence: int, lost: int, sample: int) -> None:
        """Count one frame; `sample` is what is measured of it, in ns."""
        slots, base = self._slots, self._base
        count = slots[base]
        slots[self._samples + count % SAMPLES] = sample
        slots[base + 2] += lost
        slots[base + 4 + camera] += 1
        slots[base + 1] = sequence
        slots[base] = count + 1

    def samples(self, first: int, end: int) -> list[int]:
        """Of the frames counted `first` to `end - 1`; at most SAMPLES of them, the newest."""
        first = max(first, end - SAMPLES)
        return [self._slots[self._samples + n % SAMPLES] for n in range(first, end)]

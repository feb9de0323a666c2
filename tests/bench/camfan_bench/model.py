"""What a benchmark is, and what comes out of it.

Data only. How a benchmark is run again and again is in `runner.py`; what it does is in the module
of its subject.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal

Figures = Mapping[str, float]  # by name of a measure; other names are notes
Better = Literal["higher", "lower"]


YARDSTICK = "yardstick "  # before the name of a note that is of the yardstick


class BenchError(Exception):
    """A benchmark cannot be measured here, or measured something else than it says."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One number that is published, and what it is compared with."""

    name: str  # fanout/100KB/4
    unit: str
    yardstick: str  # what the other number is: zmq.proxy
    better: Better
    reach: float | None = None  # the ratio at least (higher) or at most (lower)

    def reached(self, ratio: float) -> bool | None:
        if self.reach is None:
            return None
        return ratio >= self.reach if self.better == "higher" else ratio <= self.reach


@dataclass(frozen=True, slots=True)
class Pair:
    """One run of ours and one of the yardstick, taken one right after the other, or at once."""

    ours: Figures
    yardstick: Figures


Run = Callable[[int], Pair]  # given the number of the run, so that odd ones begin with the other


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Measures that come from the same runs.

    `open` starts what is needed, and gives what makes one run; it raises BenchError where this
    machine cannot do it. It is given how long runs are to be, as a share of their usual length.
    """

    measures: tuple[Measure, ...]
    open: Callable[[float], AbstractContextManager[Run]]
    runs: int = 5


@dataclass(frozen=True, slots=True)
class Result:
    """A measure and its runs. With a `problem` there are no values."""

    measure: Measure
    values: tuple[float, ...] = ()
    yardsticks: tuple[float, ...] = ()
    notes: Mapping[str, float] = field(default_factory=dict)  # medians that help to explain it
    problem: str | None = None


def alternating(ours: Callable[[], Figures], yardstick: Callable[[], Figures]) -> Run:
    """Runs of both in turn; which begins changes from run to run, so that drift hits both alike."""

    def run(number: int) -> Pair:
        if number % 2:
            second = yardstick()
            return Pair(ours(), second)
        first = ours()
        return Pair(first, yardstick())

    return run


def measures_of(benchmarks: Sequence[Benchmark]) -> list[Measure]:
    return [measure for benchmark in benchmarks for measure in benchmark.measures]

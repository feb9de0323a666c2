"""Runs benchmarks, and keeps what each run gave.

A benchmark that cannot be measured is a result with a problem: the others go on.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from camfan_bench.model import YARDSTICK, BenchError, Benchmark, Figures, Pair, Result

Progress = Callable[[str], None]  # called before each run


def run_benchmark(
    benchmark: Benchmark, runs: int, progress: Progress, *, length: float = 1.0
) -> list[Result]:
    """One result for each of its measures. `length` of a run: a share of the usual."""
    names = ", ".join(measure.name for measure in benchmark.measures)
    pairs: list[Pair] = []
    try:
        progress(f"{names}: starting")
        with benchmark.open(length) as run:
            for number in range(runs):
                progress(f"{names}: run {number + 1} of {runs}")
                pairs.append(run(number))
    except (BenchError, AssertionError) as exc:  # the latter: a process did not say what it should
        return [Result(measure, problem=str(exc)) for measure in benchmark.measures]
    notes = _notes(benchmark, pairs)
    return [
        Result(
            measure,
            tuple(pair.ours[measure.name] for pair in pairs),
            tuple(pair.yardstick[measure.name] for pair in pairs),
            notes,
        )
        for measure in benchmark.measures
    ]


def _notes(benchmark: Benchmark, pairs: Sequence[Pair]) -> dict[str, float]:
    """Medians of the other figures, of ours and of the yardstick."""
    ours, theirs = [pair.ours for pair in pairs], [pair.yardstick for pair in pairs]
    found = _medians(ours, "")
    found.update(_medians(theirs, YARDSTICK))
    measured = {measure.name for measure in benchmark.measures}
    return {n: v for n, v in found.items() if n.removeprefix(YARDSTICK) not in measured}


def _medians(figures: Sequence[Figures], prefix: str) -> dict[str, float]:
    names = figures[0] if figures else {}
    return {prefix + name: statistics.median(f[name] for f in figures) for name in names}

"""All benchmarks. A new subject is one module, and one line here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from camfan_bench import (
    age,
    camera,
    curve,
    delivery,
    fanout,
    latency,
    peers,
    recordings,
    relay,
    web,
)
from camfan_bench.model import Benchmark, Measure

SUBJECTS = (
    fanout,
    curve,
    relay,
    delivery,
    latency,
    age,
    camera,
    peers,
    web,
    recordings,
)


def all_benchmarks() -> list[Benchmark]:
    return [benchmark for subject in SUBJECTS for benchmark in subject.benchmarks()]


def select(benchmarks: Sequence[Benchmark], patterns: Sequence[str]) -> list[Benchmark]:
    """Those with a measure that matches; of their measures, only these. No pattern: all."""
    if not patterns:
        return list(benchmarks)
    names = {measure.name for benchmark in benchmarks for measure in benchmark.measures}
    found = []
    for benchmark in benchmarks:
        wanted = tuple(
            m
            for m in benchmark.measures
            if any(m.name == p if p in names else _matches(m, p) for p in patterns)
        )
        if wanted:
            found.append(replace(benchmark, measures=wanted))
    return found


def _matches(measure: Measure, pattern: str) -> bool:
    """The beginning of a name, or a glob."""
    return fnmatchcase(measure.name, pattern) or measure.name.startswith(pattern)

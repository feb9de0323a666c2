"""From capture to reception: 8 cameras of 30 frames a second, 100 KB each, to 8 subscribers.

One machine, one monotonic clock. The yardstick is `zmq.proxy` between the same processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import numpy as np

from camfan_bench.model import Benchmark, Figures, Measure, Run, alternating
from camfan_bench.rig import Rig, Sinks, broker, proxy, rig, temporary_folder

CAMERAS, FPS, SUBSCRIBERS, SIZE = 8, 30, 8, 100_000
SECONDS = 3.0


def benchmarks() -> list[Benchmark]:
    name = f"latency/{CAMERAS}x{FPS}x{SUBSCRIBERS}"
    return [
        Benchmark(
            tuple(
                Measure(f"{name}/{part}", "ms", "zmq.proxy", better="lower", reach=1.5)
                for part in ("p50", "p99")
            ),
            partial(_duel, name),
            runs=5,
        )
    ]


@contextmanager
def _duel(name: str, length: float) -> Iterator[Run]:
    sinks = Sinks("fanout", SUBSCRIBERS, {})
    with temporary_folder() as folder, ExitStack() as stack:
        rigs = []
        for kind in (broker, proxy):
            middle = stack.enter_context(kind(folder, CAMERAS))
            rigs.append(
                stack.enter_context(
                    rig(folder, middle, sinks, source="paced", cameras=CAMERAS, size=SIZE, fps=FPS)
                )
            )
        yield alternating(*(partial(_run, side, name, SECONDS * length) for side in rigs))


def _run(side: Rig, name: str, seconds: float) -> Figures:
    flow = side.run(seconds, warm_s=0.5)
    p50, p99 = np.percentile(flow.samples_ns, (50, 99)) / 1e6
    return {
        f"{name}/p50": float(p50),
        f"{name}/p99": float(p99),
        "broker % of a core": 100 * flow.cpu_s / flow.seconds,
        "lost": flow.lost,
    }

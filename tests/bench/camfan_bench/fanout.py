"""Frames per second through the fan-out, when everybody works as fast as possible.

The yardstick is libzmq's own proxy, in C and without a check, between the same sources and sinks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from camfan_bench.model import Benchmark, Figures, Measure, Run, alternating
from camfan_bench.rig import Rig, Sinks, broker, proxy, rig, temporary_folder

SIZES_KB = (20, 100, 250)
SUBSCRIBERS = (1, 4, 16)
# Frames under way. The fan-out keeps 64 for a subscriber, but ZeroMQ learns 32 at a time what has
# left that queue: with more than 32 under way it would drop some.
WINDOW = 28
SECONDS, RUNS = 0.3, 11  # many short ones: the machine changes its mind from second to second


def benchmarks() -> list[Benchmark]:
    return [
        Benchmark(
            measures=(
                Measure(f"fanout/{kb}KB/{n}", "frames/s", "zmq.proxy", better="higher", reach=0.9),
            ),
            open=partial(_duel, f"fanout/{kb}KB/{n}", kb * 1000, n),
            runs=RUNS,
        )
        for kb in SIZES_KB
        for n in SUBSCRIBERS
    ]


@contextmanager
def _duel(name: str, size: int, subscribers: int, length: float) -> Iterator[Run]:
    seconds = SECONDS * length
    sinks = Sinks("fanout", subscribers, {})
    with temporary_folder() as folder, ExitStack() as stack:
        rigs = []
        for middle in (broker, proxy):
            running = stack.enter_context(middle(folder))
            rigs.append(stack.enter_context(rig(folder, running, sinks, size=size, window=WINDOW)))
        ours, theirs = rigs
        for side in rigs:
            side.fill(size)
        yield alternating(
            partial(lossless, ours, name, seconds), partial(lossless, theirs, name, seconds)
        )


def lossless(side: Rig, name: str, seconds: float) -> Figures:
    """One saturated run; what little is lost is counted beside it."""
    flow = side.run(seconds)
    side.drain()
    lost = side.check_lossless()
    return {name: flow.frames_per_s, "broker µs/frame": flow.cpu_us_per_frame, "lost": lost}

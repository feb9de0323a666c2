"""The whole price of having a broker: frames per second against a relay of bare sockets.

The relay reads fixed sizes and writes them on, in one thread, with no message, topic or check.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from camfan_bench.counters import Command, Counters
from camfan_bench.fanout import RUNS, SECONDS, WINDOW, lossless
from camfan_bench.model import Benchmark, Figures, Measure, Run, alternating
from camfan_bench.rig import Rig, Sinks, broker, rig, start, temporary_folder
from camfan_testing.ports import free_ports

NAME = "relay/100KB/4"
SIZE, SUBSCRIBERS = 100_000, 4


def benchmarks() -> list[Benchmark]:
    measure = Measure(NAME, "frames/s", "bare socket relay", better="higher")
    return [Benchmark((measure,), _duel, runs=RUNS)]


@contextmanager
def _duel(length: float) -> Iterator[Run]:
    seconds = SECONDS * length
    sinks = Sinks("fanout", SUBSCRIBERS, {})
    with temporary_folder() as folder, ExitStack() as stack:
        middle = stack.enter_context(broker(folder))
        ours = stack.enter_context(rig(folder, middle, sinks, size=SIZE, window=WINDOW))
        bare = stack.enter_context(_bare(folder))
        for side in (ours, bare):
            side.fill(SIZE)
        yield alternating(partial(lossless, ours, NAME, seconds), partial(_run, bare, seconds))


@contextmanager
def _bare(folder: Path) -> Iterator[Rig]:
    """Relay, source and sinks of bare sockets; the sockets' buffers are the only window."""
    inlet, outlet = free_ports(2)
    path = folder / "counters-bare"
    with ExitStack() as stack:
        counters = stack.enter_context(Counters.create(path, SUBSCRIBERS))
        relay = stack.enter_context(
            start("bare", "relay", str(inlet), str(outlet), str(SIZE), str(SUBSCRIBERS))
        )
        relay.wait_for("listening")
        others = [
            stack.enter_context(start("bare", "sink", str(outlet), str(SIZE), str(path), str(n)))
            for n in range(SUBSCRIBERS)
        ]
        others.append(
            stack.enter_context(start("bare", "source", str(inlet), str(SIZE), str(path)))
        )
        made = Rig(counters, relay, others, SUBSCRIBERS)
        made.prime()
        yield made
        counters.order(Command.QUIT)


def _run(bare: Rig, seconds: float) -> Figures:
    flow = bare.run(seconds)
    bare.drain()
    return {NAME: flow.frames_per_s, "broker µs/frame": flow.cpu_us_per_frame}

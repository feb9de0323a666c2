"""How old a frame is when its reader has it: on a thin link, and for a reader that is slow.

The reader is a `camfan.Subscriber` in mode `latest`, as users have it.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from camfan_bench.link import Link, thin_link
from camfan_bench.model import BenchError, Benchmark, Figures, Measure, Pair, Run, alternating
from camfan_bench.rig import Middle, Rig, Sinks, bench_site, broker, rig, start, temporary_folder
from camfan_testing.ports import free_ports
from camfan_testing.processes import Process

THIN, SLOW = "age/thin-link/p99", "age/slow-consumer/p99"
LINK_BITS, CAMERAS, FPS, SIZE = 16_000_000, 4, 30, 100_000
WORK_S, SLOW_CAMERAS = 0.2, 2
SECONDS = 8.0


def benchmarks() -> list[Benchmark]:
    # Two transfers and an interval are the bound: 133 ms, which is 1.6 of one and an interval.
    thin = Measure(THIN, "ms", "one transfer + one interval", better="lower", reach=1.6)
    slow = Measure(SLOW, "ms", "the consumer's own 200 ms", better="lower", reach=1.2)
    return [Benchmark((thin,), _thin_link, runs=3), Benchmark((slow,), _slow_consumer, runs=3)]


@contextmanager
def _thin_link(length: float) -> Iterator[Run]:
    with temporary_folder() as folder, ExitStack() as stack:
        link = stack.enter_context(thin_link(LINK_BITS))
        middle = stack.enter_context(_broker_behind(folder, link))
        sinks = Sinks("consumer", 1, {"endpoint": middle.delivery}, through=link.far)
        side = stack.enter_context(
            rig(
                folder,
                middle,
                sinks,
                source="paced",
                cameras=CAMERAS,
                through=link.near,
                size=SIZE,
                fps=FPS,
            )
        )
        yield alternating(partial(_watch, side, SECONDS * length), partial(_transfer, link))


@contextmanager
def _broker_behind(folder: Path, link: Link) -> Iterator[Middle]:
    """A broker at the near end, whose delivery port is given as the far end dials it."""
    site = bench_site(folder, CAMERAS, extra="security: {insecure: true}")
    command = [*link.near, sys.executable, "-m", "camfan_broker", "--config", str(site.path)]
    with Process(command) as process:
        process.wait_for("ingest tcp://")
        host, port = link.reach(site.delivery)
        local = "tcp://127.0.0.1"
        yield Middle(
            process, f"{local}:{site.ingest}", f"{local}:{site.fanout}", f"tcp://{host}:{port}"
        )


def _watch(side: Rig, seconds: float) -> Figures:
    flow = side.run(seconds, warm_s=min(seconds, 2.0))
    had = flow.cameras[:CAMERAS]
    if min(had) < max(had) / 2:
        raise BenchError(f"not all cameras advance: frames of each in {seconds:g} s: {had}")
    p50, p99 = np.percentile(flow.samples_ns, (50, 99)) / 1e6
    return {
        THIN: float(p99),
        "p50 ms": float(p50),
        "fps of all": flow.frames_per_s,
        "fps of the slowest camera": min(had) / flow.seconds,
    }


def _transfer(link: Link) -> Figures:
    """How long one frame takes on the idle link by a bare socket, and one interval."""
    (port,) = free_ports(1)
    with start("bare", "offer", str(port), str(SIZE), through=link.near) as near:
        near.wait_for("listening")
        host, dialled = link.reach(port)
        with start("bare", "fetch", host, str(dialled), str(SIZE), through=link.far) as far:
            line = far.wait_for("[", timeout=30)
    transfer_ms = 1000 * statistics.median(json.loads(line))
    return {THIN: transfer_ms + 1000 / FPS, "transfer ms": transfer_ms}


@contextmanager
def _slow_consumer(length: float) -> Iterator[Run]:
    with temporary_folder() as folder, ExitStack() as stack:
        middle = stack.enter_context(broker(folder, SLOW_CAMERAS))
        sinks = Sinks("consumer", 1, {"endpoint": middle.delivery, "work_s": WORK_S})
        side = stack.enter_context(
            rig(folder, middle, sinks, source="paced", cameras=SLOW_CAMERAS, size=SIZE, fps=FPS)
        )
        yield partial(_work, side, SECONDS * length)


def _work(side: Rig, seconds: float, _: int) -> Pair:
    flow = side.run(seconds, warm_s=min(seconds, 1.0))
    p50, p99 = np.percentile(flow.samples_ns, (50, 99)) / 1e6
    return Pair({SLOW: float(p99), "p50 ms": float(p50)}, {SLOW: 1000 * WORK_S})

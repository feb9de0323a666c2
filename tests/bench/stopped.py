"""Sixteen subscribers are stopped for minutes: `python tests/bench/stopped.py [--minutes N]`.

8 cameras of 15 frames a second, 100 KB each. Of the sixteen, eight read the fan-out, four delivery
in mode `latest` and four in `every`; they get frames, and are then stopped (SIGSTOP), all at once.
Two more of each kind go on. At the end: the broker never had more memory than its site file says,
and the others' p99 of capture to reception is within 20 % of what it is without the sixteen,
before and after.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import numpy as np  # noqa: E402 - the path first
from rich.console import Console  # noqa: E402

from camfan_bench.counters import Command, Counters, Tally  # noqa: E402
from camfan_bench.cpu import resident_bytes  # noqa: E402
from camfan_bench.rig import Middle, broker, start, temporary_folder  # noqa: E402
from camfan_bench.vitals import MEGABYTE  # noqa: E402
from camfan_testing.processes import Process  # noqa: E402

CAMERAS, FPS, SIZE = 8, 15, 100_000
KINDS = ("fanout", "latest", "every")
HEALTHY_EACH = 2
STOPPED = ("fanout",) * 8 + ("latest",) * 4 + ("every",) * 4
MEMORY = "256MB"
MEMORY_BYTES = 256e6
WINDOW_S = 10.0  # of one p99; the figures are medians of windows
PATIENCE_S = 30.0
P99_RATIO = 1.2


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=5, help="that the sixteen are stopped for")
    parser.add_argument("--baseline", type=float, default=1, help="minutes before, and after")
    args = parser.parse_args()
    console = Console(highlight=False)
    with temporary_folder() as folder, ExitStack() as stack:
        site = stack.enter_context(_site(folder))
        before = site.watch(args.baseline * 60, "before", console)
        with _stopped(site):
            during = site.watch(args.minutes * 60, "sixteen are stopped", console)
        time.sleep(1)  # they are killed now; the broker notices
        after = site.watch(args.baseline * 60, "after", console)
    return _judge(console, before, during, after)


@dataclass(frozen=True, slots=True)
class Watched:
    """An interval."""

    p50_ms: dict[str, float]  # by kind of reader
    p99_ms: dict[str, float]
    memory: int  # bytes, the most


@dataclass(slots=True)
class Site:
    middle: Middle
    counters: Counters
    sinks: int = 0  # started so far; the first are those that go on

    def start(self, kind: str) -> Process:
        index = self.sinks
        self.sinks += 1
        task: dict[str, object] = {"counters": str(self.counters.path), "index": index}
        if kind == "fanout":
            return start("loads", "fanout", json.dumps(task | {"endpoint": self.middle.fanout}))
        credit, back = (32, 8) if kind == "every" else (8, 1)
        task |= {"endpoint": self.middle.delivery, "mode": kind, "credit": credit, "back": back}
        return start("loads", "delivery", json.dumps(task))

    def tally(self, index: int) -> Tally:
        return Tally(self.counters, index)

    def watch(self, seconds: float, what: str, console: Console) -> Watched:
        """Windows one after the other; the median of each figure, and the most memory."""
        windows = max(round(seconds / WINDOW_S), 1)
        memory = 0
        p50: dict[str, list[float]] = {kind: [] for kind in KINDS}
        p99: dict[str, list[float]] = {kind: [] for kind in KINDS}
        tallies = [self.tally(n) for n in range(HEALTHY_EACH * len(KINDS))]
        with console.status(what) as line:
            for number in range(windows):
                counts = [tally.count for tally in tallies]
                end = time.monotonic() + min(seconds, WINDOW_S)
                while (left := end - time.monotonic()) > 0:
                    memory = max(memory, resident_bytes(self.middle.process.popen.pid))
                    line.update(f"{what}: {number + 1} of {windows}, {memory / MEGABYTE:.0f} MB")
                    time.sleep(min(0.2, left))
                for n, kind in enumerate(KINDS):
                    own = range(n * HEALTHY_EACH, (n + 1) * HEALTHY_EACH)
                    ages = [s for i in own for s in tallies[i].samples(counts[i], tallies[i].count)]
                    if not ages:
                        raise RuntimeError(f"a reader of {kind} gets nothing any more")
                    low, high = np.percentile(ages, (50, 99)) / 1e6
                    p50[kind].append(float(low))
                    p99[kind].append(float(high))
        return Watched(
            {kind: float(np.median(values)) for kind, values in p50.items()},
            {kind: float(np.median(values)) for kind, values in p99.items()},
            memory,
        )

    def await_frames(self, indices: range) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while any(self.tally(n).count < CAMERAS for n in indices):
            if time.monotonic() > deadline:
                raise RuntimeError("not all readers got frames")
            time.sleep(0.02)


@contextmanager
def _site(folder: Path) -> Iterator[Site]:
    """Broker, cameras, and the readers that go on."""
    with ExitStack() as stack:
        middle = stack.enter_context(broker(folder, CAMERAS, memory=MEMORY))
        sinks = HEALTHY_EACH * len(KINDS) + len(STOPPED)
        counters = stack.enter_context(Counters.create(folder / "counters", sinks))
        site = Site(middle, counters)
        for kind in KINDS:
            for _ in range(HEALTHY_EACH):
                stack.enter_context(site.start(kind))
        common = {"counters": str(counters.path), "endpoint": middle.ingest}
        for n in range(CAMERAS):
            task = {**common, "index": n, "camera": f"cam{n}", "fps": FPS, "size": SIZE}
            stack.enter_context(start("loads", "paced", json.dumps(task)))
        counters.order(Command.GO)
        site.await_frames(range(site.sinks))
        yield site
        counters.order(Command.QUIT)


@contextmanager
def _stopped(site: Site) -> Iterator[None]:
    with ExitStack() as stack:
        first = site.sinks
        processes = [stack.enter_context(site.start(kind)) for kind in STOPPED]
        site.await_frames(range(first, site.sinks))
        for process in processes:
            process.send(signal.SIGSTOP)
        yield


def _judge(console: Console, before: Watched, during: Watched, after: Watched) -> int:
    good = during.memory <= MEMORY_BYTES
    console.print(
        f"broker: at most {during.memory / MEGABYTE:.0f} MB of {MEMORY_BYTES / MEGABYTE:.0f} MB",
        style="green" if good else "red",
    )
    for kind in KINDS:
        base = (before.p99_ms[kind] + after.p99_ms[kind]) / 2
        ratio = during.p99_ms[kind] / base
        good = good and ratio <= P99_RATIO
        console.print(
            f"{kind}: p99 {before.p99_ms[kind]:.2f} ms before, {during.p99_ms[kind]:.2f} ms with"
            f" sixteen stopped, {after.p99_ms[kind]:.2f} ms after: ratio {ratio:.2f}"
            f" (p50 {before.p50_ms[kind]:.2f}, {during.p50_ms[kind]:.2f},"
            f" {after.p50_ms[kind]:.2f})",
            style="green" if ratio <= P99_RATIO else "red",
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

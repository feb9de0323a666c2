"""Sources, something in the middle, sinks: started, measured over an interval, ended.

The parent measures: it reads the shared counters and the CPU time of the middle at both ends of
the interval. The processes only work.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from camfan_bench.counters import MAX_CAMERAS, Command, Counters, Tally
from camfan_bench.cpu import cpu_seconds
from camfan_bench.model import BenchError
from camfan_testing.ports import free_ports
from camfan_testing.processes import Process, running_broker
from camfan_testing.sites import TestSite, custom_cameras, write_site

HERE = Path(__file__).resolve().parents[1]  # tests/bench
PATH = os.pathsep.join((str(HERE), str(HERE.parent / "support")))

MEMORY = "128MB"  # what a site has that does not say otherwise
RINGS_BYTES = 64_000_000  # no less than the rings of such a broker
WARM_S = 0.1  # of each run, before it is measured
PATIENCE_S = 20.0
PRIMED_FRAMES = 8  # one of each layer, and time for what a camera is asked for to settle

Prefix = Sequence[str]  # what a command is started through: a network namespace


@dataclass(frozen=True, slots=True)
class Middle:
    """What stands between sources and sinks, running."""

    process: Process
    ingest: str
    fanout: str
    delivery: str = ""


def start(module: str, *arguments: str, through: Prefix = ()) -> Process:
    """A process of this suite."""
    command = [*through, sys.executable, "-m", f"camfan_bench.{module}", *arguments]
    return Process(command, env={"PYTHONPATH": PATH})


@contextmanager
def temporary_folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="camfan-bench-") as folder:
        yield Path(folder)


def bench_site(folder: Path, cameras: int, *, memory: str = MEMORY, extra: str = "") -> TestSite:
    """A site of cameras that the suite publishes: cam0, cam1, …"""
    names = [f"cam{n}" for n in range(cameras)]
    return write_site(folder, custom_cameras(*names) + "\n" + extra, memory=memory)


@contextmanager
def broker(folder: Path, cameras: int = 1, *, memory: str = MEMORY) -> Iterator[Middle]:
    """The broker as it is used: `broker --config`, every check on."""
    site = bench_site(folder, cameras, memory=memory)
    with running_broker(site.path) as process:
        host = "tcp://127.0.0.1"
        yield Middle(
            process, f"{host}:{site.ingest}", f"{host}:{site.fanout}", f"{host}:{site.delivery}"
        )


@contextmanager
def proxy(_: Path, cameras: int = 1) -> Iterator[Middle]:
    ingest, fanout = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
    with start("bare", "proxy", ingest, fanout) as process:
        process.wait_for("listening")
        yield Middle(process, ingest, fanout)


@dataclass(frozen=True, slots=True)
class Flow:
    """What an interval was like."""

    seconds: float
    received: tuple[int, ...]  # frames, by sink
    cpu_s: float  # of the middle
    samples_ns: tuple[int, ...]  # of all sinks
    cameras: tuple[int, ...]  # frames by camera, at the first sink
    lost: int  # at all sinks

    @property
    def frames_per_s(self) -> float:
        """At the average sink."""
        return statistics.fmean(self.received) / self.seconds

    @property
    def cpu_us_per_frame(self) -> float:
        return 1e6 * self.cpu_s / max(statistics.fmean(self.received), 1)


class Rig:
    """Running processes that stand still until `run`."""

    def __init__(
        self, counters: Counters, middle: Process, others: Sequence[Process], sinks: int
    ) -> None:
        self.counters = counters
        self.middle = middle
        self._others = others
        self._lost = self._sent = 0  # before the run, while subscriptions were on their way too
        self.tallies = [Tally(counters, n) for n in range(sinks)]

    def prime(self, cameras: int = 1) -> None:
        """Frames now and then, until every sink has had some of every camera."""
        self.counters.order(Command.PRIME)
        wanted = [(tally, camera) for tally in self.tallies for camera in range(cameras)]
        self.wait(
            lambda: all(t.of_camera(c) >= PRIMED_FRAMES for t, c in wanted),
            "the first frames at each sink",
        )
        self.counters.order(Command.IDLE)

    def run(self, seconds: float, *, warm_s: float = WARM_S) -> Flow:
        """Let it flow; what came after `warm_s` is measured, for `seconds`."""
        self._lost, self._sent = self._sum_lost(), self.counters.sent(0)
        self.counters.order(Command.GO)
        time.sleep(warm_s)
        flow = self.measure(seconds)
        self.counters.order(Command.IDLE)
        return flow

    def measure(self, seconds: float) -> Flow:
        before, cameras, lost = self._counts(), self._cameras(), self._sum_lost()
        cpu, begun = cpu_seconds(self.middle.popen.pid), time.monotonic()
        time.sleep(seconds)
        after, later, used = self._counts(), self._cameras(), cpu_seconds(self.middle.popen.pid)
        lasted = time.monotonic() - begun
        self._check()
        pairs = zip(self.tallies, before, after, strict=True)
        return Flow(
            seconds=lasted,
            received=tuple(b - a for a, b in zip(before, after, strict=True)),
            cpu_s=used - cpu,
            samples_ns=tuple(s for tally, a, b in pairs for s in tally.samples(a, b)),
            cameras=tuple(b - a for a, b in zip(cameras, later, strict=True)),
            lost=self._sum_lost() - lost,
        )

    def fill(self, size: int) -> None:
        """Let it flow until the broker's rings are full of frames of this size, and its memory is
        used again and again, as it is after a minute at any site.
        """
        enough = self.counters.sent(0) + RINGS_BYTES // size
        self.counters.order(Command.GO)
        self.wait(lambda: self.counters.sent(0) > enough, f"{enough} frames")
        self.counters.order(Command.IDLE)
        self.drain()

    def drain(self) -> None:
        """Wait until every sink has the newest frame of the only camera."""
        sent = self.counters.sent(0)
        self.wait(
            lambda: self.counters.slowest(len(self.tallies)) == self.counters.sent(0) - 1,
            f"the last of {sent} frames at each sink",
        )

    def check_lossless(self) -> int:
        """Frames that the sinks lack of the last run. Raises BenchError if they tell: 1 of 1000."""
        lost, sent = self._sum_lost() - self._lost, self.counters.sent(0) - self._sent
        if lost > len(self.tallies) * sent / 1000:
            raise BenchError(f"{lost} frames were lost in a run of {sent} that should lose none")
        return lost

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            self._check()
            if time.monotonic() > deadline:
                raise BenchError(f"{what} did not come within {PATIENCE_S:g} s")
            time.sleep(0.005)

    def _counts(self) -> list[int]:
        return [tally.count for tally in self.tallies]

    def _cameras(self) -> list[int]:
        return [self.tallies[0].of_camera(n) for n in range(MAX_CAMERAS)]

    def _sum_lost(self) -> int:
        return sum(tally.lost for tally in self.tallies)

    def _check(self) -> None:
        for process in (self.middle, *self._others):
            if process.popen.poll() is not None:
                raise BenchError(f"a process has ended:\n{process.output}")


@dataclass(frozen=True, slots=True)
class Sinks:
    """Receivers: this many processes of one role of `loads.py`."""

    role: str
    count: int
    options: Mapping[str, object]
    through: Prefix = ()


@contextmanager
def rig(
    folder: Path,
    middle: Middle,
    sinks: Sinks,
    *,
    source: str = "flood",
    cameras: int = 1,
    through: Prefix = (),
    **options: object,
) -> Iterator[Rig]:
    """Sources and sinks around a middle; every sink has had frames of every camera."""
    path = folder / f"counters-{sinks.role}-{middle.process.popen.pid}"
    with ExitStack() as stack:
        counters = stack.enter_context(Counters.create(path, sinks.count))
        common = {"counters": str(path), "cameras": cameras, "sinks": sinks.count}
        endpoint = middle.fanout if sinks.role == "fanout" else middle.delivery
        tasks = [
            (sinks.role, {"endpoint": endpoint, "index": n, **sinks.options}, sinks.through)
            for n in range(sinks.count)
        ]
        tasks += [
            (
                source,
                {"endpoint": middle.ingest, "index": n, "camera": f"cam{n}", **options},
                through,
            )
            for n in range(cameras)
        ]
        others = [
            stack.enter_context(start("loads", role, json.dumps({**common, **task}), through=where))
            for role, task, where in tasks
        ]
        made = Rig(counters, middle.process, others, sinks.count)
        made.prime(cameras)
        yield made
        counters.order(Command.QUIT)

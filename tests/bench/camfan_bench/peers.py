"""The same pictures, on the same machine, moved by others from PyPI.

Each peer is installed by the bench into a virtual environment of its own, under the user's cache
folder, once. Frames per CPU second count every process that the frame passes: for camfan and
camera-stream also the one in the middle. Both sides run at the same time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from camfan_bench.counters import Command, Counters, Tally
from camfan_bench.cpu import cpu_seconds
from camfan_bench.frames import picture
from camfan_bench.model import BenchError, Benchmark, Measure, Pair, Run
from camfan_bench.rig import HERE, PATH, broker, temporary_folder
from camfan_testing.ports import free_ports
from camfan_testing.processes import Process

FPS = 30
WORK_S = 0.2
SECONDS, AGE_SECONDS = 3.0, 5.0
PATIENCE_S = 30.0
OPENCV = "opencv-python-headless"


@dataclass(frozen=True, slots=True)
class Peer:
    name: str  # as in the name of the benchmark and of its ends
    package: str
    version: str
    extra: tuple[str, ...] = ()  # what its documentation says to install beside it
    how: str = ""
    server: Callable[[Path, int, int], list[str]] | None = field(default=None, repr=False)

    @property
    def requirements(self) -> list[str]:
        return [f"{self.package}=={self.version}", *self.extra]


def _camera_stream_server(folder: Path, read: int, send: int) -> list[str]:
    config = folder / "camera-stream.yaml"
    host = "tcp://127.0.0.1"
    config.write_text(
        f'endpoints: {{stream_pub: "{host}:{read}", ingest_api: "{host}:{send}"}}\ncameras: []\n'
    )
    return ["-m", "camera_stream", "server", "--config", str(config)]


PEERS = (
    Peer("imagezmq", "imagezmq", "1.2.0", (OPENCV,), "PUB/SUB"),
    Peer("imagezmq-reqrep", "imagezmq", "1.2.0", (OPENCV,), "REQ/REP: the consumer sets the rate"),
    Peer("vidgear", "vidgear", "0.3.6", (OPENCV, "pyzmq", "simplejpeg"), "NetGear"),
    Peer("camera-stream", "camera-stream", "0.3.8", server=_camera_stream_server),
)


def benchmarks() -> list[Benchmark]:
    found = []
    for peer in PEERS:
        yardstick = f"{peer.package} {peer.version}{peer.how and f', {peer.how}'}"
        frames = Measure(
            f"peers/{peer.name}/frames-per-cpu-second", "frames/s", yardstick, "higher", reach=1.0
        )
        age = Measure(f"peers/{peer.name}/age-slow-consumer", "ms", yardstick, "lower", reach=1.0)
        found.append(Benchmark((frames,), partial(_race, peer, frames.name, 0.0), runs=3))
        found.append(Benchmark((age,), partial(_race, peer, age.name, WORK_S), runs=2))
    return found


@dataclass(frozen=True, slots=True)
class Side:
    """One way from sender to receiver, running."""

    counters: Counters
    processes: list[Process]  # the one in the middle, if there is one; receiver; sender

    def cpu_s(self) -> list[float]:
        return [cpu_seconds(process.popen.pid) for process in self.processes]

    def check(self) -> None:
        for process in self.processes:
            if process.popen.poll() is not None:
                raise BenchError(f"{process.popen.args!r} has ended:\n{process.output}")


@contextmanager
def _race(peer: Peer, name: str, work_s: float, length: float) -> Iterator[Run]:
    python = install(peer)
    seconds = (AGE_SECONDS if work_s else SECONDS) * length
    with temporary_folder() as folder, ExitStack() as stack:
        np.save(folder / "picture.npy", picture())
        sides = [
            stack.enter_context(_ours(folder, work_s)),
            stack.enter_context(_theirs(folder, peer, python, work_s)),
        ]
        for side in sides:
            side.counters.order(Command.GO)
        _await_frames(sides)
        yield lambda _: _measure(sides, name, work_s, seconds)
        for side in sides:
            side.counters.order(Command.QUIT)


def _measure(sides: list[Side], name: str, work_s: float, seconds: float) -> Pair:
    tallies = [Tally(side.counters, 0) for side in sides]
    counts, cpu = [tally.count for tally in tallies], [side.cpu_s() for side in sides]
    time.sleep(seconds)
    figures = []
    for side, tally, before, used in zip(sides, tallies, counts, cpu, strict=True):
        side.check()
        frames = tally.count - before
        if not frames:
            raise BenchError(f"no frame in {seconds:g} s:\n" + side.processes[-1].output)
        spent = [1e3 * (b - a) / frames for a, b in zip(used, side.cpu_s(), strict=True)]
        ages = np.array(tally.samples(before, before + frames)) / 1e6
        figures.append(
            {
                name: float(np.median(ages)) if work_s else 1e3 / sum(spent),
                "fps": frames / seconds,
                "age p50 ms": float(np.median(ages)),
                "age p99 ms": float(np.percentile(ages, 99)),
                "sender ms/frame": spent[-1],
                "receiver ms/frame": spent[-2],
                "middle ms/frame": sum(spent[:-2]),
            }
        )
    return Pair(*figures)


@contextmanager
def _ours(folder: Path, work_s: float) -> Iterator[Side]:
    with broker(folder) as middle, ExitStack() as stack:
        counters = stack.enter_context(Counters.create(folder / "counters-ours", 1))
        ends = _ends(folder, counters, work_s, middle.delivery, middle.ingest)
        roles = ("camfan-receive", "camfan-send")
        running = [stack.enter_context(_start(sys.executable, role, ends)) for role in roles]
        yield Side(counters, [middle.process, *running])


@contextmanager
def _theirs(folder: Path, peer: Peer, python: str, work_s: float) -> Iterator[Side]:
    read, send = free_ports(2)
    with ExitStack() as stack:
        counters = stack.enter_context(Counters.create(folder / "counters-theirs", 1))
        processes = []
        if peer.server is not None:
            command = [python, *peer.server(folder, read, send)]
            processes.append(stack.enter_context(Process(command)))
        host = "tcp://127.0.0.1"
        ends = _ends(folder, counters, work_s, f"{host}:{read}", f"{host}:{send}")
        processes += [
            stack.enter_context(_start(python, f"{peer.name}-{end}", ends))
            for end in ("receive", "send")
        ]
        yield Side(counters, processes)


def _ends(folder: Path, counters: Counters, work_s: float, address: str, second: str) -> str:
    return json.dumps(
        {
            "counters": str(counters.path),
            "picture": str(folder / "picture.npy"),
            "fps": FPS,
            "work_s": work_s,
            "address": address,
            "second": second,
        }
    )


def _start(python: str, role: str, ends: str) -> Process:
    command = [python, "-m", "camfan_bench.peer_ends", role, ends]
    return Process(command, env={"PYTHONPATH": PATH if python == sys.executable else str(HERE)})


def _await_frames(sides: list[Side]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while any(Tally(side.counters, 0).count < 5 for side in sides):
        for side in sides:
            side.check()
        if time.monotonic() > deadline:
            outputs = "\n".join(p.output for side in sides for p in side.processes)
            raise BenchError(f"no frames came within {PATIENCE_S:g} s\n{outputs}")
        time.sleep(0.05)


def install(peer: Peer) -> str:
    """The interpreter of the peer's virtual environment. Raises BenchError if it has none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "camfan-bench"
    version = f"py{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache / f"{peer.package}-{peer.version}-{version}"
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists():
        _do([sys.executable, "-m", "venv", "--clear", str(folder)], peer)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        _do([*pip, *peer.requirements], peer)
        done.touch()
    return str(python)


def _do(command: list[str], peer: Peer) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        words = (ended.stderr or ended.stdout).strip().splitlines() or ["no word of pip"]
        errors = [line for line in words if "ERROR" in line] or words
        raise BenchError(f"{peer.package} {peer.version} cannot be installed: {errors[-1]}")

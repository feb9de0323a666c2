"""CPU time of a camera node: watched, against a bare loop; and unwatched.

Both sides run at the same time, at the same rate, and draw and encode the same test picture.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from camfan import Subscriber
from camfan_bench.counters import Command, Counters, Tally
from camfan_bench.cpu import cpu_seconds
from camfan_bench.model import BenchError, Benchmark, Measure, Pair, Run
from camfan_bench.rig import PATIENCE_S, start, temporary_folder
from camfan_bench.tied import die_with_parent
from camfan_testing.ports import free_ports
from camfan_testing.processes import Process, camfan, running_broker
from camfan_testing.sites import write_site

CPU, IDLE = "camera/cpu", "camera/idle-cpu"
FPS = 30
SECONDS = 4.0
SETTLE_S = 3.0  # of a loop that has just begun
IDLE_PATIENCE_S = 60.0


def benchmarks() -> list[Benchmark]:
    loop = "bare loop: draw, simplejpeg, send"
    cpu = Measure(CPU, "µs/frame", loop, better="lower", reach=1.1)
    idle = Measure(IDLE, "% of a core", "the same camera watched", better="lower", reach=0.05)
    return [Benchmark((cpu,), _busy, runs=3), Benchmark((idle,), _idle, runs=3)]


@dataclass(frozen=True, slots=True)
class Site:
    """Camera nodes; cam0 is watched by one subscriber of the fan-out."""

    path: Path
    cameras: list[Process]
    watched: Tally
    counters: Counters


@contextmanager
def _site(cameras: int) -> Iterator[Site]:
    """Camera nodes `camfan camera`, a broker, and a sink that has had frames of cam0."""
    source = f"{{source: test, size: 1280x720, fps: {FPS}}}"
    section = "cameras:\n" + "\n".join(f"  cam{n}: {source}" for n in range(cameras))
    with temporary_folder() as folder, ExitStack() as stack:
        site = write_site(folder, section, memory="512MB")
        stack.enter_context(running_broker(site.path))
        counters = stack.enter_context(Counters.create(folder / "counters", 1))
        task = {
            "counters": str(counters.path),
            "endpoint": f"tcp://127.0.0.1:{site.fanout}",
            "topic": "frame/cam0/",
        }
        stack.enter_context(start("loads", "fanout", json.dumps(task)))
        nodes = [
            stack.enter_context(camfan("camera", f"cam{n}", "--config", str(site.path)))
            for n in range(cameras)
        ]
        found = Site(site.path, nodes, Tally(counters, 0), counters)
        _await_frames(found.watched, nodes)
        yield found


def _await_frames(tally: Tally, nodes: list[Process]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while tally.count < FPS:
        if time.monotonic() > deadline or any(node.popen.poll() is not None for node in nodes):
            raise BenchError("the camera gave no frames:\n" + nodes[0].output)
        time.sleep(0.05)


@contextmanager
def _busy(length: float) -> Iterator[Run]:
    seconds = SECONDS * length
    with _site(1) as site, ExitStack() as stack:
        (port,) = free_ports(1)
        path = str(site.counters.path)
        stack.enter_context(start("camera", "drain", str(port)))
        bare = stack.enter_context(start("camera", "loop", str(port), str(FPS), path))
        site.counters.order(Command.GO)
        node = site.cameras[0].popen.pid
        time.sleep(min(seconds, SETTLE_S))

        def run(_: int) -> Pair:
            counts = site.watched.count, site.counters.sent(0)
            used = cpu_seconds(node), cpu_seconds(bare.popen.pid)
            time.sleep(seconds)
            used = cpu_seconds(node) - used[0], cpu_seconds(bare.popen.pid) - used[1]
            frames = site.watched.count - counts[0], site.counters.sent(0) - counts[1]
            if min(frames) < seconds * FPS / 2:
                raise BenchError(
                    f"too few frames in {seconds:g} s, of node and bare loop: {frames}"
                )
            ours, theirs = (1e6 * s / n for s, n in zip(used, frames, strict=True))
            return Pair(
                {CPU: ours, "fps": frames[0] / seconds}, {CPU: theirs, "fps": frames[1] / seconds}
            )

        yield run
        site.counters.order(Command.QUIT)


@contextmanager
def _idle(length: float) -> Iterator[Run]:
    seconds = SECONDS * length
    with _site(2) as site:
        _await_idle(site.path, "cam1")
        watched, idle = (node.popen.pid for node in site.cameras)

        def run(_: int) -> Pair:
            before = cpu_seconds(idle), cpu_seconds(watched)
            time.sleep(seconds)
            after = cpu_seconds(idle), cpu_seconds(watched)
            ours, theirs = (100 * (b - a) / seconds for a, b in zip(before, after, strict=True))
            return Pair({IDLE: ours}, {IDLE: theirs})

        yield run


def _await_idle(site: Path, camera: str) -> None:
    """Until the broker asks a camera for nothing: for a while after its start it asks for all."""
    deadline = time.monotonic() + IDLE_PATIENCE_S
    with Subscriber(site, [], statuses=True) as board:
        while time.monotonic() < deadline:
            status = board.statuses.get("broker")
            figures = None if status is None else status.broker
            if figures is not None and figures.cameras[camera].layers == 0:
                return
            time.sleep(0.1)
    raise BenchError(f"{camera} still gets demand, though it is unwatched")


def bare_loop(port: int, fps: float, counters_path: Path) -> None:
    """What a camera cannot do without: draw the test picture, encode, send."""
    import simplejpeg
    import zmq

    from camfan_config.types import Size
    from camfan_nodes.camera.pattern import Canvas

    canvas = Canvas("bare", Size(1280, 720))
    socket = zmq.Context().socket(zmq.PUB)
    socket.connect(f"tcp://127.0.0.1:{port}")
    with Counters(counters_path) as counters:
        due, sequence = time.monotonic(), 0
        while counters.command() is not Command.QUIT:
            time.sleep(max(0.0, due - time.monotonic()))
            due += 1 / fps
            canvas.draw(sequence, time.time_ns())
            y, u, v = canvas.planes.y, canvas.planes.u, canvas.planes.v
            socket.send(simplejpeg.encode_jpeg_yuv_planes(y, u, v, quality=80))
            sequence += 1
            counters.set_sent(0, sequence)


def drain(port: int) -> None:
    """Takes what comes, as a broker does."""
    import zmq

    socket = zmq.Context().socket(zmq.SUB)
    socket.subscribe(b"")
    socket.bind(f"tcp://127.0.0.1:{port}")
    while True:
        socket.recv(copy=False)


if __name__ == "__main__":
    die_with_parent()
    if sys.argv[1] == "loop":
        bare_loop(int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
    else:
        drain(int(sys.argv[2]))

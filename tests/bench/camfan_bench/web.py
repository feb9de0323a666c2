"""The web server: what it uses for each picture that reaches a page, with 1, 8 and 32 pages.

Two yardsticks: an aiohttp WebSocket that sends the same bytes at the same times to the same pages
out of memory, so that nothing is received, chosen, acknowledged or counted; and one that gets them
from a SUB socket at the broker, which is the least that anybody could do instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from camfan_bench.model import BenchError, Benchmark, Figures, Measure, Run, alternating
from camfan_bench.rig import bench_site, start, temporary_folder
from camfan_testing.ports import free_ports
from camfan_testing.processes import Process, camfan, running_broker
from camfan_testing.sites import TestSite

CAMERAS, FPS, SIZE = 4, 30.0, 100_000
CLIENTS = (1, 8, 32)
SECONDS = 3.0
REACH = 1.5
RUNS = 3


def benchmarks() -> list[Benchmark]:
    return [_benchmark(clients) for clients in CLIENTS]


def _name(clients: int) -> str:
    return f"web/cpu/{clients}-pages"


def _fed_name(clients: int) -> str:
    return f"web/cpu-fed/{clients}-pages"


def _benchmark(clients: int) -> Benchmark:
    bare, fed = "bare aiohttp WebSocket", "bare aiohttp WebSocket fed by a SUB"
    measures = (
        Measure(_name(clients), "us/frame", bare, "lower", REACH),
        Measure(_fed_name(clients), "us/frame", fed, "lower", REACH),
    )
    return Benchmark(measures, partial(_duel, clients), RUNS)


@contextmanager
def _duel(clients: int, length: float) -> Iterator[Run]:
    with temporary_folder() as folder, ExitStack() as stack:
        port, bare_port, relay_port = free_ports(3)
        site = bench_site(folder, CAMERAS, extra=f"web: {{listen: '127.0.0.1:{port}'}}")
        stack.enter_context(running_broker(site.path))
        ours = stack.enter_context(camfan("web", "--config", str(site.path)))
        ours.wait_for("open http")
        _start(stack, "cameras", "publishing", site=str(site.path), fps=FPS, size=SIZE)
        bare = _start(stack, "bare", "listening", port=bare_port, fps=FPS, size=SIZE)
        relay = _start(stack, "relay", "listening", port=relay_port, endpoint=_fanout(site))
        read = partial(_read, clients, SECONDS * length)
        name, fed = _name(clients), _fed_name(clients)
        read(ours, port, name, acknowledges=True)

        def one() -> Figures:
            found = read(ours, port, name, acknowledges=True)
            return {**found, fed: found[name]}

        def yardsticks() -> Figures:
            return {**read(relay, relay_port, fed), **read(bare, bare_port, name)}

        yield alternating(one, yardsticks)


def _fanout(site: TestSite) -> str:
    return f"tcp://127.0.0.1:{site.fanout}"


def _start(stack: ExitStack, role: str, word: str, **task: object) -> Process:
    text = json.dumps({"cameras": CAMERAS, **task})
    process = stack.enter_context(start("web_loads", role, text))
    process.wait_for(word)
    return process


def _read(
    clients: int,
    seconds: float,
    server: Process,
    port: int,
    name: str,
    *,
    acknowledges: bool = False,
) -> Figures:
    """µs of the server for each picture that came; and how many a second came to each page."""
    task = {
        "url": f"http://127.0.0.1:{port}", "pid": server.popen.pid, "clients": clients,
        "cameras": CAMERAS, "seconds": seconds, "acknowledges": acknowledges,
    }  # fmt: skip
    with start("web_loads", "pages", json.dumps(task)) as pages:
        found = json.loads(pages.wait_for("{", timeout=30 + seconds))
    if server.popen.poll() is not None or not found["frames"]:
        raise BenchError(f"no picture came:\n{server.output}")
    per_page = found["frames"] / found["seconds"] / clients
    return {name: 1e6 * found["cpu_s"] / found["frames"], "frames/s and page": per_page}

"""Frames per second by credit, in both modes, against the fan-out of the same frames.

The sinks speak to the delivery socket as a Subscriber does, and give back credit for each frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from camfan_bench.fanout import RUNS, SECONDS, WINDOW, lossless
from camfan_bench.model import Benchmark, Figures, Measure, Run, alternating
from camfan_bench.rig import Rig, Sinks, broker, rig, temporary_folder

SIZE, SUBSCRIBERS = 100_000, 4
# How many frames a sink says it can take, and how many it has had when it says so again.
CREDIT = {"latest": (16, 1), "every": (32, 8)}


def benchmarks() -> list[Benchmark]:
    return [
        Benchmark(
            (Measure(f"delivery-{mode}/100KB/4", "frames/s", "fanout", "higher", reach=0.6),),
            partial(_duel, f"delivery-{mode}/100KB/4", mode),
            runs=RUNS,
        )
        for mode in CREDIT
    ]


@contextmanager
def _duel(name: str, mode: str, length: float) -> Iterator[Run]:
    credit, back = CREDIT[mode]
    peers = Sinks("delivery", SUBSCRIBERS, {"mode": mode, "credit": credit, "back": back})
    with temporary_folder() as folder, ExitStack() as stack:
        rigs = []
        for sinks in (peers, Sinks("fanout", SUBSCRIBERS, {})):
            middle = stack.enter_context(broker(folder))
            rigs.append(stack.enter_context(rig(folder, middle, sinks, size=SIZE, window=WINDOW)))
        ours = partial(_every if mode == "every" else _latest, rigs[0], name, SECONDS * length)
        theirs = partial(lossless, rigs[1], name, SECONDS * length)
        for side in rigs:
            side.fill(SIZE)
        yield alternating(ours, theirs)


_every = lossless


def _latest(side: Rig, name: str, seconds: float) -> Figures:
    """What counts is what was delivered; frames may be skipped, but never the newest one."""
    flow = side.run(seconds)
    side.drain()
    skipped = flow.lost / max(sum(flow.received) + flow.lost, 1)
    return {
        name: flow.frames_per_s,
        "broker µs/frame": flow.cpu_us_per_frame,
        "skipped %": 100 * skipped,
    }

"""Readers come, leave, die or are rejected: a camera makes frames for the present ones only."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from camfan import Subscriber
from camfan_faults.rig import PATH, Rig, rig
from camfan_testing.live import wait_until
from camfan_testing.processes import Process

FPS = 20
SECTIONS = f"""cameras:
  one: {{source: test, fps: {FPS}, trickle: 2s}}"""
LISTENER = """
import sys, zmq
with zmq.Context() as context, context.socket(zmq.SUB) as reader:
    reader.connect(sys.argv[1])
    for topic in sys.argv[2:]:
        reader.subscribe(topic)
    while True:
        print(reader.recv_multipart()[0].decode(), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Demand:
    """What came of it."""

    idle_share: float  # of the pictures that were made while the camera was unwatched
    first_s: float  # from a subscriber's coming until it has a picture at all
    full_s: float  # until two came that follow each other: every picture is made again
    unaccounted: int  # captured - sent - unsent - unwanted - uplink - refused


def listener(site: Rig, *topics: str) -> Process:
    """Any program with a SUB socket at the fan-out."""
    endpoint = f"tcp://127.0.0.1:{site.ports['fanout']}"
    return Process([sys.executable, "-c", LISTENER, endpoint, *topics], env={"PYTHONPATH": PATH})


def come_and_go(folder: Path, idle_s: float = 4.0) -> Demand:
    """Two viewers, a duplicate subscription, a fan-out SUB and one that gets nothing."""
    with rig(folder, SECTIONS) as site:
        site.broker()
        site.node("camera", "one")
        with Subscriber(site.site, [], statuses=True, name="books") as books:

            def said(name: str) -> float:
                status = books.statuses.get("one")
                value = getattr(status.publisher, name) if status else None
                return float(value) if isinstance(value, int | float) else -1

            def asked_for() -> object:
                status = books.statuses.get("broker")
                return status.broker.cameras["one"].layers if status and status.broker else None

            _watch_and_leave(site)
            _wait(lambda: asked_for() == 0)
            _wait(lambda: said("unwanted") > 0)
            began = said("captured"), said("unwanted")
            _wait(lambda: said("captured") > began[0] + FPS * idle_s)
            captured, unwanted = said("captured") - began[0], said("unwanted") - began[1]

            come_s = time.monotonic()
            with Subscriber.every(site.site, "one", name="late") as late:
                before = late.read(10).sequence
                first_s = time.monotonic() - come_s
                while (sequence := late.read(10).sequence) != before + 1:
                    before = sequence
                full_s = time.monotonic() - come_s
            parts = ("sent", "unsent", "unwanted", "uplink", "refused")
            unaccounted = said("captured") - sum(said(part) for part in parts)
            return Demand(1 - unwanted / captured, first_s, full_s, round(unaccounted))


def _watch_and_leave(site: Rig) -> None:
    """One closes, one is killed, one subscribes twice and is killed, one asks for what is not."""
    site.reader("viewer", mode="latest")
    site.reader("second", mode="latest")
    with (
        listener(site, "frame/one/", "frame/one/", "frame/one/0/") as plain,
        listener(site, "frame/none/") as denied,
    ):
        plain.wait_for("frame/one/")
        for name in ("viewer", "second"):
            wait_until(lambda name=name: bool(site.received(name, "one")))  # type: ignore[misc]
        site.stop("viewer")
        site.kill("second")
        plain.stop(signal.SIGKILL)
        denied.stop(signal.SIGKILL)


def _wait(condition: Callable[[], bool]) -> None:
    wait_until(condition, 60)  # the broker takes a reader for gone after 10 s of silence

"""Subscribers that are stopped by SIGSTOP, for longer than every time-out, and go on."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from camfan_faults.ledger import Account, prove_every, prove_latest
from camfan_faults.rig import Rig, rig
from camfan_testing.live import wait_until

SECTIONS = """cameras:
  one: {source: custom, ring: 32MB}
  two: {source: custom, ring: 32MB}"""
CAMERAS = ("one", "two")
AWAKE = ("awake", "watching")
FRAME_BYTES = 30_000


@dataclass(frozen=True, slots=True)
class Stopped:
    """What came of it."""

    accounts: Mapping[str, Account]  # of the readers in mode `every`, by `<reader>/<camera>`
    most_bytes: int  # memory of the broker, meanwhile
    stale: int  # of the frames that a woken viewer got, how many were old


def stop_subscribers(
    folder: Path, count: int, seconds: float, *, memory: str = "128MB", fps: float = 15
) -> Stopped:
    """Half of them in `latest`, half in `every`; two others read on. Raises DoesNotAddUpError."""
    every = [f"sleeper-{number}" for number in range(count // 2)]
    latest = [f"dreamer-{number}" for number in range(count - count // 2)]
    with rig(folder, SECTIONS, memory=memory) as site:
        site.broker()
        for camera in CAMERAS:
            site.camera(camera, fps=fps, size=FRAME_BYTES)
        for name in (*every, "awake"):
            site.reader(name)
        for name in (*latest, "watching"):
            site.reader(name, mode="latest")
        for name in (*every, *latest, *AWAKE):
            wait_until(lambda name=name: bool(site.received(name, "two")))  # type: ignore[misc]
        for name in (*every, *latest):
            site.processes[name].send(signal.SIGSTOP)
        most = _watch_memory(site, seconds)
        woken_ns = time.monotonic_ns()
        for name in (*every, *latest):
            site.processes[name].send(signal.SIGCONT)
        for camera in CAMERAS:
            site.wait_captured(camera, 15)
        site.rest(*CAMERAS)
        for name in (*every, "awake"):
            site.wait_received(name, *CAMERAS)
        site.stop(*every, *latest, *AWAKE, *CAMERAS, "broker")
        accounts = {
            f"{name}/{camera}": prove_every(site.runs(camera), site.received(name, camera))
            for name in (*every, "awake")
            for camera in CAMERAS
        }
        for camera in CAMERAS:
            for name in (*latest, "watching"):
                assert prove_latest(site.runs(camera), site.received(name, camera))
        return Stopped(accounts, most, max(_stale(site, name, woken_ns) for name in latest))


def _watch_memory(site: Rig, seconds: float) -> int:
    pid, most, end = site.processes["broker"].popen.pid, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        most = max(most, resident_bytes(pid))
        time.sleep(0.1)
    return most


def resident_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").split("\n")
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def _stale(site: Rig, name: str, woken_ns: int) -> int:
    """Frames of camera one that came after the waking, and were captured a second before it."""
    captured_ns = site.runs("one")[0].captured_ns
    woken = [item for item in site.received(name, "one") if item.at_ns >= woken_ns]
    return sum(captured_ns[item.first] < woken_ns - 1_000_000_000 for item in woken)

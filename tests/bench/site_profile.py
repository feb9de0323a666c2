"""Where the CPU time of a whole site goes: `python tests/bench/site_profile.py`.

Eight cameras with the test picture (1280x720, 15 fps), a broker, one reader of mode `latest` and
one of `every`, all as processes. Prints CPU time per frame of each, measured without a profiler,
and then, measured with one, what broker and camera do for each frame: the functions that are
called at least once for every second frame, with the time in themselves. What a process does
once, at its start, cancels out: it is profiled twice, for different lengths of time.
"""

from __future__ import annotations

import argparse
import os
import pstats
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from camfan import Subscriber

READ = """
import signal, sys
from camfan import Subscriber
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with getattr(Subscriber, sys.argv[2])(sys.argv[1]) as frames:
    for _ in frames:
        pass
"""
# cProfile sees one thread; this sees all that are started through `threading`.
PROFILE = """
import cProfile, pstats, runpy, sys, threading
profiles = [cProfile.Profile()]
def begin(*_):
    sys.setprofile(None)
    profiles.append(cProfile.Profile())
    profiles[-1].enable()
threading.setprofile(begin)
result, module, sys.argv[1:] = sys.argv[1], sys.argv[2], sys.argv[3:]
profiles[0].enable()
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
finally:
    pstats.Stats(*profiles).dump_stats(result)
"""
SHORT_S = 5.0  # of the shorter of two profiles
PORTS = "ports: {ingest: 18550, fanout: 18551, delivery: 18552}"


@dataclass(frozen=True, slots=True)
class Load:
    cameras: int
    fps: float
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--fps", type=float, default=15)
    parser.add_argument("--seconds", type=float, default=20)
    args = parser.parse_args()
    load = Load(args.cameras, args.fps, args.seconds)
    with tempfile.TemporaryDirectory() as folder:
        site = write_site(Path(folder), load)
        measure(site, load)
        for name in ("broker", "cam0"):
            print(f"\n{name}, profiled:")
            print(profile(site, load, name))


def write_site(folder: Path, load: Load) -> Path:
    cameras = "".join(
        f"  cam{n}: {{source: test, size: 1280x720, fps: {load.fps}}}\n"
        for n in range(load.cameras)
    )
    path = folder / "site.yaml"
    path.write_text(
        f"version: 1\nsite: profile\nbroker: {{{PORTS}, http: null}}\ncameras:\n{cameras}"
    )
    return path


def commands(site: Path, load: Load, profiled: str = "") -> dict[str, list[str]]:
    """The processes of the site; one of them under cProfile, if asked for."""
    config = ["--config", str(site)]
    found = {"broker": ["-m", "camfan_broker", *config]}
    for n in range(load.cameras):
        found[f"cam{n}"] = ["-m", "camfan_nodes", "camera", f"cam{n}", *config]
    if profiled:
        result = str(site.parent / "profile")
        found[profiled] = ["-c", PROFILE, result, *found[profiled][1:]]
    for mode in ("latest", "every"):
        found[mode] = ["-c", READ, str(site), mode]
    return {name: [sys.executable, *command] for name, command in found.items()}


class Site:
    """The processes, running; all frames flow when it is entered."""

    def __init__(self, site: Path, load: Load, profiled: str = "") -> None:
        self._site = site
        self._commands = commands(site, load, profiled)
        self._stack = ExitStack()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Site:
        for name, command in self._commands.items():
            process = subprocess.Popen(
                command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
            self.processes[name] = process
        self.broker = self._stack.enter_context(
            Subscriber(self._site, ["cam0"], max_fps=0.5, statuses=True)
        )
        cameras = {name for name in self._commands if name.startswith("cam")}
        while True:
            self.broker.read(60)
            status = self.broker.statuses.get("broker")
            figures = status.broker if status else None
            if figures and all(figures.cameras[name].state == "live" for name in cameras):
                return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            process.wait(20)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(site: Path, load: Load) -> None:
    with Site(site, load) as running:
        before = {name: cpu_seconds(p.pid) for name, p in running.processes.items()}
        start = time.monotonic()
        time.sleep(load.seconds)  # the time that is measured
        seconds = time.monotonic() - start
        used = {n: cpu_seconds(p.pid) - before[n] for n, p in running.processes.items()}
    frames = load.fps * seconds
    cameras = [used[name] for name in used if name.startswith("cam")]
    rows: Sequence[tuple[str, float, float]] = (
        ("broker", used["broker"], frames * load.cameras),
        ("a camera", sum(cameras) / len(cameras), frames),
        ("reader, latest", used["latest"], frames * load.cameras),
        ("reader, every", used["every"], frames * load.cameras),
    )
    print(f"{load.cameras} cameras x {load.fps:g} fps of 1280x720, {seconds:.0f} s, two readers")
    print(f"{'':18}{'% of a core':>12}{'µs a frame':>12}")
    for name, cpu, count in rows:
        print(f"{name:18}{100 * cpu / seconds:12.1f}{1e6 * cpu / count:12.0f}")


Function = tuple[str, int, str]  # file, line, name


def profile(site: Path, load: Load, name: str) -> str:
    """What it does for each frame, as a table."""
    short, long = (profiled(site, load, name, seconds) for seconds in (SHORT_S, load.seconds))
    frames = load.fps * (load.seconds - SHORT_S) * (load.cameras if name == "broker" else 1)
    rows: list[tuple[float, float, Function]] = []
    for function, (calls, own_s) in long.items():
        calls_before, own_before_s = short.get(function, (0, 0.0))
        rows.append(
            ((calls - calls_before) / frames, 1e6 * (own_s - own_before_s) / frames, function)
        )
    lines = [f"{'calls a frame':>13}{'µs a frame':>12}  function"]
    for calls_each, own_us, (file, line, name) in sorted(rows, key=lambda row: -row[1]):
        if calls_each >= 0.5:
            place = "" if file == "~" else f"  {'/'.join(Path(file).parts[-2:])}:{line}"
            lines.append(f"{calls_each:13.1f}{own_us:12.1f}  {name}{place}")
    return "\n".join(lines)


def profiled(
    site: Path, load: Load, name: str, seconds: float
) -> dict[Function, tuple[int, float]]:
    """Of each function, how often it was called, and the seconds in itself."""
    with Site(site, load, name):
        time.sleep(seconds)  # the time that is profiled
    # typeshed does not know of the attribute that print_stats itself reads
    found: dict[Function, tuple[int, int, float, float, object]]
    found = pstats.Stats(str(site.parent / "profile")).stats  # type: ignore[attr-defined]
    return {function: (calls, own_s) for function, (_, calls, own_s, _, _) in found.items()}


if __name__ == "__main__":
    main()

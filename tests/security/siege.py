"""Sixteen attackers with valid keys at once: `python tests/security/siege.py [--minutes N]`.

Beside them 8 cameras of 15 frames a second, a recorder and four viewers. At the end: no honest
frame was lost, the viewers' pictures were hardly older than without the attack, and the broker
kept to its memory. Prints the figures; exits with 1 if one of these does not hold.
"""

from __future__ import annotations

import argparse
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

from camfan import load_site  # noqa: E402 - the path first
from camfan_testing.attacks import ATTACKS, OF_CAMERAS  # noqa: E402
from camfan_testing.bystanders import Bystanders  # noqa: E402
from camfan_testing.processes import Process, camfan, running_broker  # noqa: E402
from camfan_testing.security import secure_site  # noqa: E402

CAMERAS = [f"yard-{number}" for number in range(8)]
ATTACKERS = 16
MEMORY_MB = 256
CALM_S, STEP_S = 20.0, 5.0
FRESH_S = 0.25  # below it a picture is fresh, however young it was before


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="how long the attack lasts")
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory(prefix="camfan-siege-") as name, ExitStack() as stack:
        folder = Path(name)
        attacks = [sorted(ATTACKS)[number % len(ATTACKS)] for number in range(ATTACKERS)]
        path = _site(folder, attacks)
        broker = stack.enter_context(running_broker(path))
        recorder = stack.enter_context(camfan("recorder", "archive", "--config", str(path)))
        others = stack.enter_context(Bystanders(load_site(path), CAMERAS, viewers=4))
        used_s = _threads_s(broker)
        time.sleep(CALM_S)
        calm_s = others.p99_s()
        print(f"before: p99 of age {calm_s * 1e3:.1f} ms, {_usage(broker, used_s, CALM_S)}")
        worst_s, highest_mb = _besiege(path, attacks, minutes * 60, broker, others)
        lost = others.lost() + _gaps(folder / "recordings")
        recorder.stop()
    print(f"after: p99 of age {worst_s * 1e3:.1f} ms, memory at most {highest_mb:.0f} MB")
    print(f"{others.frames()} frames to the reader of every frame; lost: {lost or 'none'}")
    named = {line for line in broker.lines if "refused:" in line or "suspended:" in line}
    print("\n".join(sorted(named)[:60]))
    held = not lost and highest_mb < MEMORY_MB and worst_s <= max(2 * calm_s, FRESH_S)
    print("held" if held else "NOT held")
    return 0 if held else 1


def _site(folder: Path, attacks: list[str]) -> Path:
    """Each attacker has a key of its own: a camera's, or that of a viewer of everything."""
    names = [f"attacker-{number}" for number in range(len(attacks))]
    cameras = [n for n, attack in zip(names, attacks, strict=True) if attack in OF_CAMERAS]
    viewers = [name for name in names if name not in cameras]
    access = "\n".join(f'    {name}: {{view: "*", publish_events: true}}' for name in viewers)
    recorder = f"recorders: {{archive: {{path: {folder}/recordings, cameras: ['yard-*']}}}}"
    return secure_site(
        folder,
        *CAMERAS,
        *cameras,
        extra=recorder,
        access=f"\n  access:\n{access}\n",
        nodes=("archive", *viewers),
        memory=f"{MEMORY_MB}MB",
    ).path


def _besiege(
    path: Path, attacks: list[str], seconds: float, broker: Process, others: Bystanders
) -> tuple[float, float]:
    """The worst p99 of the steps, and the most memory of the broker."""
    ages_s: list[float] = []
    highest_mb = 0.0
    with _attackers(path, attacks, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            used_s = _threads_s(broker)
            time.sleep(STEP_S)
            ages_s.append(others.p99_s())
            highest_mb = max(highest_mb, _resident_mb(broker))
            print(f"  p99 {ages_s[-1] * 1e3:7.1f} ms, {_usage(broker, used_s, STEP_S)}")
    ages_s.sort()
    return ages_s[len(ages_s) // 2], highest_mb


@contextmanager
def _attackers(path: Path, attacks: list[str], seconds: float) -> Iterator[None]:
    script = str(HERE / "attack.py")
    with ExitStack() as stack:
        for number, attack in enumerate(attacks):
            command = [sys.executable, script, attack, str(path), "--key", f"attacker-{number}"]
            process = subprocess.Popen(
                [*command, "--seconds", str(seconds)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
        yield


def _resident_mb(process: Process) -> float:
    pages = int(Path(f"/proc/{process.popen.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def _threads_s(process: Process) -> dict[str, float]:
    """Seconds of processor time of each thread so far: loop, network, gatekeeper, health."""
    found: dict[str, float] = {}
    for number, task in enumerate(sorted(Path(f"/proc/{process.popen.pid}/task").iterdir())):
        name, _, numbers = (task / "stat").read_text().rpartition(")")
        kind = "network" if "ZMQbg" in name else "loop" if number == 0 else "others"
        fields = numbers.split()
        ticks = int(fields[11]) + int(fields[12])
        found[kind] = found.get(kind, 0.0) + ticks / os.sysconf("SC_CLK_TCK")
    return found


def _usage(process: Process, before_s: dict[str, float], passed_s: float) -> str:
    """Memory, and the share of a processor that each of the broker's threads has taken."""
    shares = [
        f"{kind} {(used_s - before_s.get(kind, 0.0)) / passed_s:.0%}"
        for kind, used_s in _threads_s(process).items()
    ]
    return f"memory {_resident_mb(process):4.0f} MB; {', '.join(shares)}"


def _gaps(folder: Path) -> list[tuple[str, int, int, str]]:
    """What the recorder misses, as its index says."""
    with sqlite3.connect(f"file:{folder / 'index.sqlite'}?mode=ro", uri=True) as index:
        found = index.execute("SELECT camera, first, last, reason FROM gaps")
        return [row for row in found if row[3] not in ("unwanted", "before-recorder")]


if __name__ == "__main__":
    sys.exit(main())

"""Two hosts on one machine: network namespaces with a cable between them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from camfan_testing.processes import Process

HUB, PI = "10.97.31.1", "10.97.31.2"
CAMFAN = (sys.executable, "-m", "camfan_nodes")


@contextmanager
def two_hosts() -> Iterator[tuple[str, str]]:
    """Network namespaces for the hub and a Pi, with a cable between them; their names."""
    hub, pi = f"camfan-hub-{os.getpid()}", f"camfan-pi-{os.getpid()}"
    ends = f"cfh{os.getpid()}"[:15], f"cfp{os.getpid()}"[:15]
    if not _ip("netns", "add", hub):
        pytest.skip("network namespaces cannot be made here; that needs root")
    try:
        steps = [
            ("netns", "add", pi),
            ("link", "add", ends[0], "netns", hub, "type", "veth", "peer", ends[1], "netns", pi),
            ("-n", hub, "addr", "add", f"{HUB}/24", "dev", ends[0]),
            ("-n", pi, "addr", "add", f"{PI}/24", "dev", ends[1]),
            *(("-n", n, "link", "set", d, "up") for n, d in ((hub, ends[0]), (pi, ends[1]))),
            *(("-n", n, "link", "set", "lo", "up") for n in (hub, pi)),
        ]
        if not all(_ip(*step) for step in steps):
            pytest.skip("no virtual cable can be laid here; that needs the kernel's veth")
        yield hub, pi
    finally:
        _ip("netns", "del", hub)
        _ip("netns", "del", pi)


def _ip(*arguments: str) -> bool:
    try:
        return subprocess.run(["ip", *arguments], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def on(host: str, folder: Path, *command: str) -> Process:
    return Process(["ip", "netns", "exec", host, *command], cwd=folder)


def done(host: str, folder: Path, arguments: Sequence[str]) -> str:
    with on(host, folder, *CAMFAN, *arguments) as process:
        assert process.wait(60) == 0, process.output
        return process.output

"""Five commands turn a site into an encrypted one on two hosts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from camfan_testing.live import wait_until
from camfan_testing.processes import Process
from camfan_wire.keys import read_pair

pytestmark = pytest.mark.long

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


@pytest.mark.timeout(240)  # eight processes of camfan start one after the other
def test_five_commands_encrypt_a_site_on_two_hosts(tmp_path: Path) -> None:
    """Of the demonstration's cameras one runs on the hub and one on a Pi; no other client sees
    either, and no picture is readable on the cable between them."""
    hub_folder, pi_folder = tmp_path / "hub", tmp_path / "pi"
    hub_folder.mkdir()
    pi_folder.mkdir()
    (hub_folder / "site.yaml").write_text(
        f"""version: 1
site: demo
broker: {{host: {HUB}, http: null, memory: 64MB}}
cameras:
  test: {{source: test, size: 320x240, fps: 15}}
  porch: {{host: {PI}, source: test, size: 320x240, fps: 15}}
"""
    )
    with two_hosts() as (hub, pi):
        done(hub, hub_folder, ["keys", "new"])  # 1, on the hub
        (pi_folder / "site.yaml").write_bytes((hub_folder / "site.yaml").read_bytes())  # 2: scp
        with on(hub, hub_folder, *CAMFAN, "up", "--host", HUB) as up:  # 3
            up.wait_for("encrypted; ")
            up.wait_for("test is live", 60)
            with on(hub, hub_folder, *CAMFAN, "keys", "invite", "porch") as invite:  # 4
                code = invite.wait_for("camfan keys join ").split()[-1]
                done(pi, pi_folder, ["keys", "join", code])  # 5, on the Pi
                assert invite.wait(60) == 0, invite.output
            with on(pi, pi_folder, *CAMFAN, "up", "--host", PI):  # as on the hub
                up.wait_for("porch is live", 60)
                table = ["top", "--once"]  # of what the broker said last, each 2 s
                wait_until(lambda: "2 live" in done(hub, hub_folder, table), 30)
            strangers = subprocess.run(
                ["ip", "netns", "exec", pi, sys.executable, "-c", STRANGER, HUB],
                capture_output=True,
                text=True,
                timeout=60,
            )
        assert strangers.stdout.strip() == "nothing", strangers.stderr
        assert not (hub_folder / "keys/porch.secret").exists()
        assert read_pair(pi_folder / "keys/porch.secret").secret.decode() not in up.output


STRANGER = """
import sys, zmq
socket = zmq.Context().socket(zmq.SUB)
socket.linger = 0
socket.subscribe(b"")
socket.connect(f"tcp://{sys.argv[1]}:5551")
print("something" if socket.poll(3000) else "nothing")
"""

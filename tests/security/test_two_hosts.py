"""Five commands turn a site into an encrypted one on two hosts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from camfan_testing.hosts import CAMFAN, HUB, PI, done, on, two_hosts
from camfan_testing.live import wait_until
from camfan_wire.keys import read_pair

pytestmark = pytest.mark.long


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

"""An attacker with a valid key costs the others nothing: no frame, little age, bounded memory."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from camfan import load_site
from camfan_testing.attacks import ATTACKS, OF_CAMERAS
from camfan_testing.bystanders import Bystanders
from camfan_testing.live import wait_until
from camfan_testing.processes import Process, running_broker
from camfan_testing.security import secure_site

pytestmark = pytest.mark.long

SCRIPT = Path(__file__).with_name("attack.py")
MEMORY_MB = 160
OF_OWN_CAMERA = ("scan-bombs", "invalid-frames")
CALM_FRAMES, ATTACKED_FRAMES = 60, 150  # of one camera: 4 s and 10 s
BOUNDED = ("hello-and-gone", "hello-and-bye", "requests-within-the-share")  # and never refused
NOTICEABLE_S = 0.25  # an age below it is fresh, however short it was before


def resident_mb(process: Process) -> float:
    pages = int(Path(f"/proc/{process.popen.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


@pytest.mark.timeout(180)
@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_the_others_do_not_notice(tmp_path: Path, attack: str) -> None:
    key = "two" if attack in OF_CAMERAS else "lab"
    written = secure_site(tmp_path, "one", "two", memory=f"{MEMORY_MB}MB")
    site = load_site(written.path)
    with running_broker(written.path) as broker, Bystanders(site, ["one"]) as others:
        _wait_for_frames(others, CALM_FRAMES)
        calm_s, highest = others.p99_s(), resident_mb(broker)
        command = [sys.executable, str(SCRIPT), attack, str(written.path), "--key", key]
        with subprocess.Popen(
            [*command, "--seconds", "10"], stdout=subprocess.DEVNULL, start_new_session=True
        ) as attacker:
            while attacker.poll() is None:
                _wait_for_frames(others, 2)
                highest = max(highest, resident_mb(broker))
        _wait_for_frames(others, 10)
        attacked_s = others.p99_s()
        assert not others.lost()
        assert highest < MEMORY_MB
        assert attacked_s <= max(2 * calm_s, NOTICEABLE_S)
        named = "frames of two" if attack in OF_OWN_CAMERA else f"(refused|suspended): {key}"
        if attack not in BOUNDED:
            assert re.search(named, broker.output)
        assert attacker.returncode == 0


def _wait_for_frames(others: Bystanders, count: int) -> None:
    until = others.frames() + count
    wait_until(lambda: others.frames() >= until, 60)

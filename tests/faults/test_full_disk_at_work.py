"""A disk of 200 MB that another program fills while a recorder works on it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from camfan.recording.queries import IndexReader
from camfan.recording.schema import connect_to_read
from camfan_faults.ledger import in_order, prove_every, recorded
from camfan_faults.rig import SETTLE_S, Rig, rig
from camfan_testing.live import wait_until

SECTIONS = """cameras:
  one: {source: custom}
  two: {source: custom}
recorders:
  archive: {path: archive, cameras: "*", segment: 2s, sync: 2s, keep: {%s}}"""
CAMERAS = ("one", "two")
FULL = "disk-full"
MIN_FREE = 60_000_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 200 MB, where the recorder of the site has its folder."""
    folder = tmp_path / "archive"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200m", "camfan-test", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def start(site: Rig, size: int) -> None:
    site.broker()
    site.reader("follower")
    site.recorder("archive")
    for camera in CAMERAS:
        site.camera(camera, size=size)
    for camera in CAMERAS:
        site.wait_captured(camera, 45)
    wait_until(lambda: set(site.recorded_to("archive")) == set(CAMERAS), SETTLE_S)


def free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def fill(folder: Path, left: int = 0) -> Path:
    """What another program does: take all of the disk but `left` bytes."""
    ballast, block = folder / "ballast", bytes(1_000_000)
    with ballast.open("wb", buffering=0) as file:
        try:
            while (more := free(folder) - left) > 0:
                file.write(block[:more])
        except OSError:
            assert left == 0
    return ballast


def export(folder: Path) -> subprocess.CompletedProcess[str]:
    words = ["recordings", "export", "--path", str(folder), "--camera", "one", "--from", "1h ago"]
    command = [sys.executable, "-m", "camfan_nodes", *words, "--output", str(folder / "one.zip")]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.long
def test_a_disk_that_is_filled_costs_the_recorder_alone(tmp_path: Path, disk: Path) -> None:
    """Followers have every frame; what the recorder lost is a gap, and it goes on by itself."""
    with rig(tmp_path, SECTIONS % "age: 1h") as site:
        start(site, 20_000)
        ballast = fill(disk)
        site.processes["archive"].wait_for("nothing is recorded", SETTLE_S)
        exported = export(disk)
        assert exported.returncode != 0
        assert "the disk is full" in exported.stderr
        assert "Traceback" not in exported.stderr
        assert list(disk.glob("*one.zip*")) == []
        for camera in CAMERAS:
            site.wait_captured(camera, 30)
        ballast.unlink()
        site.processes["archive"].wait_for("recording again", SETTLE_S)
        for camera in CAMERAS:
            site.wait_captured(camera, 30)
        site.rest(*CAMERAS)
        site.wait_received("follower", *CAMERAS)
        site.wait_recorded("archive", *CAMERAS)
        site.stop("archive", "follower", *CAMERAS, "broker")

        for camera in CAMERAS:
            runs = site.runs(camera)
            assert not prove_every(runs, site.received("follower", camera)).lost
            account = prove_every(runs, in_order(runs, recorded(disk, camera)))
            assert set(account.lost) == {FULL}
            assert account.delivered > 60
            assert account.held == 0
    with closing(connect_to_read(disk / "index.sqlite")) as db:
        states = [event.state for event in IndexReader(db).events() if event.kind == FULL]
    assert states == ["start", "end"] * (len(states) // 2)
    assert states


@pytest.mark.long
def test_recordings_give_way_to_another_program(tmp_path: Path, disk: Path) -> None:
    """`min_free` holds within a file of each camera, and nothing is lost for it."""
    with rig(tmp_path, SECTIONS % f"min_free: {MIN_FREE // 1_000_000}MB") as site:
        start(site, 100_000)
        used = free(disk)
        wait_until(lambda: free(disk) < used - 30_000_000, SETTLE_S)
        fill(disk, MIN_FREE - 15_000_000)
        wait_until(lambda: free(disk) >= MIN_FREE, SETTLE_S)
        least = free(disk)
        end = site.captured("one") + 75
        while site.captured("one") < end:
            least = min(least, free(disk))
        site.rest(*CAMERAS)
        site.wait_recorded("archive", *CAMERAS)
        assert "nothing is recorded" not in site.processes["archive"].output
        site.stop("archive", "follower", *CAMERAS, "broker")
        with closing(connect_to_read(disk / "index.sqlite")) as db:
            longest = max(row.bytes for row in IndexReader(db).segments())
            assert not [gap for camera in CAMERAS for gap in IndexReader(db).gaps(camera)]

    assert least >= MIN_FREE - len(CAMERAS) * 2 * longest

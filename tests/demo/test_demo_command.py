"""`camfan demo` as a command."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from camfan import load_site
from camfan_nodes.demo.clip import CLIP
from camfan_nodes.demo.site import PortTakenError, check_ports, demo_site_file
from camfan_testing.data import shared
from camfan_testing.processes import camfan

NO_SCREEN = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The demonstration has fixed ports: one test at a time, on a machine that leaves them free."""
    monkeypatch.setenv("DEMO_RECORDINGS", str(tmp_path))
    lock = Path(tempfile.gettempdir()) / f"camfan-demo-ports-{os.getuid()}.lock"
    with lock.open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        try:
            check_ports(load_site(demo_site_file()))
        except PortTakenError as exc:
            pytest.skip(f"{exc}; the demonstration cannot be tried")
        yield


def ignore(done: int, total: int) -> None:
    """The progress is not shown here."""


@pytest.fixture
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from camfan_nodes.demo.clip import write_clip

    path = tmp_path_factory.getbasetemp() / CLIP
    if not path.is_file():
        write_clip(path, ignore)
    return path


@pytest.mark.usefixtures("free")
def test_one_command_shows_the_whole_system(tmp_path: Path, clip: Path) -> None:
    """Two cameras are live, they are recorded, something moves; one signal ends it all."""
    (tmp_path / ".demo").mkdir()
    shutil.copy(clip, tmp_path / ".demo" / CLIP)

    with camfan("demo", "--no-window", cwd=tmp_path, env=NO_SCREEN) as demo:
        assert demo.wait_for("Showing a drawn scene.")
        assert demo.wait_for("open http://127.0.0.1:8080", timeout=40)
        assert demo.wait_for("2 live. Open http://127.0.0.1:8080", timeout=40)
        with urllib.request.urlopen(
            "http://127.0.0.1:8080/snapshot/scene.jpg", timeout=20
        ) as answer:
            assert answer.read(2) == b"\xff\xd8"

        assert demo.stop(signal.SIGINT) == 0

        assert "Its recordings (2 GB at most) are in .demo/recordings." in demo.lines[-1]
        assert "Traceback" not in demo.output
    left = subprocess.run(["pgrep", "-f", str(demo_site_file())], capture_output=True, check=False)
    assert not left.stdout
    assert list((tmp_path / ".demo" / "recordings").rglob("*.mkv"))


@pytest.mark.long  # starts all of the demonstration once more
@pytest.mark.usefixtures("free")
def test_it_films_the_video_that_is_named(tmp_path: Path) -> None:
    """Any that can be played: `make test VIDEO=…` tries yours."""
    named = os.environ.get("VIDEO")  # make hands it on
    footage = Path(named).absolute() if named else shared("video/vtest.avi")

    with camfan("demo", "--video", str(footage), "--no-window", cwd=tmp_path) as demo:
        assert demo.wait_for(f"Showing the video {footage}")
        assert demo.wait_for("scene is live", timeout=40)
        assert demo.stop() == 0


def test_a_video_that_is_not_there_starts_nothing(tmp_path: Path) -> None:
    """One sentence, exit code 69."""
    with camfan("demo", "--video", "nothing.mp4", cwd=tmp_path) as demo:
        assert demo.wait() == 69
        assert len(demo.lines) == 1
        assert "nothing.mp4" in demo.output

"""`camfan view` as a command."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from camfan import load_site
from camfan_nodes.monitor.site_listener import SiteListener
from camfan_testing.live import wait_until
from camfan_testing.processes import camfan, running_broker
from camfan_testing.sites import custom_cameras, write_site

DUMMY = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}


def test_it_subscribes_and_ends_with_a_signal(tmp_path: Path) -> None:
    """The window of a running site is a subscriber; a signal closes it, exit code 0."""
    path = write_site(tmp_path, custom_cameras("yard", "gate")).path
    with (
        running_broker(path),
        SiteListener(load_site(path)) as listener,
        camfan("view", "yard", "--config", str(path), env=DUMMY) as window,
    ):
        wait_until(
            lambda: any(one.name.startswith("viewer-") for one in listener.facts().subscribers)
        )

        assert window.stop(signal.SIGINT) == 0
        assert window.output == ""


def test_an_unknown_camera_is_named_with_what_was_meant(tmp_path: Path) -> None:
    """Exit code 78, and the nearest name there is."""
    path = write_site(tmp_path, custom_cameras("driveway")).path

    with camfan("view", "driveawy", "--config", str(path), env=DUMMY) as window:
        assert window.wait() == 78
        assert "no camera 'driveawy'; did you mean 'driveway'?" in window.output


def test_without_a_site_file_it_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One rule for all commands: --config, $CAMFAN_SITE, ./site.yaml."""
    monkeypatch.delenv("CAMFAN_SITE", raising=False)

    with camfan("view", cwd=tmp_path, env=DUMMY) as window:
        assert window.wait() == 78
        assert "there is no site.yaml in this folder" in window.output
        assert "$CAMFAN_SITE" in window.output


@pytest.mark.parametrize(
    "command", [["camera", "a"], ["recorder", "a"], ["motion", "a"], ["reload"], ["top"]]
)
def test_the_other_commands_look_for_it_in_the_same_places(
    command: list[str], tmp_path: Path
) -> None:
    """$CAMFAN_SITE here, whose mistake is then said."""
    path = tmp_path / "broken.yaml"
    path.write_text("version: 1\n")

    with camfan(*command, cwd=tmp_path, env={"CAMFAN_SITE": str(path)}) as process:
        assert process.wait() == 78
        assert "broken.yaml:1:1" in process.output


def test_without_a_display_it_says_so(tmp_path: Path) -> None:
    """A sentence and exit code 69, no traceback."""
    path = write_site(tmp_path, custom_cameras("yard")).path
    nowhere = {"SDL_VIDEODRIVER": "x11", "DISPLAY": "", "WAYLAND_DISPLAY": ""}

    with camfan("view", "--config", str(path), env=nowhere) as window:
        assert window.wait() == 69
        assert "no window can be opened here" in window.output
        assert "Traceback" not in window.output


def test_without_any_screen_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SDL would draw on no screen."""
    path = write_site(tmp_path, custom_cameras("yard")).path
    for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)

    with camfan("view", "--config", str(path)) as window:
        assert window.wait() == 69
        assert "camfan top" in window.output


def test_without_pygame_it_says_how_to_get_it(tmp_path: Path) -> None:
    """The extra by its name, and exit code 69."""
    path = write_site(tmp_path, custom_cameras("yard")).path
    (tmp_path / "pygame.py").write_text("raise ImportError('not installed')\n")

    with camfan("view", "--config", str(path), env={"PYTHONPATH": str(tmp_path)}) as window:
        assert window.wait() == 69
        assert "in camfan's source tree, pip install '.[desktop]'" in window.output

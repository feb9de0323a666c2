"""`camfan top` as a command."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from rich.console import Console

from camfan import Publisher
from camfan_nodes.monitor.screen import show
from camfan_nodes.monitor.site_listener import SiteListener
from camfan_testing.live import Camera, LiveBroker, publish_first, wait_until
from camfan_testing.processes import camfan, running_broker
from camfan_testing.sites import custom_cameras, write_site
from camfan_testing.terminal import Terminal


def test_it_prints_the_site_once_without_a_terminal(tmp_path: Path) -> None:
    """Into a pipe there is one table, and exit code 0."""
    path = write_site(tmp_path, custom_cameras("yard", "gate")).path
    with running_broker(path), Camera(path, "yard") as yard:
        wait_until(lambda: len(yard.sent) > 3)

        with camfan("top", "--config", str(path)) as top:
            assert top.wait() == 0
            assert "testing" in top.output
            assert "yard" in top.wait_for("yard")
            assert "broker" in top.output


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (40, 15)])
def test_on_a_terminal_it_scrolls_and_ends_with_q(tmp_path: Path, size: tuple[int, int]) -> None:
    """It says how much more there is; keys bring it; the terminal is then as it was."""
    names = [f"camera-{number:02}-with-a-long-name" for number in range(40)]
    path = write_site(tmp_path, custom_cameras(*names)).path
    command = [sys.executable, "-m", "camfan_nodes", "top", "--config", str(path)]
    with running_broker(path), Terminal(command, size=size) as terminal:
        wait_until(lambda: "more below" in terminal.shown() and "q ends it" in terminal.shown())
        assert "camera-39" not in terminal.shown()

        terminal.press(b"\x1b[6~")
        wait_until(lambda: "more above" in terminal.shown())
        terminal.press(b"G")
        wait_until(lambda: " below" not in terminal.shown().split("more above")[-1])
        assert "camera-39" in terminal.shown()
        terminal.press(b"q")
        wait_until(lambda: terminal.popen.poll() is not None)

        assert terminal.popen.wait() == 0
        assert "\x1b[?1049l" in terminal.shown()  # the screen that was there before


def test_without_a_broker_it_says_so(tmp_path: Path) -> None:
    """Exit code 69, and what would start one."""
    path = write_site(tmp_path, custom_cameras("yard")).path

    with camfan("top", "--once", "--config", str(path)) as top:
        assert top.wait() == 69
        assert "does not answer; is it running? `camfan up`" in top.output


def test_a_wrong_site_file_is_said(tmp_path: Path) -> None:
    """Exit code 78."""
    with camfan("top", "--config", str(tmp_path / "none.yaml")) as top:
        assert top.wait() == 78
        assert "none.yaml" in top.output
        assert "Traceback" not in top.output


def test_events_and_statuses_of_a_running_site_come_together(live: LiveBroker) -> None:
    """A camera that is live, and something that moves before it."""
    with SiteListener(live.site) as listener, Publisher(live.site, "one") as camera:
        publish_first(camera)
        identity = camera.event("motion", "start")
        wait_until(lambda: bool(camera.publish(picture())) and moving(listener))

        camera.event("motion", "end", id=identity)
        wait_until(lambda: bool(camera.publish(picture())) and not moving(listener))


def moving(listener: SiteListener) -> bool:
    return any(row.moving for row in listener.facts().cameras if row.name == "one")


def picture() -> bytes:
    from camfan_testing.jpegs import jpeg

    return jpeg()


def test_the_live_table_is_drawn_until_it_is_stopped(
    live: LiveBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """And keeps saying that the broker is away, as long as it is."""
    stop = threading.Event()
    console = Console(force_terminal=True, width=100, height=30)
    with SiteListener(live.site) as listener:
        thread = threading.Thread(target=show, args=(listener, console, stop, "Log: here"))
        thread.start()
        seen: list[str] = []

        def drawn(text: str) -> bool:
            seen.append(capsys.readouterr().out)
            return text in "".join(seen)

        wait_until(lambda: drawn("0 of 2 live") and drawn("Log: here"))
        stop.set()
        thread.join()

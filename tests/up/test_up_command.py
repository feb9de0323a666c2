"""`camfan up` as a command, with a real broker and real cameras."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from camfan_testing.live import wait_until
from camfan_testing.processes import Process, camfan
from camfan_testing.sites import TestSite, write_site
from camfan_testing.terminal import Terminal

CAMFAN = [sys.executable, "-m", "camfan_nodes"]
CAMERAS = "cameras:\n  one: {source: test, size: 160x120, fps: 5}\n"
TWO_HOSTS = """version: 1
site: farm
broker: {host: hub.invalid}
security: {insecure: true}
cameras:
  porch: {source: test, host: porch-pi}
"""


def children_of(pid: int) -> set[int]:
    """All processes below one, by what the kernel says."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found |= {int(child)} | children_of(int(child))
    return found


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def running(site: TestSite, *arguments: str) -> Process:
    return camfan("up", str(site.path), *arguments)


def on_terminal(*arguments: str, env: dict[str, str] | None = None) -> Terminal:
    return Terminal([*CAMFAN, "up", *arguments], env)


def test_a_whole_site_runs_and_ends_with_one_signal(tmp_path: Path) -> None:
    """Broker and camera are up, each line says whose it is; SIGINT ends all, exit code 0."""
    site = write_site(tmp_path, CAMERAS)
    with running(site) as up:
        assert up.wait_for("testing on localhost: broker, one")
        assert up.wait_for("one is live").startswith("broker | ")
        below = children_of(up.popen.pid)
        assert len(below) == 2

        assert up.stop(signal.SIGINT) == 0

        assert not any(is_there(pid) for pid in below)


def test_killing_it_leaves_nothing_running(tmp_path: Path) -> None:
    """kill -9 of `up` takes the whole site with it."""
    site = write_site(tmp_path, CAMERAS)
    with running(site) as up:
        up.wait_for("one is live")
        below = children_of(up.popen.pid)

        up.stop(signal.SIGKILL)

        wait_until(lambda: not any(is_there(pid) for pid in below))


def test_a_camera_that_is_killed_comes_back(tmp_path: Path) -> None:
    """After a second, and it is said."""
    site = write_site(tmp_path, CAMERAS)
    with running(site) as up:
        up.wait_for("one is live")
        before = children_of(up.popen.pid)
        camera = next(pid for pid in before if b"\0camera\0" in command_of(pid))

        os.kill(camera, signal.SIGKILL)

        assert up.wait_for("was killed by SIGKILL").startswith("one ")
        wait_until(lambda: len(children_of(up.popen.pid)) == 2)
        assert len(before & children_of(up.popen.pid)) == 1
        assert up.stop() == 0


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_the_site_file_is_read_again_on_a_hangup(tmp_path: Path) -> None:
    """A new camera starts, the running one keeps running, and a broken file changes nothing."""
    site = write_site(tmp_path, CAMERAS)
    with running(site) as up:
        up.wait_for("one is live")
        before = children_of(up.popen.pid)
        text = site.path.read_text()

        site.path.write_text(text + "  two: {source: nonsense}\n")
        up.send(signal.SIGHUP)
        up.wait_for("the site file has mistakes; nothing changes")

        site.path.write_text(text + "  two: {source: test, size: 160x120, fps: 5}\n")
        up.send(signal.SIGHUP)
        up.wait_for("two is live")
        assert before < children_of(up.popen.pid)

        site.path.write_text(text)
        up.send(signal.SIGHUP)
        up.wait_for("is no longer in the site file")
        wait_until(lambda: children_of(up.popen.pid) == before)
        assert up.stop() == 0


def test_a_file_that_was_broken_while_a_camera_started_is_repaired(tmp_path: Path) -> None:
    """The camera is started again as soon as the file is whole, without a signal."""
    site = write_site(tmp_path, CAMERAS)
    text = site.path.read_text()
    with running(site) as up:
        up.wait_for("one is live")
        camera = next(p for p in children_of(up.popen.pid) if b"\0camera\0" in command_of(p))
        site.path.write_text("version: [")

        os.kill(camera, signal.SIGKILL)
        up.wait_for("CANNOT RUN AS CONFIGURED")
        assert len(children_of(up.popen.pid)) == 1
        site.path.write_text(text)

        up.wait_for("the site file has changed; restarting")
        wait_until(lambda: up.output.count("camera one: ") > 1)  # it gives pictures
        assert up.stop() == 0


def test_a_second_one_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    """By any name of the file, with the process that is in the way; kill -9 of it is enough."""
    site = write_site(tmp_path, CAMERAS)
    alias = tmp_path / "alias.yaml"
    alias.symlink_to(site.path)
    with running(site) as up:
        up.wait_for("one is live")
        with camfan("up", str(alias)) as second:
            assert second.wait() == 69
            assert f"is already running on this machine (process {up.popen.pid}, " in second.output
            assert "Traceback" not in second.output
        up.stop(signal.SIGKILL)
    with running(site) as again:
        again.wait_for("one is live")
        assert again.stop() == 0


def test_with_top_the_table_has_the_terminal_and_a_file_the_lines(tmp_path: Path) -> None:
    """Its last line says where the log is; one Ctrl-C ends it, and the terminal is as before."""
    site = write_site(tmp_path, CAMERAS)
    state = tmp_path / "state"
    log = state / "camfan" / "testing.log"
    env = {"XDG_STATE_HOME": str(state), "COLUMNS": "160"}
    with on_terminal(str(site.path), "--top", env=env) as up:
        wait_until(lambda: log.exists() and "broker | INFO" in log.read_text())
        wait_until(lambda: "1 live" in up.shown())
        assert f"Log: {log}" in up.shown()
        assert "broker | " not in up.shown()

        assert up.interrupt() == 0
        assert "\x1b[?1049l" in up.shown(), "back from the alternate screen"


def test_top_without_a_terminal_is_lines(tmp_path: Path) -> None:
    """A table needs a terminal; a pipe gets what it can use."""
    site = write_site(tmp_path, CAMERAS)
    with running(site, "--top") as up:
        assert up.wait_for("broker | INFO")
        assert up.stop() == 0


def test_closing_the_terminal_ends_it_all(tmp_path: Path) -> None:
    """The hangup of a closed terminal window does not make it read the file again."""
    site = write_site(tmp_path, CAMERAS)
    with on_terminal(str(site.path)) as up:
        wait_until(lambda: "one is live" in up.shown())
        below = children_of(up.popen.pid)
        assert len(below) == 2

        up.close()

        assert up.popen.wait(10) == 0
        assert not any(is_there(pid) for pid in below)


def test_a_reader_that_leaves_ends_it_all(tmp_path: Path) -> None:
    """`camfan up | head` ends without an error message."""
    site = write_site(tmp_path, CAMERAS)
    with (
        (tmp_path / "errors").open("w+") as errors,
        subprocess.Popen(
            [*CAMFAN, "up", str(site.path)], stdout=subprocess.PIPE, stderr=errors
        ) as up,
    ):
        assert up.stdout is not None
        assert b"testing on localhost" in up.stdout.readline()
        below = children_of(up.pid)

        up.stdout.close()

        assert up.wait(20) == 0
        assert not any(is_there(pid) for pid in below)
        assert (tmp_path / "errors").read_text() == ""


def test_a_machine_without_nodes_gets_the_list_of_hosts(tmp_path: Path) -> None:
    """Exit code 78, before anything is started."""
    path = tmp_path / "site.yaml"
    path.write_text(TWO_HOSTS)

    with camfan("up", str(path), "--host", "porch-py") as up:
        assert up.wait() == 78
        assert "no host 'porch-py'; did you mean 'porch-pi'?" in up.output


def test_a_wrong_site_file_starts_nothing(tmp_path: Path) -> None:
    """Exit code 78, with the place of the mistake."""
    site = write_site(tmp_path, "cameras:\n  one: {source: tset}\n")

    with running(site) as up:
        assert up.wait() == 78
        assert "site.yaml:" in up.output
        assert "Traceback" not in up.output

"""What systemd hears of the broker, end to end: a real process and a real socket."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from camfan_testing.processes import broker_process
from camfan_testing.sites import custom_cameras, write_site

PATIENCE_S = 20.0


@pytest.fixture(name="manager")
def _manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The service manager's end of $NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        yield manager


def next_message(manager: socket.socket) -> str:
    return manager.recv(4096).decode()


def test_broker_tells_systemd_how_it_is(manager: socket.socket, tmp_path: Path) -> None:
    """READY=1 when it listens, WATCHDOG=1 again and again, STOPPING=1 and exit 0 on SIGTERM."""
    site = write_site(tmp_path, custom_cameras("porch"))
    with broker_process(site.path, env={"NOTIFY_SOCKET": manager.getsockname()}) as broker:
        assert next_message(manager) == "READY=1"
        with socket.create_connection(("127.0.0.1", site.delivery), timeout=PATIENCE_S):
            pass
        assert [next_message(manager) for _ in range(2)] == ["WATCHDOG=1"] * 2

        broker.send(signal.SIGTERM)

        said = next_message(manager)
        while said == "WATCHDOG=1":
            said = next_message(manager)
        assert said == "STOPPING=1"
        assert broker.wait() == 0


def test_broker_with_a_bad_site_file_never_says_ready(
    manager: socket.socket, tmp_path: Path
) -> None:
    """A site file with mistakes ends in exit code 78, which systemd does not retry."""
    path = tmp_path / "site.yaml"
    path.write_text("version: 1\nsite: yard\ncamreas: {}\n", "utf-8")
    with broker_process(path, env={"NOTIFY_SOCKET": manager.getsockname()}) as broker:
        assert broker.wait() == 78
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        next_message(manager)


def test_broker_takes_credentials_of_systemd(manager: socket.socket, tmp_path: Path) -> None:
    """A ${NAME} of the site file is the credential of that name."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "GATE_PASSWORD").write_text("a: secret\n", "utf-8")
    gate = 'cameras: {gate: {source: rtsp, url: "rtsp://me:${GATE_PASSWORD}@127.0.0.1/1"}}'
    site = write_site(tmp_path, gate)
    env = {"NOTIFY_SOCKET": manager.getsockname(), "CREDENTIALS_DIRECTORY": str(credentials)}
    with broker_process(site.path, env=env) as broker:
        assert next_message(manager) == "READY=1"
        assert broker.stop() == 0
        assert "a: secret" not in broker.output

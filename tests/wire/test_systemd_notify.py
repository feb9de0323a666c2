"""Telling systemd how a process is, on a real datagram socket."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from camfan_wire.notify import notify

Listen = Callable[[str], socket.socket]


@pytest.fixture
def listen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listen]:
    """Be the service manager, at an address that NOTIFY_SOCKET names."""
    opened = []

    def open_at(address: str) -> socket.socket:
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        opened.append(manager)
        manager.settimeout(10)
        manager.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        return manager

    yield open_at
    for manager in opened:
        manager.close()


def test_a_state_reaches_the_manager(listen: Listen, tmp_path: Path) -> None:
    manager = listen(str(tmp_path / "s"))

    notify("READY=1")
    notify("STATUS=8 cameras, 2 × recording")

    assert manager.recv(1000) == b"READY=1"
    assert manager.recv(1000).decode() == "STATUS=8 cameras, 2 × recording"


def test_an_abstract_address_is_written_with_an_at_sign(listen: Listen) -> None:
    manager = listen(f"@camfan-test-{secrets.token_hex(8)}")

    notify("WATCHDOG=1")

    assert manager.recv(1000) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    "address", [None, "", "/nowhere/at/all", "@camfan-absent", "/" + "x" * 200]
)
def test_without_a_manager_nothing_happens(
    address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside systemd, or with a manager that went away, a process runs on."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)

    notify("READY=1")


def test_a_manager_that_does_not_read_delays_nothing(listen: Listen, tmp_path: Path) -> None:
    """Far more messages than its queue takes: they are lost, and nothing waits."""
    manager = listen(str(tmp_path / "s"))

    for _ in range(5000):
        notify("WATCHDOG=1")

    assert manager.recv(1000) == b"WATCHDOG=1"

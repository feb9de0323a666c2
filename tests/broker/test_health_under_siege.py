"""Health and metrics are answered while others hold connections open and say nothing."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from camfan_broker.report.health import MAX_REQUESTS, HealthServer
from camfan_testing.live import LiveBroker

SOON_S = 3.0  # sooner than the server closes a silent connection


@pytest.fixture
def port(live: LiveBroker) -> Iterator[int]:
    server = HealthServer(live.broker, "127.0.0.1:0")
    yield server.port
    server.close()


@contextmanager
def crowd(port: int, said: bytes) -> Iterator[list[socket.socket]]:
    """Three times as many as are served at once, which say so much and no more."""
    with ExitStack() as stack:
        made = []
        for _ in range(3 * MAX_REQUESTS):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", port), SOON_S))
            one.sendall(said)
            made.append(one)
        yield made


def ask(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=SOON_S) as answer:
        text: str = answer.read().decode()
        return text


@pytest.mark.parametrize("said", [b"", b"GET /met", b"GET /metrics HTTP/1.1\r\nHost: x\r\n"])
def test_silent_connections_keep_no_client_out(port: int, said: bytes) -> None:
    """Whether they say nothing or never end what they say: the oldest of them makes room."""
    with crowd(port, said) as silent:
        assert "camfan_" in ask(port, "/metrics")
        assert ask(port, "/healthz") == "ok\n"
        assert silent[0].recv(1) == b""  # it was ended


def test_the_last_client_still_gets_its_answer(port: int) -> None:
    """Those that were not ended can still ask."""
    with crowd(port, b"") as silent:
        assert ask(port, "/healthz") == "ok\n"
        silent[-1].sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert silent[-1].recv(64).startswith(b"HTTP/1.0 200")

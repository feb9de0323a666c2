"""Recordings through the web server: what a user may see, and a recorder that is in trouble."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from camfan_testing.hashes import PASSWORD_HASH, TOKEN, TOKEN_HASH
from camfan_testing.live import wait_until
from camfan_testing.ports import free_ports
from camfan_testing.recordings import INTERVAL_NS, RUN, START_NS, picture
from camfan_testing.recordings_server import record_two_cameras, recordings_server
from camfan_testing.web import LiveWeb, live_web
from camfan_testing.web_client import Client

API = "/api/recordings"
WEB = f"""  users: {{ines: {{password: {PASSWORD_HASH}, role: owner}}}}
  tokens: {{reader: {{token: {TOKEN_HASH}, cameras: [porch]}}}}
"""
CAMERAS = ("porch", "barn", "attic")


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveWeb]:
    """Two recorders of `porch` and `barn`: one that runs, and one that does not."""
    folder = tmp_path_factory.mktemp("web")
    record_two_cameras(folder / "recordings")
    port, other = free_ports(2)
    extra = f"""recorders:
  archive: {{path: recordings, cameras: [porch, barn], http: '127.0.0.1:{port}'}}
  second: {{path: elsewhere, cameras: [porch, barn], http: '127.0.0.1:{other}'}}
"""
    with (
        live_web(folder, *CAMERAS, web=WEB, extra=extra) as running,
        recordings_server(folder / "site.yaml", "archive"),
    ):
        yield running


@pytest.fixture
def owner(web: LiveWeb) -> Client:
    client = Client(web.url)
    assert client.log_in("ines") == 200
    return client


@pytest.fixture
def reader(web: LiveWeb) -> Client:
    """May see `porch` only."""
    return Client(web.url, headers={"Authorization": f"Bearer {TOKEN}"})


def ask(client: Client, path: str) -> Any:
    status, body, _ = client.get(path)
    assert status == 200, body
    return json.loads(body)


def ms(sequence: int) -> float:
    return (START_NS + sequence * INTERVAL_NS) / 1e6


def test_the_web_server_answers_as_the_recorder(owner: Client) -> None:
    """Spans, events, frames and streams, untouched."""
    assert [one["id"] for one in ask(owner, f"{API}/barn/events")["events"]] == ["of-barn"]
    assert ask(owner, f"{API}/porch")["gaps"][0]["reason"] == "disk-slow"
    status, body, headers = owner.get(f"{API}/porch/frame?run={RUN}&sequence=7")
    assert (status, body, headers["X-Camfan-Sequence"]) == (200, picture(7), "7")
    assert owner.get(f"{API}/porch/frame?time={ms(7):.3f}", Range="bytes=5-9")[:2] == (
        206,
        picture(7)[5:10],
    )
    assert owner.get(f"{API}/porch/frame?time={ms(7):.3f}", If_None_Match=headers["ETag"])[0] == 304
    _, body, headers = owner.get(f"{API}/porch/frames?from={ms(10):.3f}&to={ms(13):.3f}")
    assert headers["Content-Type"].startswith("multipart/mixed")
    assert body.count(b"image/jpeg") == 3
    assert picture(12) in body


def test_a_recorder_that_does_not_run_is_named(owner: Client) -> None:
    found = ask(owner, API)

    assert {one["camera"] for one in found["cameras"]} == {"porch", "barn"}
    assert [one.split(" cannot")[0] for one in found["troubles"]] == ["recorder second"]
    for path in ("?recorder=second", "/frame?time=5&recorder=second", "/frames?recorder=second"):
        status, body, headers = owner.get(f"{API}/porch{path}")
        assert (status, headers["Retry-After"]) == (503, "5")
        assert body.startswith(b"recorder second cannot be reached at ")


def test_a_user_gets_nothing_of_another_camera(reader: Client) -> None:
    """By no address: the same answer as for a camera that does not exist."""
    assert {one["camera"] for one in ask(reader, API)["cameras"]} == {"porch"}
    for camera in ("barn", "nowhere", "..%2Fbarn", "porch%2F..%2Fbarn", "porch%00"):
        for path in ("", "/frame?time=9e12", f"/frame?run={RUN}&sequence=1", "/frames", "/events"):
            assert reader.get(f"{API}/{camera}{path}")[0] == 404
    assert reader.get(f"{API}/porch/events?camera=barn")[1].count(b"of-barn") == 0
    assert picture(1) in reader.get(f"{API}/porch/frames?camera=barn&limit=2")[1]


def test_an_interval_is_protected_and_released(owner: Client, reader: Client) -> None:
    """By operators and owners; by the number only for the camera that it belongs to."""
    wish = {"from": ms(10), "to": ms(20), "note": "a fox"}
    path = f"{API}/barn/protect"
    status, body, _ = owner.post(path, wish)
    made = json.loads(body)
    assert (status, made["camera"], made["note"]) == (200, "barn", "a fox")
    assert ask(owner, f"{API}/barn")["protected"] == [made]
    assert ask(owner, f"{API}/porch")["protected"] == []

    assert reader.post(f"{API}/porch/protect", wish)[0] == 403
    assert reader.post(path, wish)[0] == 404
    assert owner.post(path, wish, Origin="http://evil.example")[0] == 403
    assert owner.post(path, {**wish, "to": ms(9)})[0] == 400
    assert owner.post(path, {**wish, "note": "two\nlines"})[0] == 400
    assert owner.post(f"{API}/attic/protect", wish)[0] == 404
    assert owner.post(f"{API}/porch/unprotect", {"id": made["id"]})[0] == 404
    assert owner.post(f"{API}/barn/unprotect", {"id": made["id"]})[0] == 200
    assert ask(owner, f"{API}/barn")["protected"] == []


def test_a_login_is_needed(web: LiveWeb) -> None:
    for path in ("", "/porch", "/porch/frame?time=1", "/porch/frames", "/porch/events"):
        assert Client(web.url).get(f"{API}{path}")[0] == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("attic", 404),
        ("porch?recorder=nowhere", 404),
        ("porch?recorder=" + "x" * 5000, 404),
        ("porch/frame?time=1", 404),
        ("porch/frame?time=nan", 400),
        ("porch/frame", 400),
        ("porch/frame?time=1&sequence=2", 400),
        ("porch/frames?from=9&to=1", 400),
        ("porch/frames?every=nan", 400),
        ("porch/events?limit=0", 400),
    ],
)
def test_errors_of_the_recorder_are_passed_on(owner: Client, path: str, status: int) -> None:
    found, body, _ = owner.get(f"{API}/{path}")

    assert found == status
    assert body.endswith(b"\n")
    assert b"Traceback" not in body


def test_what_is_not_the_recorder_is_said(tmp_path: Path) -> None:
    """502 for another program at its port, and for one that speaks no HTTP."""
    (port,) = free_ports(1)
    extra = f"recorders: {{archive: {{path: r, http: '127.0.0.1:{port}'}}}}\n"
    with (
        live_web(tmp_path, "porch", extra=extra) as web,
        socket.create_server(("127.0.0.1", port)) as stranger,
    ):
        for words in (
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        ):
            answering = threading.Thread(target=_answer_once, args=(stranger, words))
            answering.start()
            status, body, _ = Client(web.url).get(f"{API}/porch")
            answering.join()
            assert status == 502
            assert body.startswith(b"recorder archive ")


def _answer_once(listener: socket.socket, words: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65_536)
        connection.sendall(words)


def test_a_recorder_that_is_killed_is_missing(tmp_path: Path) -> None:
    """Its requests are answered with 503, not held."""
    record_two_cameras(tmp_path / "recordings")
    (port,) = free_ports(1)
    extra = f"recorders: {{archive: {{path: recordings, http: '127.0.0.1:{port}'}}}}\n"
    with live_web(tmp_path, "porch", "barn", extra=extra) as web:
        client = Client(web.url)
        with recordings_server(tmp_path / "site.yaml", "archive") as process:
            assert client.get(f"{API}/porch")[0] == 200
            process.send_signal(signal.SIGKILL)
        wait_until(lambda: client.get(f"{API}/porch")[0] == 503)

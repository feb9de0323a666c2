"""What a client without a login can do: little, and not a log line each time."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest

from camfan_nodes.shared import connections, web_listener
from camfan_nodes.web import guard
from camfan_nodes.web.live_client import MOST_UNSENT
from camfan_nodes.web.routes import SNAPSHOTS
from camfan_nodes.web.sessions import FILE, MOST_OF_USER, Sessions
from camfan_testing.hashes import PASSWORD_HASH
from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera, wait_until
from camfan_testing.web import LiveWeb, TestPage, live_web, page
from camfan_testing.web_client import Client

USERS = f"""  users:
    ines: {{password: {PASSWORD_HASH}, role: owner}}
    guest: {{password: {PASSWORD_HASH}}}
"""
LONG_S = 3600.0
HALF_A_LOGIN = (
    b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 100\r\n\r\n{"
)
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[LiveWeb]:
    with live_web(tmp_path, web=USERS) as running:
        yield running


def dial(url: str) -> socket.socket:
    host, _, port = url.rpartition("//")[2].rpartition(":")
    wire = socket.create_connection((host, int(port)))
    wire.settimeout(30)
    return wire


def asked(url: str, request: bytes) -> bytes:
    """The first line of the answer."""
    with dial(url) as wire:
        wire.sendall(request)
        return wire.makefile("rb").readline()


# ---- connections ----


def test_unfinished_tls_handshakes_give_way(
    tmp_path: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_listener, "HANDSHAKE_S", LONG_S)
    pem, key = certificate
    tls = f"  tls: {{certificate: {pem}, key: {key}}}\n"
    context = ssl.create_default_context(cafile=str(pem))
    with live_web(tmp_path, web=USERS + tls) as web, ExitStack() as open_:
        wires = [open_.enter_context(dial(web.url)) for _ in range(connections.MOST_IDLE + 40)]
        assert wires[0].recv(1) == b""
        with context.wrap_socket(dial(web.url), server_hostname="localhost") as wire:
            wire.sendall(HEALTH)
            assert wire.recv(12) == b"HTTP/1.1 200"


def test_a_handshake_that_does_not_end_is_not_waited_for(
    tmp_path: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_listener, "HANDSHAKE_S", 0.2)
    pem, key = certificate
    tls = f"  tls: {{certificate: {pem}, key: {key}}}\n"
    with live_web(tmp_path, web=USERS + tls) as web, dial(web.url) as wire:
        assert wire.recv(1) == b""


def test_a_request_right_behind_the_handshake_is_answered(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    """With TLS 1.3 both come in one packet."""
    pem, key = certificate
    tls = f"  tls: {{certificate: {pem}, key: {key}}}\n"
    context = ssl.create_default_context(cafile=str(pem))
    with live_web(tmp_path, web=USERS + tls) as web:
        for _ in range(10):
            to_server, from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = context.wrap_bio(from_server, to_server, server_hostname="localhost")
            with dial(web.url) as wire:
                with pytest.raises(ssl.SSLWantReadError):
                    client.do_handshake()
                wire.sendall(to_server.read())
                while True:
                    from_server.write(wire.recv(65536))
                    try:
                        client.do_handshake()
                    except ssl.SSLWantReadError:
                        continue
                    break
                client.write(HEALTH)
                wire.sendall(to_server.read())
                while True:
                    from_server.write(wire.recv(65536))
                    try:
                        assert client.read(12) == b"HTTP/1.1 200"
                    except ssl.SSLWantReadError:
                        continue
                    break


def test_bodies_that_do_not_come_give_way(web: LiveWeb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_S", LONG_S)
    with ExitStack() as open_:
        wires = []
        for _ in range(connections.MOST_IDLE + 40):
            wires.append(open_.enter_context(dial(web.url)))
            wires[-1].sendall(HALF_A_LOGIN)
        assert wires[0].recv(1) == b""
        assert asked(web.url, HEALTH).startswith(b"HTTP/1.1 200")


def test_of_too_many_connections_one_between_requests_ends(
    web: LiveWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST", 50)
    with ExitStack() as open_:
        wires = []
        for _ in range(60):
            wires.append(open_.enter_context(dial(web.url)))
            wires[-1].sendall(HEALTH)
            assert wires[-1].recv(4096).startswith(b"HTTP/1.1 200")
        assert wires[0].recv(1) == b""
        wires[-1].sendall(HEALTH)
        assert wires[-1].recv(4096).startswith(b"HTTP/1.1 200")


# ---- what is not a request ----


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /api/me HTTP/1.1\r\nHost: [\r\n\r\n", b"401"),
        (b"GET /live HTTP/1.0\r\n\r\n", b"302"),
        (b"\x16\x03\x01\x02\r\n\r\n", b"400"),
        (b"GET http://[/ HTTP/1.1\r\nHost: localhost\r\n\r\n", b"400"),
        (
            (
                b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
                b"Content-Type: application/json; charset=none\r\n\r\n{}"
            ),
            b"400",
        ),
        (
            (
                b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
                b"Content-Type: application/json\r\nContent-Encoding: gzip\r\n\r\n\xff\xff"
            ),
            b"400",
        ),
        (
            (
                b"POST /api/logout HTTP/1.1\r\nHost: localhost\r\n"
                b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"
            ),
            b"400",
        ),
        (
            b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n"
            b"Content-Type: application/json\r\n\r\n" + b"{" * 99_999,
            b"413",
        ),
    ],
)
def test_what_is_not_a_request_is_refused_without_a_traceback(
    web: LiveWeb, caplog: pytest.LogCaptureFixture, request_: bytes, status: bytes
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(5):
        assert asked(web.url, request_).split()[1] == status
    assert "Traceback" not in caplog.text
    assert (
        sum(record.name.startswith(("aiohttp", "camfan_nodes.web")) for record in caplog.records)
        <= 1
    )


def test_half_an_address_is_refused_without_users(tmp_path: Path) -> None:
    with live_web(tmp_path) as web:
        request = b"GET /api/me HTTP/1.1\r\nHost: [evil.example\r\n\r\n"
        assert asked(web.url, request).split()[1] == b"421"


def test_of_several_lines_about_the_scheme_the_proxys_is_believed(tmp_path: Path) -> None:
    with live_web(tmp_path, web=USERS + "  proxies: [127.0.0.1]\n") as web, dial(web.url) as wire:
        body = b'{"name": "ines", "password": "wrong"}'
        wire.sendall(
            b"POST /api/login HTTP/1.1\r\nHost: cams.example\r\nOrigin: https://cams.example\r\n"
            b"X-Forwarded-Proto: http\r\nX-Forwarded-Proto: https\r\n"
            b"X-Forwarded-Host: evil.example\r\nX-Forwarded-Host: cams.example\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        assert wire.recv(12) == b"HTTP/1.1 401"  # a wrong password; 403 were another site


# ---- shares of a user ----


def test_logging_in_again_and_again_logs_no_other_out() -> None:
    sessions = Sessions(None)
    cookie = sessions.begin("ines", "hash")
    found = [sessions.begin("guest", "hash") for _ in range(1200)]
    assert sessions.find(cookie) is not None
    assert [sessions.find(one) is not None for one in found].count(True) == MOST_OF_USER


def test_one_user_cannot_take_all_places_for_single_pictures(web: LiveWeb) -> None:
    """Each may wait for most of a minute, for a camera that is away."""
    guest, owner = Client(web.url), Client(web.url)
    assert guest.log_in("guest") == owner.log_in("ines") == 200
    line = f"GET /snapshot/one.jpg?fresh=1 HTTP/1.1\r\nHost: {web.url.removeprefix('http://')}\r\n"
    head = f"{line}Cookie: {guest.cookie}\r\n\r\n"
    with ExitStack() as open_:
        for _ in range(SNAPSHOTS.per_user):
            open_.enter_context(dial(web.url)).sendall(head.encode())
        wait_until(lambda: web.server.dispatcher.open(SNAPSHOTS) == SNAPSHOTS.per_user)
        status, text, _ = guest.get("/snapshot/one.jpg?fresh=1")
        assert (status, text) == (503, b"guest has 64 snapshot requests open already\n")
        status, text, _ = owner.get("/snapshot/one.jpg?max_age=1")
        assert b"no picture of one" in text
    wait_until(lambda: web.server.dispatcher.open(SNAPSHOTS) == 0)


def test_pages_that_change_their_minds_do_not_cost_the_server_its_broker(web: LiveWeb) -> None:
    """The broker ends the connection of a peer that asks for more than 50 changes a second."""

    async def flood() -> None:
        one_user, other = Client(web.url), Client(web.url)
        assert one_user.log_in("guest") == other.log_in("ines") == 200
        async with AsyncExitStack() as open_:
            pages = [
                await open_.enter_async_context(
                    page(web.url, headers={"Cookie": client.cookie or ""})
                )
                for client in (one_user, other)
                for _ in range(10)  # as many as one user's messages are enough for
            ]
            for number in range(190):
                for place, one in enumerate(pages):
                    await one.want("one", "two", fps=1 + number / 100 + place / 10_000)
                    await one.socket.send_json({"type": "probe", "sent": 1.0})
                    await one.text("echo")  # what it wants was heard

    asyncio.run(flood())
    assert web.live.broker.router.refused.total() == 0


def test_settings_cannot_be_changed_without_end(web: LiveWeb) -> None:
    owner = Client(web.url)
    assert owner.log_in("ines") == 200
    found = {owner.post("/api/cameras/one/settings", {"fps": 1})[0] for _ in range(100)}
    assert 429 in found


# ---- sessions on disk ----


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can drop rights")
def test_a_folder_that_may_not_be_read_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    tmp_path.chmod(0o755)
    os.seteuid(65534)
    try:
        Sessions(folder).begin("ines", "hash")
    finally:
        os.seteuid(0)
    assert "cannot be read" in caplog.text
    assert "will not survive a restart" in caplog.text


@pytest.mark.parametrize(
    "stored",
    [b"", b"\0" * 4096, b"null", b"[" * 100_000, b"\xff", b'{"sessions": {}}',
     b'{"abc": {"user": "ines", "proof": "x", "began": 1, "seen": 2}}'],
)  # fmt: skip
def test_a_file_that_is_not_of_sessions_is_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, stored: bytes
) -> None:
    (tmp_path / FILE).write_bytes(stored)
    cookie = Sessions(tmp_path).begin("ines", "hash")
    assert [record.exc_info for record in caplog.records] == [None]
    assert Sessions(tmp_path).find(cookie) is not None


# ---- pages and streams that do not read ----


async def fall_behind(web: LiveWeb, browser: TestPage, pictures: int) -> int:
    """Acknowledges this many frames and reads none; the bytes that then wait for it."""
    await browser.want("one")
    await asyncio.to_thread(wait_until, lambda: bool(web.server.live._open))
    (one,) = web.server.live._open
    for _ in range(pictures):
        sent, skipped = one.counts.sent, one.counts.skipped
        await browser.acknowledge(1)

        def is_served(sent: int = sent, skipped: int = skipped) -> bool:
            return one.counts.sent > sent or one.counts.skipped > skipped + 3

        await asyncio.to_thread(wait_until, is_served)
    return one._transport.get_write_buffer_size()


def test_a_page_that_is_out_of_reach_does_not_end_the_server(web: LiveWeb) -> None:
    """It is dismissed, cannot be asked to close, and its pictures go on coming meanwhile."""
    client = Client(web.url)
    assert client.log_in("ines") == 200

    async def leave() -> None:
        async with page(web.url, headers={"Cookie": client.cookie or ""}) as browser:
            await fall_behind(web, browser, 40)
            await asyncio.to_thread(client.post, "/api/logout", {})
            await asyncio.to_thread(wait_until, lambda: not web.server.live._open)

    with Camera(web.site, "one", 60, [jpeg(1920, 1080, 1)]):
        asyncio.run(leave())
        assert web.server.failure() is None
    assert Client(web.url).get("/healthz")[0] == 200


def test_a_page_that_says_it_has_what_it_does_not_read_gets_no_more(web: LiveWeb) -> None:
    client = Client(web.url)
    assert client.log_in("guest") == 200
    picture = jpeg(1920, 1080, 1)

    async def lie() -> int:
        async with page(web.url, headers={"Cookie": client.cookie or ""}) as browser:
            return await fall_behind(web, browser, 80)

    with Camera(web.site, "one", 60, [picture]):
        assert asyncio.run(lie()) <= MOST_UNSENT + len(picture) + 10_000


def test_the_end_of_a_login_ends_a_stream_that_is_not_read(web: LiveWeb) -> None:
    client = Client(web.url)
    assert client.log_in("ines") == 200
    line = f"GET /stream/one.mjpg HTTP/1.1\r\nHost: {web.url.removeprefix('http://')}\r\n"
    with Camera(web.site, "one", 30, [jpeg(1920, 1080, 1)]), dial(web.url) as wire:
        wire.sendall(f"{line}Cookie: {client.cookie}\r\n\r\n".encode())
        wait_until(lambda: any(one.skipped > 5 for one in web.server.mjpeg.streams))
        client.post("/api/logout", {})
        wait_until(lambda: not web.server.mjpeg.streams)

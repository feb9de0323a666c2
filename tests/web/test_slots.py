"""What one visitor of the web server may take leaves enough for the others."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web as aioweb

from camfan_nodes.shared import connections
from camfan_nodes.shared.connections import network_of
from camfan_nodes.web.attempts import TRIES
from camfan_nodes.web.guard import ONLY_HTTPS
from camfan_nodes.web.live_clients import LOGGED_OUT
from camfan_nodes.web.principals import Principal
from camfan_nodes.web.route import SlotLimit
from camfan_nodes.web.sessions import CLOCK_S, FILE, Sessions
from camfan_nodes.web.slots import Slots
from camfan_testing.hashes import PASSWORD, PASSWORD_HASH
from camfan_testing.live import Camera, wait_until
from camfan_testing.web import LiveWeb, TestPage, live_web, page
from camfan_testing.web_client import Client

USERS = f"""  users:
    ines: {{password: {PASSWORD_HASH}, role: owner}}
    guest: {{password: {PASSWORD_HASH}}}
"""
BEHIND_PROXY = USERS + "  proxies: [127.0.0.1]\n"
GUEST = Principal("guest", "viewer", (), "user", sees_all=False)
OTHER = Principal("other", "viewer", (), "user", sees_all=False)
OWNER = Principal("ines", "owner", (), "user", sees_all=True)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[LiveWeb]:
    with live_web(tmp_path, web=USERS) as running:
        yield running


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[LiveWeb]:
    """The test is the proxy: it reports the client's address."""
    with live_web(tmp_path, web=BEHIND_PROXY) as running:
        yield running


async def closed_with(browser: TestPage) -> int | None:
    """The code that the server closes a page with; what comes before is dropped.

    aiohttp's own `close_code` is 1006 if the answer to it comes too late.
    """
    while True:
        message = await browser.socket.receive(20)
        if message.type is aiohttp.WSMsgType.CLOSE:
            return int(message.data)
        assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message


def dial(url: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").rpartition(":")
    wire = socket.create_connection((host, int(port)))
    wire.settimeout(30)
    return wire


# ---- connections ----


def test_a_thousand_silent_connections_keep_no_client_out(web: LiveWeb) -> None:
    """The oldest of the busiest address give way; a page that is open stays open."""

    async def stays() -> None:
        client = Client(web.url)
        assert client.log_in("ines") == 200
        async with page(web.url, headers={"Cookie": client.cookie or ""}) as browser:
            await browser.hello()
            with ExitStack() as open_:
                silent = [
                    open_.enter_context(dial(web.url)) for _ in range(connections.MOST_IDLE + 40)
                ]
                assert await asyncio.to_thread(Client(web.url).get, "/healthz")
                assert silent[0].recv(1) == b""
            await browser.text("state")

    asyncio.run(stays())


@pytest.mark.long
@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_a_head_that_does_not_end_is_not_waited_for(web: LiveWeb, said: bytes) -> None:
    with dial(web.url) as wire:
        wire.sendall(said)
        assert wire.recv(1) == b""


@pytest.mark.long
def test_a_body_that_does_not_come_is_not_waited_for(web: LiveWeb) -> None:
    with dial(web.url) as wire:
        wire.settimeout(60)
        wire.sendall(
            b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        assert wire.recv(12) == b"HTTP/1.1 408"


def test_many_requests_on_one_connection_are_not_cut(web: LiveWeb) -> None:
    with dial(web.url) as wire:
        for _ in range(50):
            wire.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert wire.recv(4096).startswith(b"HTTP/1.1 200")


# ---- pages and streams ----


def test_one_user_cannot_take_all_slots() -> None:
    slots = Slots(SlotLimit("streams", in_all=10, per_user=4, for_owners=3))
    with ExitStack() as open_:
        for _ in range(4):
            open_.enter_context(slots.slot(GUEST))
        with pytest.raises(aioweb.HTTPServiceUnavailable, match="Unavailable") as caught:
            open_.enter_context(slots.slot(GUEST))
        assert "guest has 4 streams open already" in (caught.value.text or "")
        for _ in range(3):
            open_.enter_context(slots.slot(OTHER))
        with pytest.raises(aioweb.HTTPServiceUnavailable):
            open_.enter_context(slots.slot(OTHER))
        for _ in range(3):
            open_.enter_context(slots.slot(OWNER))
        with pytest.raises(aioweb.HTTPServiceUnavailable):
            open_.enter_context(slots.slot(OWNER))
    for _ in range(20):  # what was closed is free again
        with slots.slot(GUEST):
            pass


def test_a_page_that_floods_is_closed(web: LiveWeb) -> None:
    """And the others go on."""

    async def flood() -> int | None:
        client = Client(web.url)
        assert client.log_in("guest") == 200
        async with page(web.url, headers={"Cookie": client.cookie or ""}) as browser:
            await browser.hello()
            for _ in range(2000):
                with suppress(ConnectionError):
                    await browser.want("one", "two")
            return await closed_with(browser)

    assert asyncio.run(flood()) == 4400
    assert Client(web.url).get("/healthz")[0] == 200


# ---- the end of a login ----


def test_logging_out_ends_streams_and_pages(web: LiveWeb) -> None:
    """What was opened with the login ends with it, also if another browser ended it."""
    client = Client(web.url)
    assert client.log_in("ines") == 200

    async def watch() -> tuple[bytes, int | None]:
        headers = {"Cookie": client.cookie or ""}
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{web.url}/stream/one.mjpg", headers=headers) as stream,
            page(web.url, headers=headers) as browser,
        ):
            await browser.hello()
            await stream.content.readuntil(b"\xff\xd9")
            await asyncio.to_thread(client.post, "/api/logout", {})
            code = await closed_with(browser)
            async with asyncio.timeout(20):
                return await stream.content.read(), code

    with Camera(web.site, "one"):
        _, code = asyncio.run(watch())
    assert code == LOGGED_OUT
    wait_until(lambda: not web.server.mjpeg.streams)


def test_a_session_that_runs_out_ends_what_is_open(web: LiveWeb) -> None:
    client = Client(web.url)
    assert client.log_in("ines") == 200

    async def watch() -> None:
        async with page(web.url, headers={"Cookie": client.cookie or ""}) as browser:
            await browser.hello()
            for session in web.server.sessions._by_hash.values():
                session.began = session.seen = 0.0
            assert await closed_with(browser) == LOGGED_OUT

    asyncio.run(watch())


# ---- logins ----


def test_others_cannot_lock_a_known_browser_out(proxied: LiveWeb) -> None:
    known = Client(proxied.url, headers={"X-Forwarded-For": "192.0.2.1"})
    assert known.log_in("ines") == 200
    for number in range(TRIES + 1):
        stranger = Client(proxied.url, headers={"X-Forwarded-For": f"198.51.100.{number}"})
        stranger.log_in("ines", "wrong")
    assert known.log_in("ines") == 200
    elsewhere = Client(proxied.url, headers={"X-Forwarded-For": "192.0.2.2"})
    assert elsewhere.log_in("ines") == 429


def test_a_known_browser_has_tries_of_its_own(proxied: LiveWeb) -> None:
    """A client that stole its cookie cannot try passwords without end."""
    thief = Client(proxied.url, headers={"X-Forwarded-For": "192.0.2.1"})
    assert thief.log_in("ines") == 200
    found = [thief.log_in("ines", "wrong") for _ in range(TRIES + 2)]
    assert found == [401] * TRIES + [429, 429]
    assert thief.log_in("guest") == 200  # with the name of another it is not known


def test_failures_of_the_network_do_not_lock_this_machine_out(web: LiveWeb) -> None:
    web.server.login._attempts.failed(*["name ines"] * TRIES)
    assert Client(web.url).log_in("ines") == 200


def test_many_logins_of_one_network_leave_room_for_others(proxied: LiveWeb) -> None:
    """One that answers slowly to twelve at once still lets another in."""

    async def attack() -> int:
        async with aiohttp.ClientSession() as session:

            async def attempt(number: int) -> None:
                body = {"name": f"user-{number}", "password": "wrong"}
                said = {"X-Forwarded-For": f"2001:db8::{number:x}"}
                async with session.post(f"{proxied.url}/api/login", json=body, headers=said):
                    return

            tries = [asyncio.create_task(attempt(number)) for number in range(1, 40)]
            await asyncio.sleep(0)  # they are on their way
            body = {"name": "ines", "password": PASSWORD}
            said = {"X-Forwarded-For": "192.0.2.1"}
            async with session.post(f"{proxied.url}/api/login", json=body, headers=said) as answer:
                status = answer.status
            await asyncio.gather(*tries)
            return status

    assert asyncio.run(attack()) == 200


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_host_is_its_network(address: str, network: str) -> None:
    assert network_of(address) == network


# ---- what a client says of itself ----


def test_of_several_forwarded_lines_the_proxys_is_believed(proxied: LiveWeb) -> None:
    """A client may send the header itself; the proxy adds a line of its own behind it."""
    for _ in range(TRIES):
        with dial(proxied.url) as wire:
            body = json.dumps({"name": "x", "password": "y"}).encode()
            wire.sendall(
                b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                b"X-Forwarded-For: 203.0.113.%d\r\nX-Forwarded-For: 192.0.2.9\r\n"
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (_, len(body), body)
            )
            wire.recv(4096)
    client = Client(proxied.url, headers={"X-Forwarded-For": "192.0.2.9"})
    assert client.log_in("guest") == 429


def test_a_foreign_name_is_refused_behind_a_proxy_too(tmp_path: Path) -> None:
    """Without users the name is all that a page of another site would have to get right."""
    with live_web(tmp_path, web="  proxies: [127.0.0.1]\n") as running:
        client = Client(running.url, headers={"X-Forwarded-For": "192.0.2.1"})
        assert client.get("/api/me")[0] == 200
        assert client.get("/api/me", Host="evil.example")[0] == 421


def test_plain_http_is_not_forbidden_for_later(web: LiveWeb) -> None:
    _, _, headers = Client(web.url).get("/healthz")
    assert not headers.keys() & ONLY_HTTPS.keys()


# ---- sessions on disk ----


def test_a_failed_write_is_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.write_text("in the way")
    sessions = Sessions(folder)
    cookie = sessions.begin("ines", "hash")
    folder.unlink()

    sessions.save_again()

    assert Sessions(folder).find(cookie) is not None


def test_a_logout_that_cannot_be_stored_is_not_undone(tmp_path: Path) -> None:
    """Then all have to log in again after a restart."""
    sessions = Sessions(tmp_path)
    cookie = sessions.begin("ines", "hash")
    (tmp_path / FILE).with_suffix(".new").mkdir()  # nothing can be written there

    sessions.end(cookie)

    assert Sessions(tmp_path).find(cookie) is None


def test_a_session_of_a_clock_that_was_ahead_does_not_live_for_ever() -> None:
    sessions = Sessions(None)
    now = time.time()
    cookie = sessions.begin("ines", "hash", now=now + 365 * 86_400)
    assert sessions.find(cookie, now=now) is None
    near = sessions.begin("ines", "hash", now=now + CLOCK_S / 2)
    assert sessions.find(near, now=now) is not None

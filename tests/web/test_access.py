"""Logins, tokens and rights, and how hard it is to get in without them."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import socket
import ssl
import stat
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from camfan import EventPublisher, Publisher
from camfan_config import load_site
from camfan_nodes.web import attempts, passwords, sessions
from camfan_nodes.web.cli_password import SHORTEST
from camfan_nodes.web.route import Rights
from camfan_nodes.web.routes import ROUTES
from camfan_testing.hashes import PASSWORD, PASSWORD_HASH, TOKEN, TOKEN_HASH
from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera, publish_first, wait_until
from camfan_testing.ports import free_ports
from camfan_testing.processes import camfan
from camfan_testing.sites import custom_cameras, write_site
from camfan_testing.web import LiveWeb, TestPage, live_web, page, web_server, with_web
from camfan_testing.web_client import Client

USERS = f"""  users:
    ines: {{password: {PASSWORD_HASH}, role: owner}}
    tom: {{password: {PASSWORD_HASH}, role: operator}}
    guest: {{password: {PASSWORD_HASH}, cameras: [two]}}
  tokens:
    printer: {{token: {TOKEN_HASH}, cameras: [two]}}
"""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[LiveWeb]:
    with live_web(tmp_path, web=USERS) as running:
        yield running


@pytest.fixture
def client(web: LiveWeb) -> Client:
    return Client(web.url)


PRIVATE = sorted(
    route.path.replace("{camera}", "one")
    for route in ROUTES
    if route.method == "GET" and route.rights not in (Rights.PUBLIC, Rights.PAGE)
)


@pytest.mark.parametrize("path", PRIVATE)
def test_without_a_login_there_is_nothing(client: Client, path: str) -> None:
    """401, and no word of cameras; every route that is not public."""
    status, body, headers = client.get(path)

    assert status == 401
    assert b"one" not in body.replace(b"one-", b"")
    assert headers["WWW-Authenticate"]


@pytest.mark.parametrize("path", ["/live", "/site"])
def test_pages_lead_to_the_login_and_back(client: Client, path: str) -> None:
    status, _, headers = client.get(f"{path}?x=1&y=2")

    assert status == 302
    assert headers["Location"] == f"/login?to={path}?x%3D1%26y%3D2"
    assert client.get("/login")[0] == 200


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(client: Client) -> None:
    status, _, headers = client.post("/api/login", {"name": "ines", "password": PASSWORD})

    assert status == 200
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie  # this is plain HTTP on loopback


def test_logging_out_ends_the_session_on_the_server(client: Client) -> None:
    """The cookie is worth nothing afterwards, kept or not."""
    assert client.log_in("ines") == 200
    assert client.get("/api/me")[0] == 200
    assert client.post("/api/logout", {})[0] == 200

    assert client.get("/api/me")[0] == 401


def test_logins_survive_a_restart_but_not_a_new_password(
    tmp_path: Path, web: LiveWeb, client: Client
) -> None:
    assert client.log_in("ines") == 200
    (file,) = tmp_path.glob(f"state/{sessions.FILE}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert client.cookie is not None
    assert client.cookie.partition("=")[2] not in file.read_text()
    (port, other, third) = free_ports(3)

    with web_server(with_web(web.site, listen=f"127.0.0.1:{port}")) as (url, _):
        renamed = (client.cookie or "").replace(web.url.rpartition(":")[2], str(port))
        assert Client(url, renamed).get("/api/me")[0] == 200
    user = web.server.access.web.users["ines"]
    changed = {"ines": type(user)(password=passwords.hash_password("another one"), role="owner")}
    for where, users in ((other, changed), (third, {})):  # with tokens alone, too
        site = with_web(web.site, listen=f"127.0.0.1:{where}", users=users)
        with web_server(site) as (url, _):
            renamed = (client.cookie or "").replace(web.url.rpartition(":")[2], str(where))
            assert Client(url, renamed).get("/api/me")[0] == 401


def test_a_token_does_not_see_the_pages_of_a_user_of_its_name(tmp_path: Path) -> None:
    namesake = USERS.replace("printer:", "ines:")
    with live_web(tmp_path, web=namesake) as web:
        client = Client(web.url)
        assert client.log_in("ines") == 200

        token = Client(web.url, headers={"Authorization": f"Bearer {TOKEN}"})

        async def pages_seen_by(one: Client) -> int:
            _, body, _ = await asyncio.to_thread(one.get, "/api/clients")
            return len(json.loads(body)["clients"])

        async def look() -> None:
            async with page(web.url, headers={"Cookie": client.cookie or ""}) as browser:
                await browser.hello()
                assert await pages_seen_by(client) == 1
                assert await pages_seen_by(token) == 0

        asyncio.run(look())


def test_a_session_that_is_not_used_ends(tmp_path: Path) -> None:
    kept = sessions.Sessions(tmp_path)
    cookie = kept.begin("ines", PASSWORD_HASH, now=1000.0)

    assert kept.find(cookie, now=1000.0 + sessions.IDLE_S - 1) is not None
    assert kept.find(cookie, now=1000.0 + 2 * sessions.IDLE_S) is None
    assert kept.find("x" * 43, now=1000.0) is None


def test_what_is_wrong_is_not_said(client: Client) -> None:
    """The same answer for a wrong password and for a name that does not exist."""
    known = client.post("/api/login", {"name": "ines", "password": "wrong"})
    unknown = client.post("/api/login", {"name": "unknown", "password": "wrong"})

    assert (known[0], unknown[0]) == (401, 401)
    assert json.loads(known[1])["left"] == 4
    assert b"ines" not in known[1]
    assert b"do not match" in unknown[1]


def test_names_that_do_not_exist_take_as_long(web: LiveWeb) -> None:
    """The same hash function at the same cost is computed for both."""
    access = web.server.access
    known, may = access.password_hash("guest")
    unknown, may_not = access.password_hash("unknown")

    assert (may, may_not) == (True, False)
    assert known.split(".")[:4] == unknown.split(".")[:4]
    assert passwords.verify_password(PASSWORD, unknown)  # the work is done, and does not help
    assert Client(web.url).log_in("unknown", PASSWORD) == 401


def test_after_five_tries_there_is_a_wait(client: Client) -> None:
    """By address, so the right password does not help either; many at once do not help."""
    for _ in range(5):
        assert client.log_in("ines", "wrong") == 401
    status, body, headers = client.post("/api/login", {"name": "ines", "password": PASSWORD})

    assert status == 429
    assert 0 < int(headers["Retry-After"]) <= 60
    assert b"Wait" in body


def test_many_tries_at_once_count_too(web: LiveWeb) -> None:
    async def attack() -> list[int]:
        async with aiohttp.ClientSession() as session:

            async def attempt(number: int) -> int:
                body = {"name": f"user-{number}", "password": "wrong"}
                async with session.post(f"{web.url}/api/login", json=body) as answer:
                    return answer.status

            return list(await asyncio.gather(*(attempt(number) for number in range(30))))

    found = asyncio.run(attack())

    assert found.count(401) <= 5
    assert found.count(401) + found.count(429) == 30


def test_the_wait_ends_and_is_bounded_in_memory() -> None:
    now = [0.0]
    tries = attempts.Attempts(lambda: now[0])
    for _ in range(attempts.TRIES):
        tries.failed("a")
    assert tries.wait_s("a", "b") == pytest.approx(attempts.WAIT_S)
    now[0] += attempts.WAIT_S + 1
    assert tries.wait_s("a") == 0
    for number in range(attempts.MOST + 100):
        tries.failed(str(number))
    assert len(tries._failed) == attempts.MOST


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"name=ines", "application/x-www-form-urlencoded", 415),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"name": 1, "password": "x"}', "application/json", 400),
        (b'{"name": "\\ud800", "password": "x"}', "application/json", 400),
        (json.dumps({"name": "ines", "password": "x" * 5000}).encode(), "application/json", 400),
        (b'{"name": "' + b"x" * 40_000 + b'"}', "application/json", 413),
        (b"[" * 10_000, "application/json", 400),
    ],
)
def test_a_login_that_is_not_valid(client: Client, body: bytes, kind: str, status: int) -> None:
    assert client.ask("POST", "/api/login", body, Content_Type=kind)[0] == status


@pytest.mark.parametrize("path", ["/api/login", "/api/logout", "/api/cameras/two/settings"])
@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"},
                {"Origin": "null"}],
)  # fmt: skip
def test_a_page_of_another_site_changes_nothing(
    client: Client, path: str, headers: dict[str, str]
) -> None:
    assert client.log_in("ines") == 200

    assert client.post(path, {"name": "ines", "password": PASSWORD}, **headers)[0] == 403
    assert client.get("/api/me")[0] == 200


def test_a_page_of_another_site_gets_no_socket(web: LiveWeb, client: Client) -> None:
    """Browsers send the cookie along with a WebSocket of any page, so its origin is checked."""
    assert client.log_in("ines") == 200

    async def connect(origin: str) -> int:
        headers = {"Cookie": client.cookie or "", "Origin": origin}
        try:
            async with page(web.url, headers=headers) as browser:
                await browser.hello()
                return 101
        except aiohttp.WSServerHandshakeError as exc:
            return exc.status

    assert asyncio.run(connect(web.url)) == 101
    for origin in ("https://evil.example", "null", web.url + "0", web.url.replace("http", "https")):
        assert asyncio.run(connect(origin)) == 403


def test_a_token_is_taken_in_any_way_that_software_has(web: LiveWeb) -> None:
    """As a header, in the address, as a password; it opens its cameras and nothing else."""
    import base64

    basic = base64.b64encode(f"anything:{TOKEN}".encode()).decode()
    with Publisher(web.site, "two") as two:
        publish_first(two)
        client = Client(web.url)
        path = "/snapshot/two.jpg?max_age=100"
        assert client.get(path, Authorization=f"Bearer {TOKEN}")[0] == 200
        assert client.get(path, Authorization=f"Basic {basic}")[0] == 200
        status, _, headers = client.get(f"{path}&token={TOKEN}")
        assert status == 200
        assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        for wrong in ("Bearer ", f"Bearer {TOKEN}x", "Basic !", "Basic", "Bearer"):
            assert client.get(path, Authorization=wrong)[0] == 401
        assert client.get(f"/snapshot/one.jpg?token={TOKEN}")[0] == 404
        assert client.post(f"/api/cameras/two/settings?token={TOKEN}", {})[0] == 403


def web_answers(web: LiveWeb, node: str) -> Callable[[], bool]:
    return lambda: web.server.live._context.overviews.answers(node)


def test_roles(web: LiveWeb) -> None:
    """A viewer sets nothing, an operator does; figures of everybody are the owner's."""
    with Publisher(web.site, "two"):
        wait_until(lambda: "two" in web.server.hub.statuses)
        wait_until(web_answers(web, "two"))
        for name, sets, metrics in (("guest", 403, 403), ("tom", 202, 403), ("ines", 202, 200)):
            client = Client(web.url)
            assert client.log_in(name) == 200
            assert client.post("/api/cameras/two/settings", {})[0] == sets
            assert client.get("/metrics")[0] == metrics


def live_cameras(web: LiveWeb) -> set[str]:
    """The cameras that the broker says are live."""
    status = web.server.hub.statuses.get("broker")
    if status is None or status.broker is None:
        return set()
    return {name for name, one in status.broker.cameras.items() if one.state == "live"}


def test_nothing_of_another_camera_by_any_path(web: LiveWeb) -> None:
    """A user of one camera learns neither frames, names nor the number of others."""
    with Camera(web.site, "one", 20), Camera(web.site, "two", 20):
        wait_until(lambda: {"one", "two"} <= set(web.server.hub.statuses))
        wait_until(lambda: live_cameras(web) == {"one", "two"})
        guest = Client(web.url)
        assert guest.log_in("guest") == 200
        with EventPublisher(web.site, "watch", kind="motion") as watch:
            watch.event("motion", "start", camera="one")
            watch.event("disk-low", "start")
            wait_until(lambda: len(web.server.hub.events) == 2)
            for path in ("/api/me", "/api/status", "/api/cameras", "/api/events", "/api/clients"):
                status, body, _ = guest.get(path)
                assert status == 200
                assert b'"one"' not in body
                assert b"one is" not in body
                assert b"of 2" not in body
            texts = asyncio.run(peep(web, guest))
        unknown = guest.get("/snapshot/nothing.jpg")[1]
        for path in ("/snapshot/one.jpg", "/stream/one.mjpg", "/?action=snapshot&camera=one",
                     "/?action=stream&camera=one", "/api/cameras/one", "/snapshot/%6fne.jpg",
                     "/snapshot/..%2Fone.jpg", "/stream/one.mjpg?camera=two"):  # fmt: skip
            status, body, _ = guest.get(path)
            assert status == 404, path
            assert body == unknown or b"one" not in body
        assert guest.post("/api/cameras/one/settings", {"fps": 1})[0] == 404
        assert guest.get("/?action=snapshot")[2]["X-Camfan-Sequence"]

    assert '"one"' not in json.dumps(texts)


async def peep(web: LiveWeb, guest: Client) -> list[dict[str, Any]]:
    """All that the socket gives when everything is asked for."""
    async with page(web.url, headers={"Cookie": guest.cookie or ""}) as browser:
        assert (await browser.hello())["cameras"] == {"two": 1}
        await browser.want("one", "two", "*", "../one")
        for _ in range(20):
            assert (await browser.picture()).number == 1
        await browser.want("one")
        await drained(browser)
        return browser.texts


async def drained(browser: TestPage) -> None:
    """What was under way has come, and no picture comes any more."""
    await browser.socket.send_json({"type": "probe", "sent": 1})
    while not any(text["type"] == "echo" for text in browser.texts):
        message = await browser.socket.receive(10)
        if message.type is aiohttp.WSMsgType.TEXT:
            browser.texts.append(json.loads(message.data))
    for _ in range(2):
        await browser.text("state")


POLICY = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'"


@pytest.mark.parametrize("path", ["/login", "/static/live.js", "/api/me", "/nothing", "/snapshot/"])
def test_every_answer_is_guarded(client: Client, path: str) -> None:
    """A strict policy, no sniffing, no referrer, whether it is an answer or an error."""
    _, _, headers = client.get(path)

    assert headers["Content-Security-Policy"].startswith(POLICY)
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path",
    ["/static/../server.py", "/static/..%2fserver.py", "/static/%2e%2e/server.py",
     "/static//etc/passwd", "/static/live.html", "/static/", "/static/nothing.js"],
)  # fmt: skip
def test_no_other_file_is_served(client: Client, path: str) -> None:
    assert client.get(path)[0] in (403, 404)


# ---- without users ----


def test_without_users_it_answers_to_names_of_this_machine_only(tmp_path: Path) -> None:
    """So that no name of a stranger that points here can read it (DNS rebinding)."""
    with live_web(tmp_path) as web:
        client, port = Client(web.url), web.url.rpartition(":")[2]
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", "hub.local", "hub", "[::1]:80"):
            assert client.get("/api/me", Host=host)[0] == 200, host
        status, body, _ = client.get("/api/me", Host="evil.example")
        assert status == 421
        assert b"not a name of this machine" in body


def test_without_users_it_listens_here_only(tmp_path: Path) -> None:
    """And says what to write."""
    path = write_site(tmp_path, custom_cameras("one") + "\nweb: {listen: '0.0.0.0:8080'}").path

    with camfan("web", "--config", str(path)) as web:
        assert web.wait() == 78
    assert "listens to the network without web.users: write 'users: {NAME: {password" in web.output


def test_it_says_at_the_start_whether_there_are_users(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    text = custom_cameras("one") + f"\nweb: {{listen: '127.0.0.1:{port}'}}"
    with camfan("web", "--config", str(write_site(tmp_path, text).path)) as web:
        web.wait_for(f"open http://127.0.0.1:{port}; there are no users")
        assert web.stop() == 0
    assert "Traceback" not in web.output


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = custom_cameras("one") + f"\nweb: {{listen: '127.0.0.1:{port}'}}"
        with camfan("web", "--config", str(write_site(tmp_path, text).path)) as web:
            assert web.wait() == 69
    assert f"cannot listen on 127.0.0.1:{port}" in web.lines[-1]


def test_a_site_with_tokens_alone_is_not_said_to_be_open(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    tokens = USERS[USERS.index("  tokens:") :]
    text = f"{custom_cameras('one', 'two')}\nweb:\n  listen: 127.0.0.1:{port}\n{tokens}"
    with camfan("web", "--config", str(write_site(tmp_path, text).path)) as web:
        assert "every client that reaches it" not in web.wait_for("open http")


def test_a_site_without_pages_says_so(tmp_path: Path) -> None:
    with camfan("web", "--config", str(write_site(tmp_path, custom_cameras("one")).path)) as web:
        assert web.wait() == 78
    assert "no web section" in web.output


# ---- TLS and proxies ----


def test_with_a_certificate_it_speaks_tls_only(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    """And the cookie is Secure, and bound to this host."""
    pem, key = certificate
    tls = f"  tls: {{certificate: {pem}, key: {key}}}\n"
    with live_web(tmp_path, web=USERS + tls) as web:
        assert web.url.startswith("https://")
        context = ssl.create_default_context(cafile=str(pem))
        body = json.dumps({"name": "ines", "password": PASSWORD}).encode()
        request = urllib.request.Request(
            f"{web.url}/api/login", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, context=context) as answer:
            cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-camfan=")
        assert "Secure" in cookie
        with pytest.raises((OSError, http.client.HTTPException)):
            Client(web.url.replace("https", "http")).get("/login")


def test_streams_go_on_under_tls(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    pem, key = certificate
    tls = f"  tls: {{certificate: {pem}, key: {key}}}\n"
    picture = jpeg(320, 240)
    with live_web(tmp_path, web=USERS + tls) as web, Camera(web.site, "two", 20, [picture]):
        context = ssl.create_default_context(cafile=str(pem))
        address = f"{web.url}/stream/two.mjpg?token={TOKEN}"
        with urllib.request.urlopen(address, context=context, timeout=20) as stream:
            got = stream.read(5 * len(picture))
    assert got.count(picture) >= 4


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the program ffmpeg")
def test_ffmpeg_sends_a_token_as_the_password_of_an_address(web: LiveWeb, tmp_path: Path) -> None:
    address = web.url.replace("http://", f"http://any:{TOKEN}@") + "/stream/two.mjpg"
    made = tmp_path / "film.mkv"
    with Camera(web.site, "two", 20):
        subprocess.run(
            ["ffmpeg", "-loglevel", "error", "-i", address, "-frames:v", "3", "-c", "copy", made],
            check=True, timeout=60,
        )  # fmt: skip
    assert made.stat().st_size


def test_a_certificate_that_is_not_valid_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nothing")
    (port,) = free_ports(1)
    text = custom_cameras("one") + (
        f"\nweb: {{listen: '127.0.0.1:{port}', tls: {{certificate: bad.pem, key: none.pem}}}}"
    )
    with camfan("web", "--config", str(write_site(tmp_path, text).path)) as web:
        assert web.wait() == 69
    assert "bad.pem and" in web.lines[-1]
    assert "Traceback" not in web.output


def test_forwarded_headers_are_believed_from_named_proxies_only(
    tmp_path: Path, web: LiveWeb
) -> None:
    """Without a named proxy they are anybody's word; with one they make Secure cookies."""
    forged = {
        "X_Forwarded_Proto": "https",
        "X_Forwarded_Host": "cams.example",
        "X_Forwarded_For": "203.0.113.9",
    }
    client = Client(web.url)
    _, _, headers = client.post("/api/login", {"name": "ines", "password": PASSWORD}, **forged)
    assert "Secure" not in headers["Set-Cookie"]
    assert client.log_in("ines", Origin="https://cams.example", **forged) == 403

    (tmp_path / "proxied").mkdir()
    with live_web(tmp_path / "proxied", web=USERS + "  proxies: [127.0.0.0/8]\n") as behind:
        client = Client(behind.url)
        status, _, headers = client.post(
            "/api/login",
            {"name": "ines", "password": PASSWORD},
            Origin="https://cams.example",
            **forged,
        )
        assert status == 200
        assert headers["Set-Cookie"].startswith("__Host-camfan=")
        for _ in range(5):
            assert client.log_in("ines", "wrong", **forged) == 401
        assert client.log_in("tom", **forged) == 429
        other = {**forged, "X_Forwarded_For": "203.0.113.10"}
        assert client.log_in("tom", **other) == 200
        client.post("/api/login", {"name": "x", "password": "y"}, **{
            **forged, "X_Forwarded_For": "1.2.3.4, 203.0.113.77"})  # fmt: skip
        assert any("203.0.113.77" in key for key in behind.server.login._attempts._failed)


# ---- hashes ----


def test_hashes_are_salted_and_verify() -> None:
    one, two = passwords.hash_password("korrekt pferd"), passwords.hash_password("korrekt pferd")

    assert one != two
    assert one.startswith("scrypt.15.8.1.")
    assert passwords.verify_password("korrekt pferd", one)
    assert not passwords.verify_password("korrekt pferd ", one)
    assert not passwords.verify_password("", "***")
    token = passwords.new_token()
    assert len(token) >= 40
    assert passwords.verify_token(token, passwords.hash_token(token))
    assert not passwords.verify_token(token + "x", passwords.hash_token(token))


def password_command(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    import sys

    return subprocess.run(
        [sys.executable, "-m", "camfan_nodes", "password", *arguments],
        input=typed, capture_output=True, text=True, check=False, env=os.environ,
    )  # fmt: skip


def test_the_command_makes_what_the_site_file_takes(tmp_path: Path) -> None:
    made = password_command(typed="a long password\n")
    hashed = made.stdout.strip()
    assert passwords.verify_password("a long password", hashed)
    short = password_command(typed="short\n")
    assert (short.returncode, short.stdout) == (69, "")
    assert f"at least {SHORTEST}" in short.stderr
    lines = password_command("--token").stdout.splitlines()
    token, token_hash = (line.split(":")[1].strip() for line in lines)
    assert passwords.verify_token(token, token_hash)

    text = (
        custom_cameras("one")
        + f"\nweb: {{users: {{me: {{password: {hashed}}}}}, "
        + f"tokens: {{ha: {{token: {token_hash}}}}}}}"
    )
    assert load_site(write_site(tmp_path, text).path).web is not None

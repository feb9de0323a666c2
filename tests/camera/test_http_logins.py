"""Users and passwords of HTTP cameras: every way in which a camera asks, or does not."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camfan_config.types import HttpCamera
from camfan_nodes.camera.challenge import Challenge, read_challenges
from camfan_nodes.camera.clock import NodeClock
from camfan_nodes.camera.http_camera import HttpSource
from camfan_nodes.camera.login import CameraLogin, UnknownWayError, answer_digest
from camfan_nodes.camera.source import CapturedFrame, SourceError
from camfan_testing.jpegs import jpeg
from camfan_testing.raw_cameras import Asked, Behaviour, RawCamera, raw_camera

USER, PASSWORD = "anna", 'p@ss/wörd"\\'
WRITTEN = "anna:p%40ss%2Fw%C3%B6rd%22%5C"  # in a URL
PICTURE = jpeg(64, 48)
NONCE = 'a"b=,'

Door = Callable[[Asked], bool]


def _basic(asked: Asked) -> bool:
    pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    return asked.lines.get("authorization") == f"Basic {pair}"


def _pairs(said: str) -> dict[str, str]:
    found = re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^,\s]+))', said)
    return {name: re.sub(r"\\(.)", r"\1", quoted) or plain for name, quoted, plain in found}


def _digest(algorithm: str, qop: str = "auth", nonce: str = NONCE) -> Door:
    """Lets in what answers the challenge as RFC 2617 and 7616 say."""

    def h(text: str) -> str:
        name = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
        return hashlib.new(name[algorithm.removesuffix("-sess")], text.encode()).hexdigest()

    def door(asked: Asked) -> bool:
        said = _pairs(asked.lines.get("authorization", ""))
        if not said or (said["nonce"], said["uri"]) != (nonce, asked.target):
            return False
        start = h(f"{USER}:{said['realm']}:{PASSWORD}")
        if algorithm.endswith("-sess"):
            start = h(f"{start}:{nonce}:{said['cnonce']}")
        end = h(f"GET:{asked.target}" + (f":{h('')}" if qop == "auth-int" else ""))
        middle = f"{nonce}:{said['nc']}:{said['cnonce']}:{qop}" if qop else nonce
        assert said.get("qop", "") == qop
        assert said["username"] == USER
        return said["response"] == h(f"{start}:{middle}:{end}")

    return door


def _refusal(*challenges: str, status: str = "401 Unauthorized", body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"WWW-Authenticate: {each}" for each in challenges)]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _behind(door: Door, refusal: bytes) -> Behaviour:
    def behave(connection: socket.socket, asked: Asked) -> None:
        good = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + PICTURE
        connection.sendall(good if door(asked) else refusal)

    return behave


def _take(url: str, count: int = 1) -> None:
    """A number of snapshots. Raises SourceError."""
    camera = HttpCamera(url=url, snapshot=True, fps=100, stall_after=4)
    with HttpSource(camera, NodeClock(threading.Event())).open() as stream:
        while count:
            got = stream.capture()
            if isinstance(got, CapturedFrame):
                assert got.content == PICTURE
                count -= 1


def _trouble(url: str) -> str:
    with pytest.raises(SourceError) as caught:
        _take(url)
    assert PASSWORD not in str(caught.value)
    assert USER not in str(caught.value)
    return str(caught.value)


def _said(camera: RawCamera) -> list[str]:
    return [asked.lines.get("authorization", "") for asked in camera.asked]


@pytest.mark.parametrize(
    ("challenge", "door"),
    [
        ('Basic realm="camera"', _basic),
        ("Basic", _basic),
        ("basic", _basic),
        ('Digest realm="c", nonce="a\\"b=,", qop="auth"', _digest("MD5")),
        ('Digest realm="c", nonce="a\\"b=,", qop="auth, auth-int"', _digest("MD5")),
        ('Digest realm="c", nonce="a\\"b=,", qop="auth-int,auth"', _digest("MD5")),
        ('Digest realm="c", qop=auth, auth-int, nonce="a\\"b=,"', _digest("MD5")),
        ('Digest realm="c", nonce="a\\"b=,", qop="auth-int"', _digest("MD5", "auth-int")),
        ('Digest realm="c", nonce="a\\"b=,"', _digest("MD5", "")),
        ('Digest realm="c", nonce="a\\"b=,", algorithm=md5', _digest("MD5", "")),
        ('Digest realm="c,\\"d", nonce="a\\"b=,", opaque="x,y", qop="auth"', _digest("MD5")),
        ('Digest nonce="a\\"b=,", qop="auth", algorithm="MD5-sess"', _digest("MD5-sess")),
        ('DIGEST nonce="a\\"b=,",qop="auth",algorithm=SHA-256', _digest("SHA-256")),
        ('Digest nonce="a\\"b=,", qop="auth", algorithm=SHA-256-sess', _digest("SHA-256-sess")),
        ('Digest nonce="a\\"b=,", qop="auth", algorithm=SHA-512-256', _digest("SHA-512-256")),
    ],
)
def test_each_way_to_ask(challenge: str, door: Door) -> None:
    """Letters that a URL must escape included; the second picture costs one request."""
    with raw_camera(_behind(door, _refusal(challenge))) as camera:
        _take(camera.url("/a b?c=d,e", WRITTEN), 3)

        assert len(camera.asked) >= 4
        assert _said(camera)[0] == ""
        assert all(_said(camera)[1:])
        wrong = _trouble(camera.url(user=f"{USER}:secret"))
        without = _trouble(camera.url())

    assert "the camera answers 401: login required, or wrong user or password" in wrong
    assert "the camera answers 401: login required, or wrong user or password" in without
    assert "secret" not in wrong


@pytest.mark.parametrize(
    ("challenges", "door"),
    [
        (['Bearer realm="c"', 'Basic realm="c"'], _basic),
        (['Basic realm="c"', 'Digest nonce="a\\"b=,", qop="auth"'], _digest("MD5")),
        (['Basic realm="c", Digest nonce="a\\"b=,", qop="auth,auth-int"'], _digest("MD5")),
        (['Digest nonce="a\\"b=,", qop="auth", Basic realm="c"'], _digest("MD5")),
        (
            [
                'Digest nonce="a\\"b=,", qop="auth", algorithm=MD5',
                'Digest nonce="a\\"b=,", qop="auth", algorithm=SHA-256',
                'Digest nonce="a\\"b=,", qop="auth", algorithm=SHA-1024',
            ],
            _digest("SHA-256"),
        ),
        (["NTLM", "Negotiate", "Basic"], _basic),
    ],
)
def test_the_strongest_known_way_is_taken(challenges: list[str], door: Door) -> None:
    """Of several lines, and of several in one line; a password is not sent where it need not be."""
    with raw_camera(_behind(door, _refusal(*challenges))) as camera:
        _take(camera.url(user=WRITTEN))

        assert not door(camera.asked[0])
        assert door(camera.asked[1])


@pytest.mark.parametrize(
    "refusal",
    [
        _refusal(),
        _refusal(""),
        _refusal('"\\' * 3000),
        _refusal(status="403 Forbidden"),
        _refusal(status="404 Not Found"),
        _refusal(status="200 OK\r\nContent-Type: text/html", body=b"<h1>Log in</h1>"),
        _refusal(status="302 Found\r\nLocation: /login.html"),
        b"",
    ],
)
def test_a_camera_that_does_not_ask_gets_the_password_unasked(refusal: bytes) -> None:
    """As Basic, once; without a user in the address nothing is sent."""

    def behave(connection: socket.socket, asked: Asked) -> None:
        if asked.target == "/login.html":
            connection.sendall(_refusal(status="200 OK\r\nContent-Type: text/html"))
        else:
            _behind(_basic, refusal)(connection, asked)

    with raw_camera(behave) as camera:
        _take(camera.url(user=WRITTEN), 2)
        first = len(camera.asked)
        _trouble(camera.url(user=f"{USER}:secret"))
        assert len(camera.asked) - first <= 4
        _trouble(camera.url())

        assert _said(camera)[-1] == ""


def test_a_nonce_that_is_too_old_is_not_a_wrong_password() -> None:
    """The camera gives another one, and is answered with it."""
    nonces = iter(range(100))
    now = [""]

    def behave(connection: socket.socket, asked: Asked) -> None:
        if now[0] and _digest("MD5", nonce=now[0])(asked):
            now[0] = ""  # each lets one request in
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + PICTURE)
        else:
            now[0] = f"n{next(nonces)}"
            challenge = f'Digest realm="c", nonce="{now[0]}", qop="auth", stale=TRUE'
            connection.sendall(_refusal(challenge))

    with raw_camera(behave) as camera:
        _take(camera.url(user=WRITTEN), 3)


def test_a_camera_that_calls_every_nonce_too_old_ends() -> None:
    challenge = 'Digest realm="c", nonce="x", qop="auth", stale=true'
    with raw_camera(_behind(lambda _: False, _refusal(challenge))) as camera:
        assert "answers 401" in _trouble(camera.url(user=WRITTEN))

        assert len(camera.asked) < 9


def test_nonces_are_counted() -> None:
    """The same nonce, a rising count."""
    challenge = 'Digest nonce="a\\"b=,", qop="auth"'
    with raw_camera(_behind(_digest("MD5"), _refusal(challenge))) as camera:
        _take(camera.url(user=WRITTEN), 3)
        counts = [_pairs(said)["nc"] for said in _said(camera)[1:4]]

    assert counts == ["00000001", "00000002", "00000003"]


@pytest.mark.parametrize("way", ["Basic", 'Digest nonce="a\\"b=,", qop="auth"'])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_same_host_keeps_the_login(way: str, status: int) -> None:
    """Relative or not; Digest answers for the new path."""
    door = _basic if way == "Basic" else _digest("MD5")

    def behave(connection: socket.socket, asked: Asked) -> None:
        if asked.target == "/stream":
            there = f"HTTP/1.1 {status} Moved\r\nLocation: real/shot.jpg?x=1\r\n\r\n"
            connection.sendall(there.encode())
        else:
            assert asked.target == "/real/shot.jpg?x=1"
            _behind(door, _refusal(way))(connection, asked)

    with raw_camera(behave) as camera:
        _take(camera.url(user=WRITTEN), 2)


def test_a_login_never_leaves_the_host_of_the_address() -> None:
    """Nor is one taken that the redirect brings along."""
    with raw_camera(_behind(lambda _: False, _refusal("Basic"))) as other:
        there = other.url("/shot", "eve:evil").replace("127.0.0.1", "localhost")
        moved = f"HTTP/1.1 302 Found\r\nLocation: {there}\r\n\r\n".encode()
        with raw_camera(_behind(lambda _: False, moved)) as camera:
            sentence = _trouble(camera.url(user=WRITTEN))

        assert _said(other) == [""]
    assert "login required; the login of the site file is not sent to another host" in sentence
    assert f"http://localhost:{other.port}" in sentence


@pytest.mark.parametrize("there", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x", "//[x"])
def test_other_schemes_are_not_followed(there: str) -> None:
    """A camera cannot send the node to a file of its own machine."""
    moved = f"HTTP/1.1 302 Found\r\nLocation: {there}\r\n\r\n".encode()
    with raw_camera(_behind(lambda _: False, moved)) as camera:
        assert "the camera answers 302: it redirects to an address that is not http" in (
            _trouble(camera.url())
        )


def test_redirects_end() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n"
    with raw_camera(_behind(lambda _: False, moved)) as camera:
        assert "no end of redirects and logins after 10 requests" in _trouble(
            camera.url(user=WRITTEN)
        )


@pytest.mark.parametrize(
    ("challenge", "words"),
    [
        ('Bearer realm="camera"', "it requires a token (Bearer), not a user"),
        ("bearer", "it requires a token (Bearer)"),
        ("NTLM", "it asks for NTLM; enable Basic or Digest in the camera"),
        ('Digest realm="x", nonce="1", algorithm=SHA-1024', "Digest with SHA-1024; enable Basic"),
        (
            "\x1b[2J" * 99,
            "it asks for an unknown way to log in; enable Basic or Digest in the camera",
        ),
        ("", "login required, or wrong user or password"),
    ],
)
@pytest.mark.parametrize("user", ["", WRITTEN])
def test_ways_that_are_not_known(challenge: str, words: str, user: str) -> None:
    """The sentence says what the camera asks for, and what to do."""
    with raw_camera(_behind(lambda _: False, _refusal(challenge))) as camera:
        sentence = _trouble(camera.url(user=user))

    assert "the camera answers 401: " in sentence
    assert words in sentence
    assert sentence.isprintable()


def test_the_example_of_the_rfc() -> None:
    """RFC 2069, 2.4, as its errata correct it."""
    way = Challenge(
        "Digest",
        {"realm": "testrealm@host.com", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093"},
    )
    said = _pairs(answer_digest(way, ("Mufasa", "CircleOfLife"), "GET", "/dir/index.html", 1))

    assert said["response"] == "1949323746fe6a43ef61f9606e7febea"


@given(st.lists(st.text(max_size=200), max_size=4))
def test_any_lines_are_challenges_or_nothing(lines: list[str]) -> None:
    login = CameraLogin("anna", "secret")
    try:
        asks_again = login.refused(read_challenges(lines))
    except UnknownWayError as exc:
        words = str(exc)
    else:
        words = login.header("GET", "/") or ""
        assert asks_again
    assert words.isprintable()

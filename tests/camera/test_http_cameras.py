"""The source `http`: MJPEG streams and snapshots of cameras that behave, and that do not."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camfan_config.types import HttpCamera
from camfan_nodes.camera.address import read_address
from camfan_nodes.camera.clock import NodeClock
from camfan_nodes.camera.http_camera import HttpSource
from camfan_nodes.camera.multipart import Parts, StreamError, boundary_of
from camfan_nodes.camera.source import Idle, Picture, SourceError
from camfan_testing.jpegs import jpeg
from camfan_testing.ports import free_ports
from camfan_wire.jpeg import MAX_BYTES

PICTURES = [jpeg(64, 48, seed) for seed in range(4)]
WAIT_S = 10.0

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def _camera(answer: Answer) -> Iterator[str]:
    """An HTTP camera that answers every GET so; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                answer(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Not to stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/stream"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _source(url: str, *, snapshot: bool = False, fps: float | None = None) -> HttpSource:
    camera = HttpCamera(url=url, snapshot=snapshot, fps=fps, stall_after=2)
    return HttpSource(camera, NodeClock(threading.Event()))


def _pictures(source: HttpSource, count: int) -> list[bytes]:
    found: list[bytes] = []
    with source.open() as stream:
        while len(found) < count:
            got = stream.capture()
            if isinstance(got, Picture):
                assert isinstance(got.content, bytes)
                found.append(got.content)
    return found


def _trouble(source: HttpSource) -> str:
    with pytest.raises(SourceError) as caught:
        _pictures(source, 1000)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def _head(handler: BaseHTTPRequestHandler, kind: str, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.end_headers()


def _mjpeg(
    *, lengths: bool = True, boundary: str = "frame", said: str | None = None, stay: bool = False
) -> Answer:
    """A camera that streams PICTURES, and then hangs up or stays silent."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        _head(handler, f"multipart/x-mixed-replace; boundary={said or boundary}")
        for picture in PICTURES:
            head = f"--{boundary}\r\nContent-Type: image/jpeg\r\n"
            head += f"Content-Length: {len(picture)}\r\n" if lengths else ""
            handler.wfile.write(head.encode() + b"\r\n" + picture + b"\r\n")
        handler.wfile.write(f"--{boundary}\r\n".encode())
        if stay:
            threading.Event().wait(WAIT_S)

    return answer


@pytest.mark.parametrize("lengths", [True, False])
@pytest.mark.parametrize(
    ("boundary", "said"), [("frame", None), ("--frame", None), ("frame", '"frame"')]
)
def test_a_stream_goes_through_untouched(lengths: bool, boundary: str, said: str | None) -> None:
    """Every JPEG is published byte for byte, however the camera frames its parts."""
    with _camera(_mjpeg(lengths=lengths, boundary=boundary, said=said)) as url:
        assert _pictures(_source(url), 4) == PICTURES


def test_a_stream_that_ends_is_an_outage() -> None:
    """A camera that hangs up has not ended normally: it is opened again."""
    with _camera(_mjpeg()) as url:
        assert "the camera ended the stream" in _trouble(_source(url))


def test_a_slow_reader_gets_the_newest() -> None:
    """When the node is late, old pictures are dropped and counted, never the newest."""
    many = [jpeg(64, 48, seed) for seed in range(50)]
    done = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        _head(handler, "multipart/x-mixed-replace; boundary=frame")
        for picture in many:
            handler.wfile.write(b"--frame\r\n\r\n" + picture + b"\r\n")
        handler.wfile.write(b"--frame\r\n")
        done.wait(WAIT_S)

    with _camera(answer) as url:
        source = _source(url)
        with source.open() as stream:
            while source.tally.dropped < 46:
                threading.Event().wait(0.005)
            kept = [stream.capture() for _ in range(4)]
            assert stream.capture() is Idle.SILENT
        done.set()

    assert [got.content for got in kept if isinstance(got, Picture)] == many[-4:]
    assert source.tally.dropped == 46


def test_snapshots_are_asked_for_at_the_rate() -> None:
    """One request a picture, the picture untouched."""
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        picture = PICTURES[(len(asked) - 1) % 4]
        handler.send_response(200)
        handler.send_header("Content-Type", "image/jpeg")
        handler.send_header("Content-Length", str(len(picture)))
        handler.end_headers()
        handler.wfile.write(picture)

    with _camera(answer) as url:
        assert _pictures(_source(url + "?size=full", snapshot=True, fps=100), 4) == PICTURES

    assert set(asked) == {"/stream?size=full"}


def _basic(handler: BaseHTTPRequestHandler) -> bool:
    wanted = "Basic " + base64.b64encode(b"anna:p@ss/word").decode()
    return handler.headers.get("Authorization") == wanted


def _digest(handler: BaseHTTPRequestHandler) -> bool:
    said = handler.headers.get("Authorization") or ""
    given_ = dict(re.findall(r'(\w+)="?([^",]+)', said))
    if not said.startswith("Digest "):
        return False
    make = hashlib.sha256 if given_["algorithm"] == "SHA-256" else hashlib.md5

    def digest(text: str) -> str:
        return make(text.encode()).hexdigest()

    start, rest = digest("anna:camera:p@ss/word"), digest(f"GET:{handler.path}")
    middle = f"{given_['nonce']}:{given_['nc']}:{given_['cnonce']}:auth"
    return bool(given_["response"] == digest(f"{start}:{middle}:{rest}"))


@pytest.mark.parametrize(
    ("scheme", "allowed"),
    [('Basic realm="camera"', _basic), ('Digest realm="camera", nonce="1", qop="auth"', _digest)],
)
def test_user_and_password(scheme: str, allowed: Callable[[BaseHTTPRequestHandler], bool]) -> None:
    """Both ways in which cameras ask for a password, with letters that a URL must escape."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if allowed(handler):
            _mjpeg()(handler)
        else:
            handler.send_response(401)
            handler.send_header("WWW-Authenticate", scheme)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

    with _camera(answer) as url:
        right = url.replace("//", "//anna:p%40ss%2Fword@")
        assert _pictures(_source(right), 4) == PICTURES
        wrong = _trouble(_source(url.replace("//", "//anna:secret@")))
        without = _trouble(_source(url))

    for sentence in (wrong, without):
        assert "the camera answers 401: it wants a user and a password" in sentence
        assert "secret" not in sentence
        assert "anna" not in sentence


def _asks(*challenges: str) -> Answer:
    """Lets in who says the password in one of the two ways, and nobody else."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if _basic(handler) or _digest(handler):
            _mjpeg()(handler)
        else:
            _refuses(*challenges)(handler)

    return answer


def _refuses(*challenges: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(401)
        for challenge in challenges:
            handler.send_header("WWW-Authenticate", challenge)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@pytest.mark.parametrize(
    "challenges",
    [
        ['Bearer realm="camera"', 'Basic realm="camera"'],
        ['Bearer realm="camera", Digest realm="camera", nonce="1", qop="auth"'],
        ['Basic realm="camera", Digest realm="camera", nonce="12", qop="auth,auth-int"'],
        [
            'Digest realm="camera", nonce="1", qop="auth", algorithm=SHA-512-256',
            'Digest realm="camera", nonce="1", qop="auth", algorithm=md5',
        ],
        ['Digest realm="camera", nonce="1", qop="auth", algorithm=SHA-256'],
        ["NTLM", "Negotiate", 'Basic realm="camera"'],
    ],
)
def test_one_known_way_among_others_is_enough(challenges: list[str]) -> None:
    with _camera(_asks(*challenges)) as url:
        right = url.replace("//", "//anna:p%40ss%2Fword@")
        assert _pictures(_source(right), 4) == PICTURES


@pytest.mark.parametrize(
    ("challenge", "words"),
    [
        ('Bearer realm="camera"', "it wants a token (Bearer), not a user"),
        ("bearer", "it wants a token (Bearer)"),
        ("NTLM", "it asks for NTLM; turn on Basic or Digest in it"),
        (
            'Digest realm="x", nonce="1", algorithm=SHA-512-256',
            "it asks for Digest with SHA-512-256; turn on Basic",
        ),
        ("\x1b[2J" * 99, "it asks for what is not known here; turn on Basic or Digest in it"),
        ('"\\' * 32_000, "it asks for what is not known here"),
        ("", "it wants a user and a password"),
    ],
)
@pytest.mark.parametrize("user", ["", "anna:p%40ss%2Fword@"])
def test_ways_to_let_somebody_in_that_are_not_known(challenge: str, words: str, user: str) -> None:
    """The sentence says what the camera asks for, and what to do."""
    with _camera(_refuses(challenge)) as url:
        sentence = _trouble(_source(url.replace("//", f"//{user}")))

    assert f"the camera answers 401: {words}" in sentence
    assert "\x1b" not in sentence


def test_letters_beyond_ascii_in_a_password() -> None:
    """A wrong password is a wrong password in any letters."""
    for challenge in ('Basic realm="c"', 'Digest realm="c", nonce="1", qop="auth"'):
        with _camera(_refuses(challenge)) as url:
            other = url.replace("//", "//anna:s%C3%BC%C3%9F@")
            assert "answers 401: it wants a user" in _trouble(_source(other))


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "does not let this user"), (404, "nothing under this path"), (503, "busy")],
)
def test_refusals_in_words(status: int, words: str) -> None:
    """What the camera's status means is said."""
    with _camera(lambda handler: _head(handler, "text/html", status)) as url:
        sentence = _trouble(_source(url))

    assert sentence.startswith(f"{read_address(url).shown}: the camera answers {status}: ")
    assert words in sentence


@pytest.mark.parametrize(
    ("snapshot", "kind", "words"),
    [
        (False, "text/html", "asked for an MJPEG stream, got text/html"),
        (False, "image/jpeg", "got image/jpeg; set `snapshot: true`"),
        (True, "text/html", "asked for a picture, got text/html"),
    ],
)
def test_the_wrong_kind_of_answer(snapshot: bool, kind: str, words: str) -> None:
    """A login page is no picture, and a picture is no stream."""
    with _camera(lambda handler: _head(handler, kind)) as url:
        assert words in _trouble(_source(url, snapshot=snapshot))


@pytest.mark.parametrize("snapshot", [True, False])
def test_what_a_camera_says_cannot_write_on_a_terminal(snapshot: bool) -> None:
    """Neither does it fill a log, or a status beyond what the broker takes."""
    evil = "\x1b[2J" + "x" * 5000

    def status(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(418, evil)
        handler.end_headers()

    for answer in (status, lambda handler: _head(handler, evil)):
        with _camera(answer) as url:
            sentence = _trouble(_source(url, snapshot=snapshot))
        assert sentence.isprintable()
        assert len(sentence) < 250


def test_nobody_there() -> None:
    """A camera that is switched off."""
    [port] = free_ports(1)

    assert "connection refused" in _trouble(_source(f"http://127.0.0.1:{port}/"))


def test_a_camera_that_accepts_and_says_nothing() -> None:
    """Silence ends within the time-out, in the head of the answer and in its body."""

    def silent(_: BaseHTTPRequestHandler) -> None:
        threading.Event().wait(3)

    with _camera(silent) as url:
        assert "1.6 s" in _trouble(_source(url))

    def half(handler: BaseHTTPRequestHandler) -> None:
        _head(handler, "multipart/x-mixed-replace; boundary=frame")
        handler.wfile.write(b"--frame\r\n\r\n" + PICTURES[0][:100])
        threading.Event().wait(3)

    with _camera(half) as url:
        assert "silent for 2 s" in _trouble(_source(url))


def test_leaving_a_silent_camera_takes_no_time() -> None:
    """Closing does not wait for a camera that says nothing, nor does its next opening."""
    with _camera(_mjpeg(stay=True)) as url:
        source = _source(url)
        with source.open() as stream:
            while stream.capture() is not Idle.SILENT:
                pass
        with source.open() as stream:  # at once: the thread of the first does not hang
            assert isinstance(stream.capture(), Picture)


def test_an_endless_picture_is_refused() -> None:
    """A part without end cannot fill the memory."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        _head(handler, "multipart/x-mixed-replace; boundary=frame")
        handler.wfile.write(b"--frame\r\n\r\n")
        for _ in range(300):
            handler.wfile.write(bytes(100_000))

    with _camera(answer) as url:
        assert "a picture of more than" in _trouble(_source(url))


def test_other_schemes_are_not_followed() -> None:
    """A camera cannot send the node to a file of its own machine."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "file:///etc/hostname")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with _camera(answer) as url:
        assert "the camera answers 302" in _trouble(_source(url))


def test_addresses_are_shown_without_secrets() -> None:
    """User, password, path and query never stand in a name, a log line or a repr."""
    address = read_address("http://anna:secret@[::1]:8080/a/b?user=anna&pwd=secret")

    assert address.shown == "http://[::1]:8080/…"
    assert address.bare == "http://[::1]:8080/a/b?user=anna&pwd=secret"
    assert (address.user, address.password) == ("anna", "secret")
    assert "secret" not in repr(address)


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_are_parts_or_refused(chunks: list[bytes]) -> None:
    """Whatever a camera sends, the answer is parts or a StreamError, and little is kept."""
    parts = Parts(b"x")
    try:
        for chunk in chunks:
            parts.feed(chunk)
    except StreamError:
        pass


@given(st.lists(st.integers(1, 500), min_size=1, max_size=60), st.booleans())
def test_the_cut_of_the_network_does_not_matter(cuts: list[int], lengths: bool) -> None:
    """However the bytes arrive, the same pictures come out."""
    stream = b"preamble\r\n"
    for picture in PICTURES:
        stream += b"--frame\r\nX-Time: 1\r\n"
        stream += b"Content-Length: %d\r\n" % len(picture) if lengths else b""
        stream += b"\r\n" + picture + b"\r\n"
    stream += b"--frame--"
    parts, found, at = Parts(b"frame"), [], 0
    while at < len(stream):
        size = cuts[at % len(cuts)]
        found += parts.feed(stream[at : at + size])
        at += size

    assert found == PICTURES


def test_limits_of_a_stream() -> None:
    """A length beyond the limit, and bytes in which no part begins, are refused."""
    with pytest.raises(StreamError, match="the limit is"):
        Parts(b"x").feed(b"--x\r\nContent-Length: %d\r\n\r\n" % (MAX_BYTES + 1))
    with pytest.raises(StreamError, match="no MJPEG stream"):
        Parts(b"x").feed(bytes(10_000))
    assert boundary_of("text/html; boundary=x") is None
    assert boundary_of("multipart/x-mixed-replace") is None

"""The source `http`: MJPEG streams and snapshots of cameras that behave, and that do not."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from camfan_config.types import HttpCamera
from camfan_nodes.camera.address import read_address
from camfan_nodes.camera.clock import NodeClock
from camfan_nodes.camera.http_camera import HttpSource
from camfan_nodes.camera.source import CapturedFrame, Idle, SourceError
from camfan_testing.jpegs import jpeg
from camfan_testing.ports import free_ports
from camfan_testing.raw_cameras import Asked, raw_camera, sends
from camfan_wire.jpeg import MAX_BYTES, picture_size

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
            if isinstance(got, CapturedFrame):
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
            while source.counts.dropped < 46:
                threading.Event().wait(0.005)
            kept = [stream.capture() for _ in range(4)]
            assert stream.capture() is Idle.SILENT
        done.set()

    assert [got.content for got in kept if isinstance(got, CapturedFrame)] == many[-4:]
    assert source.counts.dropped == 46


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


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "this user is not permitted"), (404, "nothing under this path"), (503, "busy")],
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
        (False, "image/jpeg", "nothing in it; set `snapshot: true`"),
        (False, "video/mp4", "asked for an MJPEG stream, got video/mp4"),
        (True, "text/html", "asked for a snapshot, got text/html"),
    ],
)
def test_the_wrong_kind_of_answer(snapshot: bool, kind: str, words: str) -> None:
    """A login page is not a frame, and a frame is not a stream."""
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


def test_nothing_listens_there() -> None:
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


@pytest.mark.parametrize("snapshot", [False, True])
def test_a_slow_camera_may_answer_when_its_picture_is_taken(snapshot: bool) -> None:
    """Its reader waits longer than that of a fast one, from the head of the answer on."""
    stream = _mjpeg()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        threading.Event().wait(2)
        if snapshot:
            _head(handler, "image/jpeg")
            handler.wfile.write(PICTURES[0])
        else:
            stream(handler)

    with _camera(answer) as url:
        assert "within 1.6 s" in _trouble(_source(url, snapshot=snapshot, fps=10))
        slow = _source(url, snapshot=snapshot, fps=0.5)
        assert _pictures(slow, 1) == PICTURES[:1]


def test_leaving_a_silent_camera_takes_no_time() -> None:
    """Closing does not wait for a camera that says nothing, nor does its next opening."""
    with _camera(_mjpeg(stay=True)) as url:
        source = _source(url)
        with source.open() as stream:
            while stream.capture() is not Idle.SILENT:
                pass
        with source.open() as stream:  # at once: the thread of the first does not hang
            assert isinstance(stream.capture(), CapturedFrame)


def test_an_endless_picture_is_refused() -> None:
    """A part without end cannot fill the memory."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        _head(handler, "multipart/x-mixed-replace; boundary=frame")
        handler.wfile.write(b"--frame\r\n\r\n" + PICTURES[0][:-2])
        for _ in range(MAX_BYTES // 1_000_000 + 2):
            handler.wfile.write(bytes(1_000_000))

    with _camera(answer) as url:
        assert "a JPEG of more than" in _trouble(_source(url))


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


def _play(head: bytes, body: bytes, *, snapshot: bool = False, count: int = 4) -> list[bytes]:
    """The first pictures of a camera that answers so."""
    with raw_camera(sends(head + body, stay=True)) as camera:
        fps = 100 if snapshot else None
        return _pictures(_source(camera.url(), snapshot=snapshot, fps=fps), count)


STREAM = b"".join(
    b"--x\r\nContent-Type: image/jpeg\r\nContent-Length: 1\r\n\r\n" + picture + b"\r\n"
    for picture in PICTURES
)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary =x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=other\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTue, 12 Jun 2012\r\nContent-Type: multipart/x; boundary=x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Type: multipart/x; boundary=x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200\r\nServer: Kam\xe9ra \xff\r\n\r\n",
        b"ICY 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=x\r\n\r\n",
        b"Content-Type: multipart/x-mixed-replace;boundary=x\r\n\r\n",
        b"",
    ],
)
def test_what_the_first_bytes_are_decides(head: bytes) -> None:
    """A stream plays, and gives snapshots, whatever its head says or leaves out."""
    assert _play(head, STREAM) == PICTURES
    assert _play(head, STREAM, snapshot=True, count=2) == [PICTURES[0]] * 2


@pytest.mark.parametrize("kind", [b"image/jpg", b"image/jpeg;size=0", b"text/html", b"x", b""])
@pytest.mark.parametrize("length", [b"%d", b"0", b"-1", b"9999999", b"12"])
def test_a_snapshot_needs_neither_type_nor_length(kind: bytes, length: bytes) -> None:
    """Nor does it wait for bytes that never come."""
    head = b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Type: " + kind + b"\r\nContent-Length: "
    head += length.replace(b"%d", b"%d" % len(PICTURES[0])) + b"\r\n\r\n"

    assert _play(head, PICTURES[0] + b"\n", snapshot=True, count=2) == [PICTURES[0]] * 2


@pytest.mark.parametrize("snapshot", [True, False])
@pytest.mark.parametrize("length", [b"Content-Length: 4\r\n", b""])
def test_a_page_is_recognized_though_the_connection_stays_open(
    snapshot: bool, length: bytes
) -> None:
    """By its length, or by too many bytes without a picture: nothing is waited for."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + length + b"\r\n"
    body = b"<p/>" if length else b"<p/>" * 20_000
    with raw_camera(sends(head + body, stay=True)) as camera:
        source = HttpSource(
            HttpCamera(url=camera.url(), snapshot=snapshot, stall_after=50),
            NodeClock(threading.Event()),
        )
        assert "got text/html" in _trouble(source)


def test_one_picture_instead_of_a_stream() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n"
    with raw_camera(sends(head + PICTURES[0])) as camera:
        assert "one frame instead of a stream; set `snapshot: true`" in _trouble(
            _source(camera.url())
        )


def test_a_damaged_snapshot_is_counted_and_the_next_one_asked_for() -> None:
    bodies = iter([PICTURES[0], PICTURES[1][:-2], PICTURES[2][:700], PICTURES[3]])

    def behave(connection: socket.socket, asked: Asked) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + next(bodies))

    with raw_camera(behave) as camera:
        source = _source(camera.url(), snapshot=True, fps=100)
        assert _pictures(source, 2) == [PICTURES[0], PICTURES[3]]

    assert source.counts.unreadable == 2


def test_parts_of_another_kind_are_skipped_and_counted() -> None:
    page = b"--x\r\nContent-Type: text/html\r\n\r\n<h1>Busy</h1>\r\n"
    with raw_camera(sends(b"HTTP/1.1 200 OK\r\n\r\n" + page + STREAM, stay=True)) as camera:
        source = _source(camera.url())
        assert _pictures(source, 4) == PICTURES

    assert source.counts.unreadable == 1


@pytest.mark.parametrize("snapshot", [True, False])
@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"X-Camfan-State: away", "a placeholder: its own camera is 'away'"),
        (b"X-UStreamer-Online: false", "a placeholder: its own camera is offline (µStreamer)"),
    ],
)
def test_a_placeholder_is_not_a_live_picture(snapshot: bool, line: bytes, words: str) -> None:
    """Where the stream says so: it is an outage with a reason."""
    head = b"HTTP/1.1 200 OK\r\n" + (line + b"\r\n\r\n" if snapshot else b"\r\n")
    body = b"--x\r\n" + line + b"\r\n\r\n" + PICTURES[0]
    with raw_camera(sends(head + (PICTURES[0] if snapshot else body), stay=True)) as camera:
        assert words in _trouble(_source(camera.url(), snapshot=snapshot))


@pytest.mark.parametrize(
    ("lines", "age_s"),
    [
        ({"X-Camfan-Age": "2.5", "X-Camfan-Age-Error": "0.1", "X-Timestamp": "1"}, 2.5),
        ({"X-UStreamer-Latency": "0.75", "X-UStreamer-Online": "true"}, 0.75),
        ({"X-UStreamer-Grab-Time": "10.5", "X-UStreamer-Send-Time": "12.0"}, 1.5),
        ({"X-UStreamer-Grab-Timestamp": "1.5", "X-UStreamer-Send-Timestamp": "1.75"}, 0.25),
        ({"X-UStreamer-Grab-Time": "12.5", "X-UStreamer-Send-Time": "12.0"}, 0),
        ({"X-Timestamp": "now-3"}, 3),
        ({"X-Timestamp": "now-300"}, 0),
        ({"X-Timestamp": "now+5"}, 0),
        ({"X-Timestamp": "1e999"}, 0),
        ({"X-Camfan-Age": "-1"}, 0),
        ({}, 0),
    ],
)
@pytest.mark.parametrize("snapshot", [True, False])
def test_what_the_camera_says_counts_into_the_age(
    lines: dict[str, str], age_s: float, snapshot: bool
) -> None:
    """Ages as they are; times of its wall clock as long as that can be right."""

    def behave(connection: socket.socket, asked: Asked) -> None:
        said = [f"{name}: {_stamp(text)}\r\n" for name, text in lines.items()]
        head = "HTTP/1.1 200 OK\r\n" + ("" if snapshot else "\r\n--x\r\n") + "".join(said)
        connection.sendall(head.encode() + b"\r\n" + PICTURES[0])
        asked.over.wait(10)

    begun_ns = time.time_ns()
    with raw_camera(behave) as camera, _source(camera.url(), snapshot=snapshot).open() as stream:
        while not isinstance(got := stream.capture(), CapturedFrame):
            pass
        ended_ns = time.time_ns()

    assert begun_ns <= got.captured_ns + age_s * 1e9 <= ended_ns
    assert (got.error_ns > 0) == (age_s > 0 or snapshot)


def _stamp(text: str) -> str:
    return f"{time.time() + float(text[3:]):.6f}" if text.startswith("now") else text


@pytest.mark.parametrize("target", ["/stream", "/stream?key=a"])
def test_ustreamer_is_asked_to_say_more(target: str) -> None:
    """Without, its streams do not say that they show a placeholder."""

    def behave(connection: socket.socket, asked: Asked) -> None:
        more = b"X-UStreamer-Online: false\r\n" if "extra_headers=1" in asked.target else b""
        head = b"HTTP/1.0 200 OK\r\nSet-Cookie: stream_client=0/f3b1; path=/\r\n\r\n"
        connection.sendall(head + b"--b\r\n" + more + b"\r\n" + PICTURES[0])
        asked.over.wait(10)

    with raw_camera(behave) as camera:
        source = _source(camera.url(target))
        for _ in range(2):
            assert "its own camera is offline (µStreamer)" in _trouble(source)

    more = f"{target}{'&' if '?' in target else '?'}extra_headers=1"
    assert [asked.target for asked in camera.asked] == [target, more, more]


def test_ustreamer_itself() -> None:
    """The program, without a camera: no picture of it is live."""
    program = shutil.which("ustreamer")
    if program is None:
        pytest.skip("ustreamer is not installed")
    [port] = free_ports(1)
    arguments = ["--device", "/dev/none", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen([program, *arguments], stderr=subprocess.DEVNULL) as running:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(port)
            for target, snapshot in (("/stream", False), ("/snapshot", True)):
                trouble = _trouble(_source(url + target, snapshot=snapshot))
                assert "its own camera is offline (µStreamer)" in trouble
        finally:
            running.terminate()


@pytest.mark.parametrize("muxer", ["mpjpeg", "mjpeg"])
def test_ffmpeg_as_a_camera(muxer: str) -> None:
    """What `ffmpeg -listen 1` sends: parts with and without heads, as octets in chunks."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("ffmpeg is not installed")
    [port] = free_ports(1)
    arguments = ["-loglevel", "quiet", "-re", "-f", "lavfi", "-i", "testsrc=s=64x48:r=10", "-c:v"]
    arguments += ["mjpeg", "-f", muxer, "-listen", "1", f"http://127.0.0.1:{port}/x"]
    with subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL) as running:
        try:
            pictures = _pictures_once_it_listens(_source(f"http://127.0.0.1:{port}/x"), 3)
        finally:
            running.kill()

    assert all(picture_size(picture) == (64, 48) for picture in pictures)


def _wait_for(port: int) -> None:
    until_s = time.monotonic() + WAIT_S
    while time.monotonic() < until_s:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        threading.Event().wait(0.05)
    pytest.fail("nothing listens")


def _pictures_once_it_listens(source: HttpSource, count: int) -> list[bytes]:
    """It takes one connection in all, so it cannot be tried whether it listens."""
    until_s = time.monotonic() + WAIT_S
    while True:
        try:
            return _pictures(source, count)
        except SourceError:
            if time.monotonic() > until_s:
                raise
        threading.Event().wait(0.05)


def test_a_head_that_is_sent_in_advance_says_nothing_of_the_next_picture() -> None:
    """The age is not one interval too large where the head comes with the picture before."""
    sent, first = threading.Event(), threading.Event()

    def behave(connection: socket.socket, asked: Asked) -> None:
        head = b"\r\n--x\r\nX-Camfan-Age: 30\r\n\r\n"
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + PICTURES[0] + head)
        first.wait(10)
        asked.over.wait(0.2)
        connection.sendall(PICTURES[1])
        sent.set()
        asked.over.wait(10)

    with raw_camera(behave) as camera, _source(camera.url()).open() as stream:
        captured: list[int] = []
        while len(captured) < 2:
            got = stream.capture()
            if isinstance(got, CapturedFrame):
                captured.append(got.captured_ns)
                first.set()

    assert 0 < captured[1] - captured[0] < 10e9


def test_a_camera_that_does_not_speak_http() -> None:
    """Its first bytes are put into words."""
    for first, words in (
        (b"RTSP/1.0 400 Bad Request\r\n\r\n", "it speaks RTSP, not HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "it speaks TLS; write https://"),
        (b"+OK hello\r\n", "does not speak HTTP"),
        (b"", "closed the connection without an answer"),
    ):
        with raw_camera(sends(first)) as camera:
            assert words in _trouble(_source(camera.url()))


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("snapshot", [True, False])
def test_a_camera_may_compress_what_it_sends(snapshot: bool, chunked: bool) -> None:
    """Though it was asked not to; each picture comes when it was sent."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=f\r\n"
    head += b"Content-Encoding: gzip\r\n"
    if chunked:
        head += b"Transfer-Encoding: chunked\r\n"

    def behave(connection: socket.socket, asked: Asked) -> None:
        connection.sendall(head + b"\r\n")
        packer = zlib.compressobj(wbits=31)
        for picture in PICTURES:
            data = packer.compress(b"--f\r\n\r\n" + picture + b"\r\n")
            data += packer.flush(zlib.Z_SYNC_FLUSH)
            size = b"%016x\r\n" % len(data)
            connection.sendall(size + data + b"\r\n" if chunked else data)
        asked.over.wait(20)

    with raw_camera(behave) as camera:
        found = _pictures(_source(camera.url(), snapshot=snapshot, fps=20 if snapshot else None), 4)

    assert found == ([PICTURES[0]] * 4 if snapshot else PICTURES)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"Content-Type: image/jpeg\r\nContent-Encoding: br\r\n\r\nabcdef", "compressed as br"),
        (
            b"Content-Type: image/jpeg\r\nContent-Length: 0\r\n\r\n",
            "got image/jpeg with nothing in it",
        ),
        (b"Content-Type: image/jpeg\r\n\r\n\x89PNG" + bytes(99), "image/jpeg without a JPEG in it"),
        (b"Content-Type: image/png\r\n\r\n\x89PNG" + bytes(99), "got image/png"),
        (b"Content-Encoding: gzip\r\n\r\n\x1f\x8bnothing of the kind", "cannot be unpacked"),
    ],
)
@pytest.mark.parametrize("snapshot", [True, False])
def test_an_answer_without_a_picture_is_described(
    answer: bytes, words: str, snapshot: bool
) -> None:
    with raw_camera(sends(b"HTTP/1.1 200 OK\r\n" + answer)) as camera:
        assert words in _trouble(_source(camera.url(), snapshot=snapshot))


@pytest.mark.parametrize("status", [b"302 Found", b"401 Unauthorized", b"303 See Other"])
def test_a_camera_that_remembers_a_client_by_a_cookie(status: bytes) -> None:
    """It is given back, to this host only."""

    def behave(connection: socket.socket, asked: Asked) -> None:
        if "sid=abc" in asked.lines.get("cookie", ""):
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + PICTURES[0])
            return
        connection.sendall(
            b"HTTP/1.1 %s\r\nSet-Cookie: sid=abc; Path=/; HttpOnly\r\nSet-Cookie: lang=de\r\n"
            b'WWW-Authenticate: Digest realm="r", nonce="n"\r\nLocation: /stream\r\n\r\n' % status
        )

    with raw_camera(behave) as camera:
        found = _pictures(_source(camera.url(user="u:p"), snapshot=True, fps=20), 3)

        assert found == [PICTURES[0]] * 3
        given = ["cookie" in asked.lines for asked in camera.asked]
        assert given[:4] == [False, True, True, True], "it is kept for the requests that follow"


def test_a_cookie_stays_with_its_host() -> None:
    with raw_camera(sends(b"HTTP/1.1 200 OK\r\n\r\n" + PICTURES[0])) as other:
        there = other.url().replace("127.0.0.1", "localhost").encode()
        first = b"HTTP/1.1 302 F\r\nSet-Cookie: sid=abc\r\nLocation: %s\r\n\r\n" % there
        with raw_camera(sends(first)) as camera:
            assert _pictures(_source(camera.url(), snapshot=True), 1) == [PICTURES[0]]

        assert "cookie" not in other.asked[0].lines


@pytest.mark.parametrize(
    ("location", "target"),
    [
        (b"/other#here", "/other"),
        (b"/str\xc3\xa4m", "/str%C3%A4m"),
        (b"/a%23b?c=d e", "/a%23b?c=d%20e"),
        (b"?x=1", "/stream?x=1"),
    ],
)
def test_where_a_redirect_leads(location: bytes, target: str) -> None:
    def behave(connection: socket.socket, asked: Asked) -> None:
        if asked.target == "/stream":
            connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: %s\r\n\r\n" % location)
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + PICTURES[0])

    with raw_camera(behave) as camera:
        assert _pictures(_source(camera.url(), snapshot=True), 1) == [PICTURES[0]]
        assert camera.asked[1].target == target


def test_a_redirect_to_where_nothing_answers_names_the_place() -> None:
    [port] = free_ports(1)
    there = b"http://127.0.0.1:%d/x" % port
    with raw_camera(sends(b"HTTP/1.1 302 F\r\nLocation: %s\r\n\r\n" % there)) as camera:
        words = _trouble(_source(camera.url()))

    assert f"redirected to http://127.0.0.1:{port}/…: connection refused" in words


def test_a_link_local_address_may_name_its_zone() -> None:
    address = read_address("http://[fe80::1%25eth0]:8080/stream")

    assert address.host == "fe80::1%eth0", "as the system wants it"
    assert address.place == "[fe80::1]:8080", "as the camera is asked"
    assert read_address("http://[fe80::1%eth0]/").host == "fe80::1%eth0"


def test_a_name_that_no_host_can_have() -> None:
    assert "'a..b' is not a valid host name" in _trouble(_source("http://a..b/"))

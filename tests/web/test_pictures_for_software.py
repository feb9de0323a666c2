"""Snapshots and streams as other software reads them: curl, OpenCV, ffmpeg, OctoPrint."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from pathlib import Path

import av
import numpy as np
import pytest
import simplejpeg

from camfan import Publisher
from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera, publish_first, wait_until
from camfan_testing.web import LiveWeb, live_web


@pytest.fixture
def web(tmp_path: Path) -> Iterator[LiveWeb]:
    with live_web(tmp_path) as running:
        yield running


def get(url: str) -> tuple[int, bytes, Message]:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read(), exc.headers


def test_a_snapshot_is_the_cameras_own_picture(web: LiveWeb) -> None:
    """Byte by byte, with when it was taken, and how old it is, beside it."""
    picture = jpeg(320, 240, 3)
    with Publisher(web.site, "one") as one:
        wait_until(lambda: one.clock.offset() is not None)
        sequence = publish_first(one, picture)
        status, body, headers = get(f"{web.url}/snapshot/one.jpg?max_age=100")

    assert (status, body) == (200, picture)
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Camfan-Sequence"] == str(sequence)
    assert abs(float(headers["X-Timestamp"]) - time.time()) < 60
    assert 0 <= float(headers["X-Camfan-Age"]) < 60
    assert float(headers["X-Camfan-Age-Error"]) > 0


def test_an_old_frame_is_not_a_snapshot(web: LiveWeb) -> None:
    """503, and the age of what there is."""
    with Publisher(web.site, "one") as one:
        wait_until(lambda: one.clock.offset() is not None)
        publish_first(one)
        wait_until(lambda: one.publish(jpeg(), captured_ns=time.time_ns() - 60_000_000_000))
        status, body, headers = get(f"{web.url}/snapshot/one.jpg?max_age=1.5")

    assert status == 503
    assert 55 < float(headers["X-Camfan-Age"]) < 120
    assert headers["Retry-After"]
    assert b"no picture of one of the last 1.5 s: the newest is" in body


def test_a_camera_that_was_never_there_has_no_snapshot(web: LiveWeb) -> None:
    status, body, _ = get(f"{web.url}/snapshot/two.jpg?max_age=1")

    assert (status, body) == (503, b"no picture of two of the last 1 s: there is none\n")


@pytest.mark.parametrize("age", ["x", "-1", "nan", "inf", "1e9", ""])
def test_an_age_that_is_not_valid(web: LiveWeb, age: str) -> None:
    assert get(f"{web.url}/snapshot/one.jpg?max_age={age}")[0] == 400


@pytest.mark.parametrize("query", ["fresh=yes", "fresh=", "stale=1", "stale=yes"])
def test_a_choice_that_does_not_exist(web: LiveWeb, query: str) -> None:
    status, body, _ = get(f"{web.url}/snapshot/one.jpg?{query}")

    assert status == 400
    assert b" is " in body
    assert b" or " in body


def test_a_fresh_snapshot_was_taken_after_it_was_asked_for(web: LiveWeb) -> None:
    """The one that the broker has kept is not taken; a camera that is not watched is woken."""
    old, new = jpeg(64, 48, 1), jpeg(64, 48, 2)
    with Publisher(web.site, "one") as one, ThreadPoolExecutor(1) as pool:
        wait_until(lambda: one.clock.offset() is not None)
        publish_first(one, old)
        assert get(f"{web.url}/snapshot/one.jpg")[1] == old
        wait_until(lambda: web.server.hub.watched() == (), timeout=25)
        asked = pool.submit(get, f"{web.url}/snapshot/one.jpg?fresh=1")
        wait_until(lambda: "one" in web.server.hub.newest)
        assert not asked.done()
        one.publish(new)
        status, body, _ = asked.result()

    assert (status, body) == (200, new)


def test_a_snapshot_can_say_that_it_is_old(web: LiveWeb) -> None:
    """`stale=picture`: 200 and the last picture without colours, marked also in its head."""
    blue = np.full((96, 128, 3), (250, 20, 20), np.uint8)
    picture = simplejpeg.encode_jpeg(blue, quality=90, colorspace="BGR")
    with Publisher(web.site, "one") as one:
        wait_until(lambda: one.clock.offset() is not None)
        publish_first(one, picture)
        wait_until(lambda: one.publish(picture, captured_ns=time.time_ns() - 60_000_000_000))
        status, body, headers = get(f"{web.url}/snapshot/one.jpg?max_age=1&stale=picture")

    assert (status, headers["X-Camfan-State"]) == (200, "stale")
    assert 55 < float(headers["X-Camfan-Age"]) < 120
    shown = simplejpeg.decode_jpeg(body, colorspace="BGR")
    assert simplejpeg.decode_jpeg_header(body)[:3] == (96, 128, "YCbCr")
    assert np.ptp(shown.astype(int), axis=2).max() < 12


def test_a_camera_that_was_never_there_can_be_a_picture_too(web: LiveWeb) -> None:
    status, body, headers = get(f"{web.url}/snapshot/two.jpg?max_age=1&stale=picture")

    assert (status, headers["X-Camfan-State"]) == (200, "away")
    assert simplejpeg.decode_jpeg_header(body)[:2] == (360, 640)


@pytest.mark.long
def test_a_fresh_snapshot_is_waited_for_within_a_limit(web: LiveWeb) -> None:
    """504, in words."""
    with Publisher(web.site, "one") as one:
        wait_until(lambda: one.clock.offset() is not None)
        publish_first(one)
        status, body, headers = get(f"{web.url}/snapshot/one.jpg?fresh=1")

    assert status == 504
    assert b"no new picture of one came within 10 s of the request: the newest is 1" in body
    assert float(headers["X-Camfan-Age"]) >= 10


def test_snapshots_keep_a_camera_awake_only_for_a_while(web: LiveWeb) -> None:
    """A second snapshot comes at once; after the last request the camera is no longer asked for."""
    with Camera(web.site, "one", 20):
        assert get(f"{web.url}/snapshot/one.jpg")[0] == 200
        assert web.server.hub.watched() == ("one",)
        wait_until(lambda: web.server.hub.watched() == (), timeout=25)


@pytest.mark.parametrize("path", ["/?action=snapshot", "/?action=snapshot&camera=one"])
def test_the_addresses_of_mjpg_streamer_work(web: LiveWeb, path: str) -> None:
    """As configured in OctoPrint, Mainsail and Home Assistant; the first camera by default."""
    with Camera(web.site, "one", 20):
        status, body, headers = get(web.url + path)

    assert status == 200
    assert body.startswith(b"\xff\xd8")
    assert headers["Content-Type"] == "image/jpeg"


class Stream:
    """Reads an MJPEG stream part by part."""

    def __init__(self, url: str) -> None:
        self.answer = urllib.request.urlopen(url, timeout=20)
        kind, _, self.boundary = self.answer.headers["Content-Type"].partition(";boundary=")
        assert kind == "multipart/x-mixed-replace"
        assert self.answer.readline().strip() == f"--{self.boundary}".encode()

    def part(self) -> tuple[dict[str, str], bytes]:
        headers: dict[str, str] = {}
        while line := self.answer.readline().decode().strip():
            name, _, value = line.partition(": ")
            headers[name] = value
        body = self.answer.read(int(headers["Content-Length"]))
        assert self.answer.readline() == b"\r\n"
        assert self.answer.readline().strip() == f"--{self.boundary}".encode()
        return headers, body

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.answer.close()


def test_a_stream_has_length_and_time_of_each_picture(web: LiveWeb) -> None:
    with (
        Camera(web.site, "one", 20, [jpeg(64, 48, seed) for seed in range(3)]) as camera,
        Stream(f"{web.url}/stream/one.mjpg") as stream,
    ):
        parts = [stream.part() for _ in range(10)]

    sequences = [int(headers["X-Camfan-Sequence"]) for headers, _ in parts]
    assert sequences == sorted(set(sequences))
    for headers, body in parts:
        assert body == camera.picture(int(headers["X-Camfan-Sequence"]))
        assert float(headers["X-Timestamp"]) > 1e9


CHROMIUM_IMAGE = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
FIREFOX_PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("query", "accept"), [("", CHROMIUM_IMAGE), ("", FIREFOX_PAGE), ("?for=browser", "*/*")]
)
def test_a_browser_gets_the_next_head_with_each_picture(
    web: LiveWeb, query: str, accept: str
) -> None:
    """Chromium shows a picture when the head of the next part is complete, not sooner."""
    picture = jpeg(64, 48, 1)
    request = urllib.request.Request(f"{web.url}/stream/one.mjpg{query}")
    request.add_header("Accept", accept)
    with Publisher(web.site, "one") as one:
        publish_first(one, picture)
        with urllib.request.urlopen(request, timeout=20) as answer:
            boundary = answer.headers["Content-Type"].partition("=")[2]
            head = f"--{boundary}\r\nContent-Type: image/jpeg\r\n\r\n".encode()
            start = answer.read(len(head))
            body = answer.read(len(picture))
            rest = answer.read(2 + len(head))

    assert start == head
    assert body == picture
    assert rest == b"\r\n" + head


@pytest.mark.parametrize("query", ["?for=program"])
def test_a_program_gets_facts_whatever_it_accepts(web: LiveWeb, query: str) -> None:
    request = urllib.request.Request(f"{web.url}/stream/one.mjpg{query}")
    request.add_header("Accept", CHROMIUM_IMAGE)
    with Camera(web.site, "one", 20), urllib.request.urlopen(request, timeout=20) as answer:
        lines = [answer.readline() for _ in range(5)]
    assert any(line.startswith(b"Content-Length: ") for line in lines)
    assert any(line.startswith(b"X-Timestamp: ") for line in lines)


def test_a_reader_of_no_known_kind(web: LiveWeb) -> None:
    assert get(f"{web.url}/stream/one.mjpg?for=me")[:2] == (400, b"for is browser or program\n")


def test_a_stream_survives_its_camera(web: LiveWeb) -> None:
    """While it is away, a picture of the same size says so; when it is back, it goes on."""
    with Camera(web.site, "one", 20), Stream(f"{web.url}/stream/one.mjpg") as stream:
        headers, _ = stream.part()
        assert "X-Camfan-State" not in headers
    with contextlib.ExitStack() as stack:
        camera = stack.enter_context(Camera(web.site, "one", 20))
        stream = stack.enter_context(Stream(f"{web.url}/stream/one.mjpg"))
        stream.part()
        camera.__exit__()
        while "X-Camfan-State" not in (got := stream.part())[0]:
            pass
        headers, body = got
        assert headers["X-Camfan-State"] == "away"
        assert simplejpeg.decode_jpeg_header(body)[:2] == (48, 64)
        assert "X-Camfan-State" in stream.part()[0]
        stack.enter_context(Camera(web.site, "one", 20))
        while "X-Camfan-State" in stream.part()[0]:
            pass


def test_a_slow_reader_of_a_stream_gets_the_newest(web: LiveWeb) -> None:
    """What it did not take is skipped, and does not queue up anywhere on our side."""
    pictures = [jpeg(1280, 720, seed) for seed in range(2)]
    with (
        Camera(web.site, "one", 30, pictures) as camera,
        Stream(f"{web.url}/stream/one.mjpg") as stream,
    ):
        stream.part()
        wait_until(lambda: bool(camera.sent))
        before = camera.sent[-1]
        wait_until(lambda: camera.sent[-1] > before + 120, timeout=30)
        late = [int(stream.part()[0]["X-Camfan-Sequence"]) for _ in range(80)]
        # What lies in the two kernel buffers of a loopback connection is all there may be.
        assert late[-1] > before + 60
        (open_stream,) = web.server.mjpeg.streams
        assert open_stream.skipped > 30


def test_a_head_request_is_answered_without_pictures(web: LiveWeb) -> None:
    request = urllib.request.Request(f"{web.url}/stream/one.mjpg", method="HEAD")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("multipart/x-mixed-replace")
    assert not web.server.mjpeg.streams


@pytest.mark.parametrize(
    "path",
    ["/live", "/site", "/login", "/static/app.css", "/sw.js", "/manifest.webmanifest", "/healthz",
     "/api/me", "/api/status", "/api/cameras", "/api/cameras/one", "/api/clients", "/api/events",
     "/api/openapi.json", "/metrics", "/snapshot/one.jpg", "/snapshot/one.jpg?fresh=1"],
)  # fmt: skip
def test_head_is_answered_like_get_without_a_body(web: LiveWeb, path: str) -> None:
    """The same status, type and length."""
    port = int(web.url.rpartition(":")[2])
    with Camera(web.site, "one", 20):
        wait_until(lambda: web.server.live._context.overviews.answers("one"))
        found = []
        for method in ("HEAD", "GET"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
            found.append((answer.status, answer.headers["Content-Type"]))
            if method == "HEAD":
                assert body == b""
                assert int(answer.headers["Content-Length"]) > 0 or answer.status == 302
            connection.close()
    assert found[0] == found[1]


def test_a_reader_that_leaves_is_forgotten(web: LiveWeb) -> None:
    with Camera(web.site, "one", 20):
        for _ in range(5):
            with Stream(f"{web.url}/stream/one.mjpg") as stream:
                stream.part()
        wait_until(lambda: not web.server.mjpeg.streams)


def test_opencv_reads_a_stream(web: LiveWeb) -> None:
    """`cv2.VideoCapture("http://…/stream/one.mjpg")`."""
    import cv2

    with Camera(web.site, "one", 20, [jpeg(320, 240, seed) for seed in range(3)]):
        capture = cv2.VideoCapture(f"{web.url}/stream/one.mjpg")
        try:
            for _ in range(5):
                good, image = capture.read()
                assert good
                assert image.shape == (240, 320, 3)
        finally:
            capture.release()


def test_ffmpegs_libraries_read_a_stream(web: LiveWeb) -> None:
    """The demuxer that ffmpeg, VLC and others use for multipart JPEG."""
    with (
        Camera(web.site, "one", 20, [jpeg(320, 240, seed) for seed in range(3)]),
        av.open(f"{web.url}/stream/one.mjpg", format="mpjpeg", timeout=20.0) as container,
    ):
        frames = container.decode(video=0)
        sizes = [(frame.width, frame.height) for frame, _ in zip(frames, range(5), strict=False)]

    assert sizes == [(320, 240)] * 5


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the program ffmpeg")
def test_ffmpeg_records_a_stream(web: LiveWeb, tmp_path: Path) -> None:
    with Camera(web.site, "one", 20, [jpeg(320, 240, seed) for seed in range(3)]):
        done = subprocess.run(
            ["ffmpeg", "-loglevel", "error", "-i", f"{web.url}/stream/one.mjpg", "-frames:v", "5",
             "-c", "copy", str(tmp_path / "out.avi")],
            capture_output=True, text=True, timeout=40, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.avi").stat().st_size > 5 * 1000


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs the program curl")
def test_curl_saves_a_snapshot(web: LiveWeb, tmp_path: Path) -> None:
    file = tmp_path / "one.jpg"
    with Camera(web.site, "one", 20) as camera:
        subprocess.run(
            ["curl", "-sSf", "-o", file, f"{web.url}/snapshot/one.jpg"], check=True, timeout=20
        )
        assert file.read_bytes() in [camera.picture(number) for number in range(5)]


def test_a_throttled_page_slows_no_other(web: LiveWeb) -> None:
    """A reader that takes nothing at all: the others, and the memory, do not notice."""
    with Camera(web.site, "one", 50, [jpeg(1280, 720, 1)]):
        port = int(web.url.rpartition(":")[2])
        stuck = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
        try:
            for one in stuck:
                one.sendall(b"GET /stream/one.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_until(lambda: len(web.server.mjpeg.streams) == 5)
            with Stream(f"{web.url}/stream/one.mjpg") as stream:
                first = int(stream.part()[0]["X-Camfan-Sequence"])
                for _ in range(100):
                    last = int(stream.part()[0]["X-Camfan-Sequence"])
                assert last - first < 500
        finally:
            for one in stuck:
                one.close()


def test_threads_are_few(web: LiveWeb) -> None:
    """One loop serves everybody."""
    with Camera(web.site, "one", 20), contextlib.ExitStack() as stack:
        before = threading.active_count()
        for _ in range(10):
            stack.enter_context(Stream(f"{web.url}/stream/one.mjpg")).part()
        assert threading.active_count() <= before + 1

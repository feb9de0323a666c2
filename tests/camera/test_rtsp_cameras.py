"""The source `rtsp`, against a small RTSP server that speaks just enough of it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from camfan_config.types import RtspCamera, Size
from camfan_nodes.camera.clock import NodeClock
from camfan_nodes.camera.rtsp import RtspSource
from camfan_nodes.camera.source import Idle, Picture, SourceError
from camfan_testing.cameras import write_video
from camfan_testing.ports import free_ports
from camfan_testing.processes import Process

FPS = 20
CHUNK_BYTES = 1200


class RtspServer:
    """Serves one MPEG-4 video, interleaved in the TCP connection, to one client after another."""

    def __init__(self, video: Path, *, hang: bool = False, refuse: bool = False) -> None:
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            self._config = (stream.codec_context.extradata or b"").hex()
            self._frames = [bytes(packet) for packet in container.demux(stream) if packet.size]
        self._hang, self._refuse = hang, refuse
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"rtsp://anna:secret@127.0.0.1:{self._listener.getsockname()[1]}/cam"

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            with client:
                try:
                    self._serve(client)
                except OSError:
                    continue

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(5)
        received = client.makefile("rb")
        with received:
            while method := self._request(received):
                if self._hang:
                    self._stop.wait(5)
                    return
                self._answer(client, *method)
                if method[0] == "PLAY":
                    self._play(client)
                    return

    @staticmethod
    def _request(received: object) -> tuple[str, str] | None:
        lines: list[str] = []
        for line in iter(received.readline, b""):  # type: ignore[attr-defined]  # a socket's file
            if line == b"\r\n":
                break
            lines.append(line.decode().strip())
        if not lines:
            return None
        number = next((line[5:].strip() for line in lines if line.lower().startswith("cseq")), "0")
        return lines[0].split()[0], number

    def _answer(self, client: socket.socket, method: str, number: str) -> None:
        head, body = "", ""
        if method == "OPTIONS":
            head = "Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n"
        elif method == "DESCRIBE":
            body = (
                "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\n"
                "m=video 0 RTP/AVP 96\r\na=rtpmap:96 MP4V-ES/90000\r\n"
                f"a=fmtp:96 profile-level-id=1;config={self._config}\r\na=control:track\r\n"
            )
            head = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif method == "SETUP":
            head = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
        elif method == "PLAY":
            head = "Session: 1\r\n"
        status = "404 Not Found" if self._refuse else "200 OK"
        text = f"RTSP/1.0 {status}\r\nCSeq: {number}\r\n{head}\r\n{body}"
        client.sendall(text.encode())

    def _play(self, client: socket.socket) -> None:
        sequence = 0
        for index, frame in enumerate(self._frames):
            chunks = [frame[at : at + CHUNK_BYTES] for at in range(0, len(frame), CHUNK_BYTES)]
            for chunk in chunks:
                last = 0x80 if chunk is chunks[-1] else 0
                stamp = index * 90_000 // FPS
                rtp = struct.pack(">BBHII", 0x80, last | 96, sequence & 0xFFFF, stamp, 1) + chunk
                client.sendall(b"$\x00" + struct.pack(">H", len(rtp)) + rtp)
                sequence += 1
            if self._stop.wait(1 / FPS):
                return


@contextmanager
def _server(video: Path, *, hang: bool = False, refuse: bool = False) -> Iterator[str]:
    server = RtspServer(video, hang=hang, refuse=refuse)
    try:
        yield server.url
    finally:
        server.close()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "street.mp4", 60, codec="mpeg4", fps=FPS, size=(320, 240))


def _source(url: str, size: Size | None = None) -> RtspSource:
    camera = RtspCamera(url=url, size=size, stall_after=2)
    return RtspSource(camera, NodeClock(threading.Event()))


def _next(source: RtspSource, count: int = 1) -> list[Picture]:
    found: list[Picture] = []
    with source.open() as stream:
        while len(found) < count:
            got = stream.capture()
            if isinstance(got, Picture):
                found.append(got)
    return found


def _trouble(source: RtspSource) -> str:
    with source.open() as stream, pytest.raises(SourceError) as caught:
        list(iter(stream.capture, Idle.ENDED))
    return str(caught.value)


def test_a_stream_is_decoded(video: Path) -> None:
    """Pictures come in the size of the camera, each newer than the one before."""
    with _server(video) as url:
        pictures = _next(_source(url), 5)

    for picture in pictures:
        assert isinstance(picture.content, np.ndarray)
        assert picture.content.shape == (240, 320, 3)
    times = [picture.captured_ns for picture in pictures]
    assert times == sorted(set(times))


def test_a_stream_is_resized(video: Path) -> None:
    """`size` is that of the published picture."""
    with _server(video) as url:
        [picture] = _next(_source(url, Size(160, 120)))

    assert isinstance(picture.content, np.ndarray)
    assert picture.content.shape == (120, 160, 3)


def test_the_end_of_a_stream_is_an_outage(video: Path) -> None:
    """A camera that stops sending is named without its password."""
    with _server(video) as url:
        sentence = _trouble(_source(url))

    assert "the stream ended, or was silent" in sentence
    assert "secret" not in sentence


def test_cameras_that_give_no_stream(video: Path) -> None:
    """Nobody there, a wrong path and a camera that hangs are told apart, and told in time."""
    [port] = free_ports(1)
    with _server(video, refuse=True) as url:
        refused = _trouble(_source(url))
    with _server(video, hang=True) as url:
        hung = _trouble(_source(url))

    assert "connection refused" in _trouble(_source(f"rtsp://127.0.0.1:{port}/cam"))
    assert "something answers there, but gives no stream" in refused
    assert "something answers there, but gives no stream" in hung
    assert "secret" not in refused + hung


def test_the_password_is_never_written(video: Path, tmp_path: Path) -> None:
    """Neither our log nor that of the video library ever shows it, nor their chatter."""
    with _server(video, refuse=True) as url:
        config = tmp_path / "site.yaml"
        config.write_text(
            "version: 1\nsite: testing\n"
            f"cameras: {{gate: {{source: rtsp, url: '{url}', stall_after: 2s}}}}\n"
        )
        with _node(config) as node:
            node.wait_for("gives no stream")
            assert node.stop() == 0

    assert "secret" not in node.output
    assert len(node.lines) == 1


def _node(config: Path) -> Process:
    import sys

    command = [sys.executable, "-m", "camfan_nodes", "camera", "gate", "--config", str(config)]
    return Process(command)

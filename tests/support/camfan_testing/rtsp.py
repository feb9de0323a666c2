"""A camera that speaks RTSP, over TCP and UDP, and is as odd as a test wants it to be."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from camfan_testing.rtp import RTP_HZ, Film, Projector, milliseconds, numbered, sdp_of

NTP_S = 2_208_988_800  # from 1900 to 1970
BASE = 4_000_000_000  # of the RTP timestamps: they wrap after an hour
REASONS = {
    200: "OK", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 453: "Not Enough Bandwidth",
    454: "Session Not Found", 461: "Unsupported Transport", 500: "Internal Server Error",
    503: "Service Unavailable",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Habits:
    """How a camera answers, and what it sends."""

    films: tuple[Film, ...] = (Film(),)
    pictures: int | None = None  # of each film before the next; None: of the only one for ever
    transports: tuple[str, ...] = ("tcp", "udp")
    login: tuple[str, str] | None = None
    digest: bool = True
    challenges: tuple[str, ...] = ()  # in place of its own
    status: dict[str, int] = field(default_factory=dict)  # by method
    silent_after: str | None = None  # a method that is never answered
    sdp: str | None = None
    report_every_s: float | None = None  # sender reports
    clock_ahead_s: float = 0.0  # of the camera's clock, as its reports say it
    kept_s: float = 0.0  # pictures that are sent at once when a client plays
    held_s: float = 0.0  # how long each packet stays in the camera
    stamp: Callable[[int, int], int] | None = None  # RTP timestamp of (count, milliseconds)
    sdp_lines: tuple[str, ...] = ()
    ends_after: int | None = None  # pictures
    joins_at: int = 0  # the first picture of the first film that is sent
    mute: tuple[str, ...] = ()  # transports that it agrees to, and sends nothing over
    session_s: int = 60  # a client that is silent for this long has gone


@dataclass(slots=True)
class _Request:
    method: str
    number: str
    head: dict[str, str]


class RtspServer:
    """Serves any number of clients; each sees the films from their start."""

    def __init__(self, habits: Habits) -> None:
        self.habits = habits
        self.stalled = threading.Event()  # set: nothing is sent, and what is drawn waits
        self.asked: list[str] = []  # methods, in their order
        self.drawn: list[int] = []  # milliseconds of the pictures
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def url(self, login: str = "") -> str:
        return f"rtsp://{login and login + '@'}127.0.0.1:{self.port}/cam"

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(10)
            _Session(self, client, self._stop).run()


class _Session:
    """One client."""

    def __init__(self, server: RtspServer, client: socket.socket, stop: threading.Event) -> None:
        self._server, self._client, self._stop = server, client, stop
        self._habits = server.habits
        self._received = client.makefile("rb")
        self._udp: tuple[socket.socket, socket.socket] | None = None  # for RTP and RTCP
        self._client_port = 0
        self._report_s = 0.0  # when the next is due
        self._sequence = self._count = self._last_ms = 0
        self._due: list[tuple[float, bytes]] = []  # packets, and when they leave

    def run(self) -> None:
        try:
            while request := self._read():
                self._server.asked.append(request.method)
                if request.method == self._habits.silent_after:
                    self._stop.wait(30)
                    return
                if self._answer(request) == 200 and request.method == "PLAY":
                    self._play()
                    return
        finally:
            self._received.close()
            for end in self._udp or ():
                end.close()

    def _read(self) -> _Request | None:
        lines: list[str] = []
        while (line := self._received.readline()) not in (b"", b"\r\n"):
            lines.append(line.decode("latin-1").strip())
        if not lines:
            return None
        pairs = (line.partition(":") for line in lines[1:])
        head = {name.lower(): value.strip() for name, _, value in pairs}
        return _Request(lines[0].split()[0], head.get("cseq", "0"), head)

    def _answer(self, request: _Request) -> int:
        status, lines, body = self._habits.status.get(request.method, 200), [], ""
        if status == 200 and request.method != "OPTIONS" and not self._admits(request):
            status = 401
            own = 'Digest realm="cam", nonce="abc"' if self._habits.digest else 'Basic realm="cam"'
            lines += [f"WWW-Authenticate: {each}" for each in self._habits.challenges or (own,)]
        elif status == 200 and request.method == "DESCRIBE":
            film = self._habits.films[0]
            kind = "mpegts" if film.mpegts else film.codec
            body = self._habits.sdp or sdp_of(kind, lines=self._habits.sdp_lines)
            lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        elif status == 200 and request.method == "SETUP":
            status, transport = self._set_up(request.head.get("transport", ""))
            lines += (
                [f"Transport: {transport}", f"Session: 7;timeout={self._habits.session_s}"]
                if transport
                else []
            )
        elif status == 200:
            lines += ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"]
            lines += ["Session: 7"] if request.method != "OPTIONS" else []
        head = "".join(f"{line}\r\n" for line in (f"CSeq: {request.number}", *lines))
        text = f"RTSP/1.0 {status} {REASONS.get(status, 'No')}\r\n{head}\r\n{body}"
        self._client.sendall(text.encode())
        return status

    def _admits(self, request: _Request) -> bool:
        if self._habits.login is None:
            return True
        given = request.head.get("authorization", "")
        user, password = self._habits.login
        if not self._habits.digest:
            return given == "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        parts = dict(re.findall(r'(\w+)="([^"]*)"', given))
        secret = _md5(f"{user}:cam:{password}")
        asked = _md5(f"{request.method}:{parts.get('uri', '')}")
        return parts.get("response") == _md5(f"{secret}:abc:{asked}")

    def _set_up(self, wanted: str) -> tuple[int, str]:
        kind = "tcp" if "/TCP" in wanted else "udp"
        if kind not in self._habits.transports:
            return 461, ""
        if kind == "tcp":
            return 200, "RTP/AVP/TCP;unicast;interleaved=0-1"
        ports = re.search(r"client_port=(\d+)", wanted)
        assert ports is not None
        self._udp, self._client_port = _pair(), int(ports[1])
        own = self._udp[0].getsockname()[1]
        return 200, (
            f"RTP/AVP/UDP;unicast;client_port={ports[1]}-{int(ports[1]) + 1}"
            f";server_port={own}-{own + 1}"
        )

    def _play(self) -> None:
        kept = round(self._habits.kept_s * self._habits.films[0].fps)
        for film in self._films():
            self._show(film, kept)
            kept = 0
            if self._stop.is_set() or self._is_over():
                return

    def _show(self, film: Film, kept: int) -> None:
        """The pictures of one film; the first `kept` at once, with the times they had."""
        projector = Projector(film)
        due_s = time.time() - kept / film.fps
        shown = 0
        while not self._stop.is_set() and not self._is_over() and shown != self._habits.pictures:
            self._wait(due_s)
            self._report_in_time()
            self._shoot(projector, round(due_s * 1000) if shown < kept else milliseconds())
            shown += 1
            due_s += 1 / film.fps

    def _is_over(self) -> bool:
        return self._habits.ends_after is not None and self._count >= self._habits.ends_after

    def _films(self) -> Iterator[Film]:
        while True:
            yield from self._habits.films

    def _shoot(self, projector: Projector, at_ms: int) -> None:
        stamp_ms = max(at_ms, self._last_ms + 1)
        self._last_ms = stamp_ms
        self._server.drawn.append(at_ms)
        for unit_ms, packets in projector.shoot(at_ms, stamp_ms):
            if self._count < self._habits.joins_at:
                continue
            make = self._habits.stamp
            stamp = make(self._count, unit_ms) if make else BASE + unit_ms * RTP_HZ // 1000
            for packet in packets:
                leaves_s = time.time() + self._habits.held_s
                self._due.append((leaves_s, numbered(packet, self._sequence, stamp)))
                self._sequence += 1
        self._count += 1
        self._flush()

    def _flush(self) -> None:
        while self._due and not self._server.stalled.is_set() and self._due[0][0] <= time.time():
            self._send(0, self._due.pop(0)[1])

    def _report_in_time(self) -> None:
        every_s, now_s = self._habits.report_every_s, time.time()
        if every_s is None or now_s < self._report_s or self._server.stalled.is_set():
            return
        self._report_s = now_s + every_s
        stamp = (BASE + round(now_s * RTP_HZ)) & 2**32 - 1
        ntp = round((now_s + self._habits.clock_ahead_s + NTP_S) * 2**32)
        self._send(1, struct.pack(">BBHIQIII", 0x80, 200, 6, 7, ntp, stamp, 0, 0))

    def _send(self, channel: int, data: bytes) -> None:
        kind = "tcp" if self._udp is None else "udp"
        if kind in self._habits.mute:
            return
        if self._udp is None:
            self._client.sendall(b"$" + struct.pack(">BH", channel, len(data)) + data)
        else:
            self._udp[channel].sendto(data, ("127.0.0.1", self._client_port + channel))

    def _wait(self, until_s: float) -> None:
        """Until the next picture is due; hears what the client says meanwhile."""
        while not self._stop.is_set():
            self._flush()
            left_s = until_s - time.time()
            readable, _, _ = select.select([self._client], [], [], max(0, min(left_s, 0.02)))
            if readable:
                self._hear()
            if left_s <= 0:
                return

    def _hear(self) -> None:
        data = self._client.recv(4096)
        if not data:
            raise ConnectionError("the client is gone")
        for method, number in re.findall(rb"([A-Z_]+) rtsp://.*?CSeq: *(\d+)", data, re.DOTALL):
            self._server.asked.append(method.decode())
            head = f"RTSP/1.0 200 OK\r\nCSeq: {number.decode()}\r\nSession: 7\r\n\r\n"
            self._client.sendall(head.encode())


def _pair() -> tuple[socket.socket, socket.socket]:
    """An even UDP port, and the one above it."""
    while True:
        first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        first.bind(("127.0.0.1", 0))
        second = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        port = first.getsockname()[1]
        if port % 2 == 0:
            with contextlib.suppress(OSError):
                second.bind(("127.0.0.1", port + 1))
                return first, second
        first.close()
        second.close()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


@contextmanager
def rtsp_server(habits: Habits | None = None) -> Iterator[RtspServer]:
    server = RtspServer(habits or Habits())
    try:
        yield server
    finally:
        server.close()

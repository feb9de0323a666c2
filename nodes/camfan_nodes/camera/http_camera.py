"""The source `http`: an MJPEG stream or a snapshot address, JPEGs untouched.

Speaks HTTP itself instead of asking a video library to: so nothing is decoded, and what the camera
answers (a page, a 401) comes out as a sentence. Goes to no other scheme and through no proxy.
"""

from __future__ import annotations

import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPException, HTTPResponse
from typing import Any, TypeVar, cast
from urllib.error import HTTPError, URLError

from camfan_config.pace import SLOWEST_FPS, STALL_S, planned_pace
from camfan_config.types import HttpCamera
from camfan_nodes.camera.address import Address, read_address
from camfan_nodes.camera.challenge import ChooseWay, Digest, UnknownWayError
from camfan_nodes.camera.clock import Clock
from camfan_nodes.camera.multipart import Parts, StreamError, boundary_of
from camfan_nodes.camera.pacing import Thinner
from camfan_nodes.camera.reader import Reader, Readers
from camfan_nodes.camera.source import EVERYTHING, SLICE_S, Picture, SourceError, Tally, Wishes
from camfan_nodes.camera.words import reason_of, said
from camfan_wire.jpeg import MAX_BYTES

DEPTH = 4  # pictures of one burst of the network; full: the oldest is dropped
CHUNK_BYTES = 65_536
MIN_TIMEOUT_S, MAX_TIMEOUT_S = 1.0, 30.0  # for an answer; a stream may be silent for longer

T = TypeVar("T")

_STATUS_WORDS = {
    401: "it wants a user and a password, or others than these",
    403: "it does not let this user see it",
    404: "it has nothing under this path",
    503: "it is busy; many cameras serve only one viewer",
}


class HttpSource:
    def __init__(self, camera: HttpCamera, clock: Clock) -> None:
        self.tally = Tally()
        self.reopens = True
        self._address = read_address(camera.url)
        self.name = self._address.shown
        self._camera = camera
        self._clock = clock
        self._readers = Readers(self.name, clock)
        stall_s = STALL_S if camera.stall_after is None else camera.stall_after
        self._timeout_s = min(max(MIN_TIMEOUT_S, 0.8 * stall_s), MAX_TIMEOUT_S)
        self._silence_s = max(self._timeout_s, planned_pace(camera).stall_s)  # of a stream
        self._line: socket.socket | None = None  # of the stream that is open
        self._opener = _opener(self._address)

    @contextmanager
    def open(self, wishes: Wishes = EVERYTHING) -> Iterator[Reader]:
        kind = "snapshots" if self._camera.snapshot else "MJPEG stream"
        pictures = partial(self._snapshots if self._camera.snapshot else self._stream, wishes)
        about = f"{kind} of {self.name}"
        reader = Reader(pictures, DEPTH, self.tally, about, wishes, self._hang_up)
        with self._readers.open(reader):
            yield reader

    def _stream(self, wishes: Wishes, leave: threading.Event) -> Iterator[Picture | None]:
        thinner = Thinner(self._camera.fps)
        with self._answer() as answer:
            kind = answer.headers.get("Content-Type", "")
            boundary = boundary_of(kind)
            if boundary is None:
                hint = "; set `snapshot: true`" if kind.startswith("image/") else ""
                raise SourceError(
                    f"{self.name}: asked for an MJPEG stream, got {said(kind) or 'no type'}{hint}"
                )
            parts = Parts(boundary)
            self._be_patient(answer)
            while not leave.is_set():
                data = self._read(lambda: answer.read1(CHUNK_BYTES), self._silence_s)
                if not data:
                    raise SourceError(f"{self.name}: the camera ended the stream")
                captured_ns = self._clock.wall_ns()
                for jpeg in self._fed(parts, data):
                    if thinner.keeps(self._clock.monotonic_ns() / 1e9, wishes.fps):
                        yield None if wishes.idle() else Picture(jpeg, captured_ns)

    def _snapshots(self, wishes: Wishes, leave: threading.Event) -> Iterator[Picture | None]:
        due_ns = self._clock.monotonic_ns()
        while True:
            if wishes.idle():
                yield None  # not even asked for
            else:
                captured_ns = self._clock.wall_ns()
                yield Picture(self._snapshot(), captured_ns)
            due_ns = self._rest(wishes, leave, due_ns)
            if leave.is_set():
                return

    def _rest(self, wishes: Wishes, leave: threading.Event, due_ns: int) -> int:
        """Wait until the next snapshot is due, which it returns; a viewer that comes, or another
        rate, ends the wait.
        """
        was_idle = wishes.idle()
        while not leave.is_set():
            fps = wishes.fps or self._camera.fps or SLOWEST_FPS
            next_ns, now_ns = due_ns + round(1e9 / fps), self._clock.monotonic_ns()
            left_s = (next_ns - now_ns) / 1e9
            if left_s <= 0:
                return now_ns if left_s < -1 / fps else next_ns  # a pause is not made up for
            if was_idle and not wishes.idle():
                break
            if was_idle:
                wishes.rest(min(left_s, SLICE_S))
            else:
                leave.wait(min(left_s, SLICE_S))
        return self._clock.monotonic_ns()

    def _snapshot(self) -> bytes:
        """One picture within the time-out, however slowly it trickles in."""
        until_ns = self._clock.monotonic_ns() + round(self._timeout_s * 1e9)
        jpeg = bytearray()
        with self._answer() as answer:
            kind = answer.headers.get("Content-Type", "image/")
            if not kind.startswith(("image/", "application/octet-stream")):
                raise SourceError(f"{self.name}: asked for a picture, got {said(kind)}")
            while data := self._read(lambda: answer.read1(CHUNK_BYTES)):
                jpeg += data
                if len(jpeg) > MAX_BYTES:
                    raise SourceError(f"{self.name}: a picture of more than {MAX_BYTES} bytes")
                if self._clock.monotonic_ns() > until_ns:
                    raise SourceError(f"{self.name}: no whole picture in {self._timeout_s:g} s")
        return bytes(jpeg)

    def _answer(self) -> HTTPResponse:
        request = urllib.request.Request(self._address.bare)  # noqa: S310 - the opener knows no other scheme
        return self._read(
            lambda: cast(HTTPResponse, self._opener.open(request, timeout=self._timeout_s))
        )

    def _be_patient(self, answer: HTTPResponse) -> None:
        """The camera has answered: from now on it may be silent for as long as its pace says."""
        line: socket.socket = cast(Any, answer.fp).raw._sock  # there is no public way to it
        line.settimeout(self._silence_s)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a dead peer is noticed
        self._line = line

    def _hang_up(self) -> None:
        """Wake the reading thread, which may be waiting for a picture that is an hour away."""
        line, self._line = self._line, None
        if line is not None:
            with suppress(OSError):  # the camera was faster
                line.shutdown(socket.SHUT_RDWR)

    def _read(self, step: Callable[[], T], timeout_s: float | None = None) -> T:
        """Do one step of HTTP, with its failures in words."""
        timeout_s = timeout_s or self._timeout_s
        try:
            return step()
        except HTTPError as exc:
            exc.close()
            word = _STATUS_WORDS.get(exc.code, said(str(exc.reason)))
            raise SourceError(f"{self.name}: the camera answers {exc.code}: {word}") from None
        except UnknownWayError as exc:
            raise SourceError(f"{self.name}: the camera answers 401: {exc}") from None
        except TimeoutError:
            raise SourceError(f"{self.name}: silent for {timeout_s:g} s") from None
        except URLError as exc:
            raise SourceError(f"{self.name}: {_reason(exc, timeout_s)}") from None
        except (OSError, HTTPException, ValueError) as exc:
            raise SourceError(f"{self.name}: the connection broke ({type(exc).__name__})") from None

    def _fed(self, parts: Parts, data: bytes) -> list[bytes]:
        try:
            return parts.feed(data)
        except StreamError as exc:
            raise SourceError(f"{self.name}: {exc}") from exc


def _opener(address: Address) -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    opener.add_handler(ChooseWay())
    if address.user is not None:
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, address.bare, address.user, address.password or "")
        opener.add_handler(Digest(passwords))
        opener.add_handler(urllib.request.HTTPBasicAuthHandler(passwords))
    return opener


def _reason(exc: URLError, timeout_s: float) -> str:
    reason = exc.reason
    if isinstance(reason, TimeoutError):
        return f"no answer within {timeout_s:g} s"
    return reason_of(reason) if isinstance(reason, OSError) else "cannot be reached"

"""The source `http`: an MJPEG stream or a snapshot address, JPEGs untouched.

Speaks HTTP itself instead of asking a video library to: so nothing is decoded, and what the camera
answers (a page, a 401) comes out as a sentence. Goes to no other scheme and through no proxy.
"""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException, HTTPResponse
from typing import TypeVar, cast
from urllib.error import HTTPError, URLError

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

SNAPSHOT_FPS = 1.0
DEPTH = 4  # pictures of one burst of the network; full: the oldest is dropped
CHUNK_BYTES = 65_536
MIN_TIMEOUT_S = 1.0

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
        self._timeout_s = max(MIN_TIMEOUT_S, 0.8 * camera.stall_after)
        self._opener = _opener(self._address)

    @contextmanager
    def open(self, wishes: Wishes = EVERYTHING) -> Iterator[Reader]:
        kind = "snapshots" if self._camera.snapshot else "MJPEG stream"
        pictures = partial(self._snapshots if self._camera.snapshot else self._stream, wishes)
        reader = Reader(pictures, DEPTH, self.tally, f"{kind} of {self.name}", wishes)
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
            while not leave.is_set():
                data = self._read(lambda: answer.read1(CHUNK_BYTES))
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
            now_ns = self._clock.monotonic_ns()
            fps = wishes.fps or self._camera.fps or SNAPSHOT_FPS
            due_ns = max(due_ns + round(1e9 / fps), now_ns)
            if self._rests(wishes, leave, due_ns):
                return

    def _rests(self, wishes: Wishes, leave: threading.Event, until_ns: int) -> bool:
        """Wait for the next snapshot; nobody who comes waits for it. True when it is to end."""
        was_idle = wishes.idle()
        while (left_s := (until_ns - self._clock.monotonic_ns()) / 1e9) > 0:
            if not was_idle:
                return leave.wait(left_s)
            wishes.rest(min(left_s, SLICE_S))
            if leave.is_set() or not wishes.idle():
                break
        return leave.is_set()

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

    def _read(self, step: Callable[[], T]) -> T:
        """Do one step of HTTP, with its failures in words."""
        try:
            return step()
        except HTTPError as exc:
            exc.close()
            word = _STATUS_WORDS.get(exc.code, said(str(exc.reason)))
            raise SourceError(f"{self.name}: the camera answers {exc.code}: {word}") from None
        except UnknownWayError as exc:
            raise SourceError(f"{self.name}: the camera answers 401: {exc}") from None
        except TimeoutError:
            raise SourceError(f"{self.name}: silent for {self._timeout_s:g} s") from None
        except URLError as exc:
            raise SourceError(f"{self.name}: {_reason(exc, self._timeout_s)}") from None
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

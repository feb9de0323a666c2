"""GET from a camera: over TCP or TLS, through redirects and logins, with failures in words.

One request, one connection. Goes to no other scheme and through no proxy; a login is sent to the
host of the site file's address only, and never in the clear where that is https.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from camfan_config.errors import CamfanError
from camfan_nodes.camera.address import Address, redirected
from camfan_nodes.camera.challenge import read_challenges
from camfan_nodes.camera.cookies import Cookies
from camfan_nodes.camera.http_coding import CODINGS, Inflater
from camfan_nodes.camera.http_head import NOT_HTTP, AnswerHead, Chunks, HttpError, read_answer
from camfan_nodes.camera.login import CameraLogin, UnknownWayError, choose
from camfan_nodes.camera.trust import TlsGate, Trust, TrustError
from camfan_nodes.camera.words import printable_short, reason_of

CHUNK_BYTES = 65_536
SLICE_S = 0.25  # how soon a reader that is to leave does so
MAX_STEPS = 10  # requests for one answer: redirects and logins

_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_ODD = frozenset((400, 403, 404, 405, 406))  # what cameras send instead of 401
_USTREAMER, _MORE = "stream_client=", "extra_headers"  # a cookie of its streams, and its option
_STATUS_WORDS = {
    401: "login required, or wrong user or password",
    403: "this user is not permitted to see it",
    404: "there is nothing under this path",
    503: "it is busy; many cameras serve only one viewer",
}


class ExchangeError(CamfanError):
    """The camera gave no answer that can be used; the message says why, without its name."""


class SilentError(ExchangeError):
    """Nothing came in time."""


class StoppedError(CamfanError):
    """The reader was asked to stop while it waited."""


@dataclass(slots=True)
class HttpAnswer:
    """An answer with status 200, whose body is read piece by piece."""

    head: AnswerHead
    way_ns: int  # how long it took to connect; a bound of the transfer time
    _line: CameraConnection
    _rest: bytes = field(repr=False)  # of the body, came with the head
    _chunks: Chunks | None
    _inflater: Inflater | None

    @property
    def type(self) -> str:
        """The content type, as the camera writes it; it may be wrong, or empty."""
        return self.head.head.get("content-type") or ""

    @property
    def length(self) -> int:
        """Bytes of the body, as the camera says; it may be wrong. 0: unknown."""
        length = self.head.head.get("content-length") or ""
        return int(length) if length.isascii() and length.isdigit() and len(length) < 10 else 0

    def read(self, silence_s: float) -> bytes:
        """The next piece of the body; empty at its end.

        Raises SilentError when nothing comes for this time, ExchangeError, StoppedError.
        """
        try:
            if self._inflater is None:
                return self._unpacked(silence_s)
            while not (body := self._inflater.take()):
                if not (data := self._unpacked(silence_s)):
                    return b""
                self._inflater.feed(data)
        except HttpError as exc:
            raise ExchangeError(str(exc)) from exc
        return body

    def _unpacked(self, silence_s: float) -> bytes:
        """The next piece of the body, out of its chunks."""
        while True:
            data, self._rest = self._rest or self._line.receive(silence_s), b""
            if self._chunks is None or not data:
                return data
            body = self._chunks.feed(data)
            if body or self._chunks.ended:
                return body

    def close(self) -> None:
        self._line.close()


class CameraConnection:
    """One connection, read in slices so that its reader can leave."""

    def __init__(self, connection: socket.socket, leave: threading.Event) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a dead peer is noticed
        self._connection = connection
        self._leave = leave

    def send(self, data: bytes) -> None:
        """Raises ExchangeError."""
        try:
            self._connection.sendall(data)
        except OSError as exc:
            raise ExchangeError(_broken(exc)) from None

    def receive(self, silence_s: float) -> bytes:
        """What has come; empty at the end. Raises SilentError, ExchangeError, StoppedError."""
        until_s = time.monotonic() + silence_s
        while not self._leave.is_set():
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                raise SilentError(f"silent for {silence_s:g} s")
            self._connection.settimeout(min(SLICE_S, left_s))
            try:
                return self._connection.recv(CHUNK_BYTES)
            except TimeoutError:
                continue
            except OSError as exc:
                raise ExchangeError(_broken(exc)) from None
        raise StoppedError("asked to stop")

    def close(self) -> None:
        self._connection.close()


class HttpClient:
    """Requests one address, repeatedly: connects within `timeout_s`, and gets the head of an answer
    within `answer_s`.
    """

    def __init__(
        self, address: Address, trust: Trust, timeout_s: float, answer_s: float | None = None
    ) -> None:
        self._address = address
        self._gate = TlsGate(trust)
        self._timeout_s = timeout_s
        self._answer_s = answer_s or timeout_s
        user = address.user
        self._login = None if user is None else CameraLogin(user, address.password or "")
        self._cookies = Cookies()

    def get(self, leave: threading.Event) -> HttpAnswer:
        """An answer with status 200; the caller closes it.

        Raises ExchangeError, HttpError and TrustError, each a sentence, and StoppedError.
        """
        at = self._address
        if self._login is not None:
            self._login.begin()
        for _ in range(MAX_STEPS):
            login = self._login if self._may_log_in(at) else None
            with self._name_redirect(at):
                answer = self._ask(at, login, leave)
            if answer is None:  # closed without an answer
                if login is None or not login.unasked():
                    raise ExchangeError("the camera closed the connection without an answer")
                at = self._address
                continue
            try:
                following = self._following(at, login, answer)
                if following is None:
                    self._check(at, login, answer)
                    return answer
            except BaseException:
                answer.close()
                raise
            answer.close()
            at = following
        raise ExchangeError(f"no end of redirects and logins after {MAX_STEPS} requests")

    def _ask(
        self, at: Address, login: CameraLogin | None, leave: threading.Event
    ) -> HttpAnswer | None:
        """The answer to one request; None if the camera closed the connection instead."""
        begun_ns = time.monotonic_ns()
        line = CameraConnection(self._connect(at), leave)
        way_ns = time.monotonic_ns() - begun_ns
        try:
            line.send(_request(at, login, self._cookies if self._may_log_in(at) else None))
            head, rest = _read_head(line, self._answer_s)
        except BaseException:
            line.close()
            raise
        if head is None:
            line.close()
            return None
        if self._may_log_in(at):
            self._cookies.keep(head.head.all("set-cookie"))
        transfer = (head.head.get("transfer-encoding") or "").lower()
        coding = (head.head.get("content-encoding") or "").lower()
        chunks = Chunks() if "chunked" in transfer else None
        inflater = Inflater(coding) if coding in CODINGS else None
        return HttpAnswer(head, way_ns, line, rest, chunks, inflater)

    @contextmanager
    def _name_redirect(self, at: Address) -> Iterator[None]:
        try:
            yield
        except (ExchangeError, HttpError, TrustError) as exc:
            if at.place != self._address.place:
                exc.args = (f"redirected to {at.shown}: {exc}",)
            raise

    def _connect(self, at: Address) -> socket.socket:
        place = (at.host, at.port or _PORTS[at.scheme])
        try:
            raw = socket.create_connection(place, self._timeout_s)
        except TimeoutError:
            raise ExchangeError(f"no answer within {self._timeout_s:g} s") from None
        except UnicodeError:
            raise ExchangeError(f"{at.host!r} is not a valid host name") from None
        except OSError as exc:
            raise ExchangeError(reason_of(exc)) from None
        if at.scheme != "https":
            return raw
        try:
            return self._gate.wrap(raw, at.host)
        except TimeoutError:
            raise ExchangeError(
                f"no TLS within {self._timeout_s:g} s; is https enabled in the camera?"
            ) from None
        except OSError as exc:
            raise ExchangeError(_broken(exc)) from None

    def _following(
        self, at: Address, login: CameraLogin | None, answer: HttpAnswer
    ) -> Address | None:
        """Where to ask next; None: this answer is the last one."""
        status = answer.head.status
        location = answer.head.head.get("location")
        if status in _REDIRECTS and location is not None:
            return _redirected(at, status, location)
        if status == 401:
            return at if _logs_in(login, answer) else None
        if status == 200 and _needs_extra_headers(at, answer):
            return self._with_extra_headers(at)
        odd = status in _ODD or (status == 200 and answer.type.lower().startswith("text/html"))
        if odd and login is not None and login.unasked():
            return self._address
        return None

    def _with_extra_headers(self, at: Address) -> Address:
        """With this option µStreamer says of each frame whether it is live, and how old it is."""
        target = f"{at.target}{'&' if '?' in at.target else '?'}{_MORE}=1"
        there = replace(at, target=target)
        if at is self._address:
            self._address = there
        return there

    def _may_log_in(self, at: Address) -> bool:
        first = self._address
        in_the_clear = (first.scheme, at.scheme) == ("https", "http")
        return at.host.lower() == first.host.lower() and not in_the_clear

    def _check(self, at: Address, login: CameraLogin | None, answer: HttpAnswer) -> None:
        """Raises ExchangeError for any status but 200."""
        status, reason = answer.head.status, answer.head.reason
        if 200 <= status < 300:
            return
        if login is not None:
            login.forget()
        self._cookies.forget()
        word = _STATUS_WORDS.get(status, printable_short(reason))
        if status == 401 and self._login is not None and login is None:
            word = "login required; the login of the site file is not sent to another host"
        there = "" if at is self._address else f", redirected to {at.shown},"
        raise ExchangeError(f"the camera{there} answers {status}: {word}")


def _needs_extra_headers(at: Address, answer: HttpAnswer) -> bool:
    cookies = answer.head.head.all("set-cookie")
    of_ustreamer = any(cookie.startswith(_USTREAMER) for cookie in cookies)
    return of_ustreamer and _MORE not in at.target


def _redirected(at: Address, status: int, location: str) -> Address:
    try:
        there = redirected(at, location)
    except ValueError:
        there = None
    if there is None or there.scheme not in _PORTS:
        raise ExchangeError(
            f"the camera answers {status}: it redirects to an address that is not http"
        )
    return there


def _logs_in(login: CameraLogin | None, answer: HttpAnswer) -> bool:
    """After a 401: whether to ask again. Raises ExchangeError where no known way is offered."""
    lines = answer.head.head.all("www-authenticate")
    ways = read_challenges(lines)
    try:
        again = login is not None and login.refused(ways)
        if not again and any(lines):
            choose(ways)
    except UnknownWayError as exc:
        raise ExchangeError(f"the camera answers 401: {exc}") from None
    return again


def _read_head(line: CameraConnection, timeout_s: float) -> tuple[AnswerHead | None, bytes]:
    """The head of an answer and what came behind it; None where the camera only hung up."""
    data, until_s = b"", time.monotonic() + timeout_s
    while True:
        head = read_answer(data)
        if head is not None and not 100 <= head.status < 200:
            return head, data[head.size :]
        if head is not None:  # an interim answer
            data = data[head.size :]
            continue
        try:
            more = line.receive(until_s - time.monotonic())
        except SilentError:
            raise SilentError(f"no answer within {timeout_s:g} s") from None
        if not more and data.strip():
            raise HttpError(NOT_HTTP)
        if not more:
            return None, b""
        data += more


def _request(at: Address, login: CameraLogin | None, cookies: Cookies | None) -> bytes:
    lines = [
        f"GET {at.target} HTTP/1.1",
        f"Host: {_ascii(at.place)}",
        "User-Agent: camfan",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    authorization = None if login is None else login.header("GET", at.target)
    if authorization is not None:
        lines.append(f"Authorization: {authorization}")
    if cookies is not None and (cookie := cookies.header()):
        lines.append(f"Cookie: {cookie}")
    return "\r\n".join([*lines, "", ""]).encode()


def _ascii(place: str) -> str:
    return place if place.isascii() else place.encode("idna").decode()


def _broken(exc: OSError) -> str:
    return f"the connection broke ({type(exc).__name__})"

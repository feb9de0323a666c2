"""Heads of HTTP answers, and bodies in chunks, as cameras write them.

Total and bounded: for any bytes a head, a wish for more, or an HttpError. Lines that are not
`name: value` are passed over, status lines may be odd or missing, and a body may begin without any
head. Python's own reader stops at the first such line, and others refuse the whole answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from camfan_config.errors import CamfanError
from camfan_wire.jpeg import SOI

MAX_HEAD_BYTES = 65_536
MAX_LINES = 500
MAX_SIZE_LINE = 1024  # of a chunk

_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"(?:[A-Z]+(?:/[\d.]+)?[ \t]+)?(\d{3})(?:[ \t]+(.*))?|HTTP.*", re.IGNORECASE)
_SIZE = re.compile(rb"[ \t]*0*([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?")

NOT_HTTP = "what answers there does not speak HTTP"
_OTHERS = {
    b"RTSP/": "it speaks RTSP, not HTTP; that is `source: rtsp` and an address rtsp://…",
    b"SSH-": "it speaks SSH, not HTTP; is the port right?",
    b"\x15\x03": "it speaks TLS; write https:// in its address",
}

Lines = dict[str, list[str]]


class HttpError(CamfanError):
    """What answers does not speak HTTP; the message says what it seems to be."""


@dataclass(frozen=True, slots=True)
class Head:
    """The lines of a head, by their names in lower case."""

    lines: Lines = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        """The first value of a name in lower case."""
        values = self.lines.get(name)
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        return self.lines.get(name, [])


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """How an answer begins; one without a status counts as 200."""

    status: int
    reason: str
    head: Head
    size: int  # bytes; the body begins behind them


def read_lines(text: bytes) -> Head:
    """Whatever of it is `name: value`."""
    lines: Lines = {}
    for line in text.split(b"\n", MAX_LINES)[:MAX_LINES]:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon and name and not name[0].isspace():
            lines.setdefault(name.strip().lower(), []).append(value.strip())
    return Head(lines)


def read_answer(data: bytes) -> AnswerHead | None:
    """The head that `data` begins with; None: it goes on. Raises HttpError."""
    rest = data.lstrip(b"\r\n")
    if rest.startswith((SOI, b"--")):
        return AnswerHead(200, "", Head(), 0)  # the body of a camera that sends no head
    for start, words in _OTHERS.items():
        if rest.startswith(start):
            raise HttpError(words)
    line, newline, _ = rest.partition(b"\n")
    size = _size_of(data, len(data) - len(rest)) if newline else 0
    if not size:
        if len(data) > MAX_HEAD_BYTES:
            raise HttpError(f"its answer has a head of more than {MAX_HEAD_BYTES} bytes")
        return None
    head, status = read_lines(data[:size]), _STATUS.fullmatch(line.rstrip(b"\r \t"))
    if status is None and not head.lines:
        raise HttpError(NOT_HTTP)
    if status is None or status[1] is None:
        return AnswerHead(200, "", head, size)
    return AnswerHead(int(status[1]), (status[2] or b"").decode("latin-1"), head, size)


def _size_of(data: bytes, start: int) -> int:
    """Up to the blank line, or to a frame that comes without one; 0: neither is there yet."""
    blank, picture = _END.search(data, start), data.find(SOI, start)
    ends = [blank.end()] if blank else []
    return min([*ends, picture] if picture > 0 else ends, default=0)


class Chunks:
    """Takes a body in chunks apart. One that only says that it comes in chunks passes as it is."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._left = 0  # of the chunk that is being read
        self._begun = self._plain = False
        self.ended = False

    def feed(self, data: bytes) -> bytes:
        """What of the body `data` holds. Raises HttpError for chunks that break off."""
        self._buffer += data
        found = bytearray()
        while self._buffer and not self.ended and (taken := self._take()) is not None:
            found += taken
        return bytes(found)

    def _take(self) -> bytes | None:
        """What can be read at once; None: more bytes are needed."""
        if not self._left and not self._plain:
            return b"" if self._read_size() else None
        taken = bytes(self._buffer if self._plain else self._buffer[: self._left])
        del self._buffer[: len(taken)]
        self._left -= 0 if self._plain else len(taken)
        return taken

    def _read_size(self) -> bool:
        """Read the line before a chunk; False: more bytes are needed."""
        if self._begun:  # a line break ends the chunk before
            blank = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))
            del self._buffer[:blank]
        end = self._buffer.find(b"\n")
        if end < 0 and len(self._buffer) <= MAX_SIZE_LINE and not self._starts_picture():
            return False
        size = _SIZE.fullmatch(bytes(self._buffer[: max(0, end)]).rstrip(b"\r"))
        if size is None:
            if self._begun:
                raise HttpError("the camera's chunks break off; its answer cannot be read")
            self._plain = True
            return True
        del self._buffer[: end + 1]
        self._left, self._begun = int(size[1], 16), True
        self.ended = not self._left
        return True

    def _starts_picture(self) -> bool:
        return self._buffer.startswith((SOI, b"--"))

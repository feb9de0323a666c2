"""The pictures of an MJPEG stream over HTTP (`multipart/x-mixed-replace`), bytes untouched.

Total and bounded: for any bytes it gives parts or raises StreamError, and never keeps more than
one picture. Cameras differ in whether they send lengths and how they write the boundary; all of
it is read.
"""

from __future__ import annotations

import re

from camfan_config.errors import CamfanError
from camfan_wire.jpeg import MAX_BYTES

MAX_HEAD_BYTES = 8192  # headers of one part, and what may stand between parts

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^\s;]+))', re.IGNORECASE)
_LENGTH = re.compile(rb"^content-length:\s*(\d{1,9})\s*$", re.IGNORECASE | re.MULTILINE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")


class StreamError(CamfanError):
    """Bytes that are no MJPEG stream."""


def boundary_of(content_type: str) -> bytes | None:
    """What stands between the parts, without its dashes; None for another type of content."""
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/") or not found:
        return None
    return (found[1] or found[2]).lstrip("-").encode("latin-1", "replace")


class Parts:
    """Takes bytes as they come from the network, gives the parts that are complete."""

    def __init__(self, boundary: bytes) -> None:
        dashed = rb"-{2,}" + re.escape(boundary)  # cameras disagree on whose the dashes are
        self._start, self._end = re.compile(dashed), re.compile(rb"\r?\n" + dashed)
        self._overlap = len(boundary) + 8
        self._buffer = bytearray()
        self._in_body = False
        self._length: int | None = None
        self._searched = 0  # no boundary begins before this place of the buffer

    def feed(self, data: bytes) -> list[bytes]:
        """Raises StreamError once the stream makes no sense."""
        self._buffer += data
        parts = []
        while (part := self._step()) is not None:
            if part:
                parts.append(part)
        return parts

    def _step(self) -> bytes | None:
        """One head (empty) or one body read off the buffer; None: more bytes are needed."""
        if not self._in_body:
            return self._read_head()
        if self._length is not None:
            return self._read_counted(self._length)
        return self._read_to_boundary()

    def _read_head(self) -> bytes | None:
        start = self._start.search(self._buffer)
        end = None if start is None else _HEAD_END.search(self._buffer, start.end())
        if start is None or end is None:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise StreamError("no picture begins where one should; this is no MJPEG stream")
            return None
        length = _LENGTH.search(self._buffer[start.end() : end.start()].replace(b"\r", b""))
        self._length = int(length[1]) if length else None
        if self._length is not None and self._length > MAX_BYTES:
            raise StreamError(f"a picture of {self._length} bytes; the limit is {MAX_BYTES}")
        del self._buffer[: end.end()]
        self._in_body, self._searched = True, 0
        return b""

    def _read_counted(self, length: int) -> bytes | None:
        return self._cut(length) if len(self._buffer) >= length else None

    def _read_to_boundary(self) -> bytes | None:
        end = self._end.search(self._buffer, self._searched)
        if end is not None:
            return self._cut(end.start())
        self._searched = max(0, len(self._buffer) - self._overlap)
        if len(self._buffer) > MAX_BYTES + MAX_HEAD_BYTES:
            raise StreamError(f"a picture of more than {MAX_BYTES} bytes")
        return None

    def _cut(self, length: int) -> bytes:
        part = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._in_body = False
        return part

"""The JPEGs of an MJPEG stream over HTTP (`multipart/x-mixed-replace`), bytes untouched.

The JPEGs themselves show where they begin and end. Lengths, boundaries and types, which cameras
often write wrong, only separate the JPEGs of the stream from those that follow another one in the
same part. A stream without any of them is read as well.

Total and bounded: any bytes give parts or raise StreamError, and at most one JPEG and twice
MAX_HEAD_BYTES are kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from camfan_config.errors import CamfanError
from camfan_nodes.camera.http_head import Head, read_lines
from camfan_nodes.camera.jpeg_repair import BROKEN, SCAN, find_marker, last_segment
from camfan_wire.jpeg import EOI, MAX_BYTES, SOI

MAX_HEAD_BYTES = 8192  # of the bytes between two JPEGs, at least, are kept
MAX_OTHER_BYTES = MAX_BYTES  # between two frames; more is not a stream of frames
MAX_FALSE_STARTS = 1000  # between two frames

_START = SOI + b"\xff"  # another marker follows
_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]+)"?|([^\s;"]+))', re.IGNORECASE)
_ANY_BOUNDARY = re.compile(rb"(?:\A|\n)(--[\x21-\x7e][\x20-\x7e]{0,199}?)[ \t]*\r?\n")
_LINE_ENDS = re.compile(rb"(?:--)?[ \t]*[\r\n]")
_TYPE = re.compile(rb"(?:\A|\n)content-type[ \t]*:", re.IGNORECASE)
_LENGTH = re.compile(rb"(?:\A|\n)content-length[ \t]*:", re.IGNORECASE)


class StreamError(CamfanError):
    """Bytes that are not an MJPEG stream."""


@dataclass(frozen=True, slots=True)
class StreamPart:
    """One whole JPEG of a stream, and its header lines."""

    jpeg: bytes = field(repr=False)
    head: Head
    began_ns: int  # when its first byte came
    waited_ns: int  # between the end of its head and its first byte: a head may be sent in advance


def boundary_of(content_type: str) -> bytes | None:
    """The boundary of a content type, without its dashes; None if it has none."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        return None
    return (found[1] or found[2]).lstrip("-").encode("latin-1", "replace") or None


class StreamParser:
    """Takes bytes as they come from the network, and returns the JPEGs that are complete."""

    def __init__(self, boundary: bytes | None = None) -> None:
        self._boundary = None if boundary is None else b"--" + boundary
        self._buffer = bytearray()
        self._in_picture = False  # the buffer starts with one
        self._searched = 0  # nothing that is looked for begins before this place of the buffer
        self._scan = 0  # where the data of the frame start; 0: not known yet
        self._other = bytearray()  # the last of what stood before the frame, or stands there now
        self._others = 0  # how many bytes that was
        self._false_starts = 0  # since the last frame
        self._head: Head | None = None  # of the frame; None: it does not belong to the stream
        self._framed = False  # heads or boundaries were seen
        self._began_ns = self._waited_ns = self._fed_ns = 0
        self.damaged = 0  # frames in which another one began, or that were not a JPEG
        self.skipped = 0  # parts of another type

    @property
    def others(self) -> int:
        """Bytes since the last JPEG that are not part of one."""
        return self._others

    @property
    def begun(self) -> bool:
        """True if something has begun like a JPEG."""
        return self._in_picture or self.damaged > 0

    def feed(self, data: bytes, now_ns: int = 0) -> list[StreamPart]:
        """The JPEGs that end in `data`. Raises StreamError for what is not an MJPEG stream."""
        known, self._now_ns = len(self._buffer), now_ns
        self._buffer += data
        parts: list[StreamPart] = []
        while self._step(parts, known):
            known = 0
        self._fed_ns = now_ns
        return parts

    def _step(self, parts: list[StreamPart], known: int) -> bool:
        """Read on by one piece; False: more bytes are needed. The first `known` came earlier."""
        if not self._in_picture:
            return self._find_start(known)
        if not self._scan and not self._find_scan():
            return not self._in_picture
        return self._find_end(parts)

    def _find_start(self, known: int) -> bool:
        at = self._buffer.find(_START, self._searched)
        self._set_aside(max(0, len(self._buffer) - len(_START) + 1) if at < 0 else at)
        self._searched = 0
        if at < 0:
            return False
        self._in_picture, self._head = True, self._read_head()
        self._began_ns = self._now_ns
        self._waited_ns = self._now_ns - self._fed_ns if 0 < at <= known else 0
        return True

    def _set_aside(self, count: int) -> None:
        """The first bytes of the buffer are not of a frame."""
        self._others += count
        if self._others > MAX_OTHER_BYTES:
            raise StreamError(f"no JPEG in {self._others} bytes; this is not an MJPEG stream")
        self._other += self._buffer[max(0, count - MAX_HEAD_BYTES) : count]
        del self._buffer[:count]
        if len(self._other) > 2 * MAX_HEAD_BYTES:
            del self._other[:-MAX_HEAD_BYTES]

    def _find_scan(self) -> bool:
        marker, at = last_segment(self._buffer, 0)
        before = at if marker == SCAN else len(self._buffer)
        if self._is_torn(before) or (marker == BROKEN and at):
            self._give_up(len(SOI))
        elif marker == SCAN:
            self._scan = self._searched = at
        else:
            self._check_size()
        return self._scan > 0

    def _is_torn(self, before: int) -> bool:
        """Whether the next part begins in the head of this frame; what looks like that is a line
        of its own, because the boundary itself may stand in a comment.
        """
        if self._boundary is None:
            return False
        at = self._buffer.find(self._boundary, 0, before)
        while at >= 0:
            at += len(self._boundary)
            if _LINE_ENDS.match(self._buffer, at):
                return True
            at = self._buffer.find(self._boundary, at, before)
        return False

    def _find_end(self, parts: list[StreamPart]) -> bool:
        at = find_marker(self._buffer, self._searched)
        if at < 0:
            self._searched = max(self._scan, len(self._buffer) - 1)
            self._check_size()
            return False
        if self._buffer[at : at + 2] != EOI:  # the next frame begins: this one is cut off
            self._give_up(at)
            return True
        if self._head is not None:
            jpeg = bytes(memoryview(self._buffer)[: at + 2])
            parts.append(StreamPart(jpeg, self._head, self._began_ns, self._waited_ns))
        del self._buffer[: at + 2]
        self._others = self._false_starts = 0
        self._leave_picture()
        return True

    def _give_up(self, count: int) -> None:
        """What began as a JPEG is not a whole one; search on after its first bytes."""
        self.damaged += self._head is not None
        self._false_starts += 1
        if self._false_starts > MAX_FALSE_STARTS:
            raise StreamError(f"{self._false_starts} JPEGs begin, and none of them is complete")
        self._leave_picture()
        self._set_aside(count)

    def _leave_picture(self) -> None:
        self._in_picture, self._searched, self._scan = False, 0, 0
        self._other.clear()

    def _check_size(self) -> None:
        if len(self._buffer) > MAX_BYTES:
            raise StreamError(f"a JPEG of more than {MAX_BYTES} bytes")

    def _read_head(self) -> Head | None:
        """What stands before the frame; None if it does not belong to the stream."""
        text, mark = bytes(self._other), 0
        if self._boundary is not None:
            mark = text.rfind(self._boundary) + 1
        if not mark and (found := list(_ANY_BOUNDARY.finditer(text))):
            self._boundary, mark = found[-1][1], found[-1].start(1) + 1
        types = len(_TYPE.findall(text))
        framed = bool(mark or types or _LENGTH.search(text))
        if self._framed and not framed:
            return None  # behind the end of another frame, in the same part
        self._framed |= framed
        self.skipped += max(0, types - 1)
        return read_lines(text[max(0, mark - 1) :])

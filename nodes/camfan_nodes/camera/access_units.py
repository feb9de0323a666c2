"""From the pieces of an RTP stream to whole coded frames.

FFmpeg hands out H.264, H.265 and MPEG-4 in pieces, without the mark that says which is the last of
a frame; its own parser therefore gives a frame only when the next one begins, an interval late.
`Joiner` learns how a camera cuts its frames, and gives each one at once when that is certain.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

LEARN_UNITS = 8  # alike before the end of a frame is believed without seeing the next one
SLOW_UNITS = 2  # the same, where each costs SLOW_NS and more of waiting
SLOW_NS = 1_000_000_000
RELEARN_UNITS = 250  # after that was wrong once
MAX_HELD = 16  # parameter sets behind each other
MAX_UNIT_BYTES = 32_000_000  # pieces of a frame that never ends

_START = b"\0\0\1"


@dataclass(frozen=True, slots=True)
class Piece:
    """What one read gave: a part of a frame, or more, and when that came."""

    data: bytes
    stamp_ns: int | None  # of the frame, on the camera's RTP clock
    arrived_ns: int  # monotonic
    key: bool = False


@dataclass(frozen=True, slots=True)
class Unit:
    """One coded frame. `key`: the decoder can begin with it."""

    data: bytes
    stamp_ns: int | None
    arrived_ns: int  # of its first byte, monotonic
    key: bool


@dataclass(frozen=True, slots=True)
class _PieceContents:
    """What a piece shows of itself. A slice is a part of the frame proper, not a header."""

    begins: bool  # a frame begins here, if one was begun before
    slices: int
    key: bool
    parameters: bool = False  # nothing but parameter sets: of this frame, or of the next one


Look = Callable[[bytes], _PieceContents]


def marks_keys(codec: str) -> bool:
    """Whether the units of this codec say which of them a decoder can begin with."""
    return codec in _WHOLE or codec in _LOOKS


class Joiner:
    """Takes pieces, gives units, and says of each frame when its first piece comes.

    For one connection. A codec whose pieces are whole frames goes through.
    """

    def __init__(self, codec: str, begins: Callable[[int | None, int], None]) -> None:
        """`begins` gets stamp and arrival."""
        self._codec = codec
        self._look = _LOOKS.get(codec)
        self._begins = begins
        self._pieces: list[bytes] = []
        self._bytes = 0
        self._first: Piece | None = None  # that has something of the frame proper
        self._any: Piece | None = None
        self._slices = 0
        self._key = False
        self._longest = 0  # piece so far: one that is shorter ends a slice
        self._ended = False  # the last piece did
        self._usual = 0  # slices of a frame
        self._alike = 0  # frames in a row with that number of slices
        self._needed = LEARN_UNITS
        self._stamp_ns: int | None = None  # of the last unit
        self._held: deque[tuple[Piece, _PieceContents]] = deque(maxlen=MAX_HELD)

    def feed(self, piece: Piece) -> list[Unit]:
        """The units that are complete now."""
        if self._codec in _WHOLE:
            self._begins(piece.stamp_ns, piece.arrived_ns)
            key = piece.key or (self._codec == "vp9" and _is_vp9_key(piece.data[0]))
            return [Unit(piece.data, piece.stamp_ns, piece.arrived_ns, key)]
        if self._look is None:
            units = self._cut() if self._is_next(piece, _OTHER) else []
            self._add(piece, _OTHER)
            return units
        if not piece.data.startswith(_START, piece.data.startswith(b"\0\0\0\1")):
            return self._continue(piece)
        look = self._look(piece.data)
        if look.parameters and self._first is not None and not self._is_next(piece, look):
            self._held.append((piece, look))  # some cameras repeat them before each slice
            return []
        units = self._cut() if self._is_next(piece, look) else []
        for held in self._held:
            self._add(*held)
        self._held.clear()
        self._add(piece, look)
        return units + self._cut_early()

    def _is_next(self, piece: Piece, look: _PieceContents) -> bool:
        if self._first is None:
            return False
        return look.begins or piece.stamp_ns != self._first.stamp_ns

    def _continue(self, piece: Piece) -> list[Unit]:
        """Read the rest of a slice whose start was received."""
        if self._ended or not self._pieces:
            self._alike, self._needed = 0, RELEARN_UNITS  # it cuts otherwise, or a piece was lost
        if not self._pieces:
            return []
        self._append(piece)
        return self._cut_early()

    def _add(self, piece: Piece, look: _PieceContents) -> None:
        if self._any is None:
            self._any = piece
        if look.slices and self._first is None:
            self._first = piece
            self._begins(piece.stamp_ns, piece.arrived_ns)
        self._slices += look.slices
        self._key = self._key or look.key
        self._append(piece)

    def _append(self, piece: Piece) -> None:
        self._pieces.append(piece.data)
        self._bytes += len(piece.data)
        self._ended = len(piece.data) < self._longest - len(_START) - 3
        self._longest = max(self._longest, len(piece.data))
        if self._bytes > MAX_UNIT_BYTES:
            self._clear()

    def _cut_early(self) -> list[Unit]:
        """The frame, if it has all its slices and the last of them has ended."""
        certain = self._alike >= self._needed or (self._is_slow() and self._alike >= SLOW_UNITS)
        certain = certain and self._slices == self._usual
        return self._cut() if certain and self._ended else []

    def _is_slow(self) -> bool:
        """Whether the frames come far apart, and nothing was wrong yet."""
        if self._needed != LEARN_UNITS or self._first is None or self._stamp_ns is None:
            return False
        return self._first.stamp_ns is not None and (
            self._first.stamp_ns - self._stamp_ns >= SLOW_NS
        )

    def _cut(self) -> list[Unit]:
        first = self._first or self._any
        if first is None or not self._slices:
            return []
        self._alike = self._alike + 1 if self._slices == self._usual else 1
        self._usual, self._stamp_ns = self._slices, first.stamp_ns
        unit = Unit(b"".join(self._pieces), first.stamp_ns, first.arrived_ns, self._key)
        self._clear()
        return [unit]

    def _clear(self) -> None:
        self._pieces.clear()
        self._bytes = self._slices = 0
        self._first = self._any = None
        self._key = False


def _look_h264(data: bytes) -> _PieceContents:
    begins, slices, key, parameters = False, 0, False, False
    for kind, first in _units(data, header=1):
        kind &= 0x1F
        if 1 <= kind <= 5:
            slices += kind in (1, 2, 5)
            begins = begins or bool(first & 0x80)  # its first macroblock is number 0
        elif kind in (7, 8):
            parameters = True
        else:
            begins = begins or kind in (6, 9) or 14 <= kind <= 18
        key = key or kind in (5, 7)
    return _PieceContents(begins, slices, key, parameters and not begins and not slices)


def _look_h265(data: bytes) -> _PieceContents:
    begins, slices, key, parameters = False, 0, False, False
    for kind, first in _units(data, header=2):
        kind = kind >> 1 & 0x3F
        if kind < 32:
            slices += 1
            begins = begins or bool(first & 0x80)  # the first segment of the frame
        elif kind in (32, 33, 34):
            parameters = True
        else:
            begins = begins or kind in (35, 39) or 41 <= kind <= 44
        key = key or 16 <= kind <= 23 or kind in (32, 33)
    return _PieceContents(begins, slices, key, parameters and not begins and not slices)


def _look_mpeg4(data: bytes) -> _PieceContents:
    begins, slices, key = False, 0, False
    for kind, first in _units(data, header=1):
        begins = begins or kind in (0xB0, 0xB3, 0xB6)
        slices += kind == 0xB6
        key = key or kind == 0xB0 or (kind == 0xB6 and first >> 6 == 0)
    return _PieceContents(begins, slices, key)


def _is_vp9_key(first: int) -> bool:
    """By the first byte of a frame: neither shown again nor made of others."""
    return not first & (0x06 if first & 0x30 == 0x30 else 0x0C)  # profile 3 has one bit more


def _units(data: bytes, header: int) -> list[tuple[int, int]]:
    """First byte, and first byte behind the header, of each unit that starts in a piece."""
    found = []
    at = data.find(_START)
    while at >= 0:
        at += len(_START)
        if at + header < len(data):
            found.append((data[at], data[at + header]))
        at = data.find(_START, at)
    return found


_WHOLE = {"mjpeg", "vp8", "vp9"}  # FFmpeg puts these together itself
_OTHER = _PieceContents(
    begins=False, slices=1, key=False
)  # all that has the same stamp is one frame
_LOOKS: dict[str, Look] = {"h264": _look_h264, "hevc": _look_h265, "mpeg4": _look_mpeg4}

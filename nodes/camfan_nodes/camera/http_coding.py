"""Bodies that a server compresses although it was asked not to: gzip and deflate, in pieces.

Bounded: a body that unpacks to more than it should costs one piece at a time. One that only says
that it is compressed passes as it is; its first bytes decide.
"""

from __future__ import annotations

import zlib

from camfan_nodes.camera.http_head import HttpError

CODINGS = ("gzip", "x-gzip", "deflate")
PIECE_BYTES = 1_000_000

_EITHER = 32 + zlib.MAX_WBITS  # gzip or zlib, as its first bytes say
_GZIP, _ZLIB = 0x1F8B, 8  # how these begin
_PLAIN = (b"\xff\xd8", b"--", b"\r\n")  # how frames and parts begin


class Inflater:
    """Give it what came, and take pieces until there is none."""

    def __init__(self, coding: str) -> None:
        """`coding` is one of CODINGS."""
        self._raw = coding == "deflate"  # it may come without the head of zlib
        self._left = b""
        self._unpack: zlib._Decompress | None = None
        self._plain = False

    def feed(self, data: bytes) -> None:
        self._left += data

    def take(self) -> bytes:
        """The next piece of the body; empty: more bytes are needed. Raises HttpError."""
        if self._unpack is None and not self._plain:
            if len(self._left) < 2:
                return b""
            self._begin()
        if self._unpack is None:
            plain, self._left = self._left, b""
            return plain
        try:
            piece = self._unpack.decompress(self._left, PIECE_BYTES)
        except zlib.error:
            raise HttpError("the camera's compressed answer cannot be unpacked") from None
        ended = self._unpack.eof
        self._left = self._unpack.unused_data if ended else self._unpack.unconsumed_tail
        if ended:
            self._unpack = None
        return piece or (self.take() if ended and len(self._left) > 1 else b"")

    def _begin(self) -> None:
        first = int.from_bytes(self._left[:2], "big")
        if first == _GZIP or (first >> 8 & 0x0F == _ZLIB and first % 31 == 0):
            self._unpack = zlib.decompressobj(_EITHER)
        elif self._raw and not self._left.startswith(_PLAIN):
            self._unpack = zlib.decompressobj(-zlib.MAX_WBITS)
        else:
            self._plain = True

"""Repairs JPEGs as cameras send them: cut to the frame, with its Huffman tables.

Motion JPEG may lack the Huffman tables, because every decoder of it knows them, and cameras and
files often have bytes before or behind the frame: padding, line breaks, the end of an older
frame. Browsers and strict decoders refuse these. Nothing else of a frame is touched.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator

import numpy as np

from camfan_wire.jpeg import EOI, SOI

MAX_LEAD = 1024  # bytes before the frame that are cut off: line breaks, the rest of a header
MAX_SEGMENTS = 1000  # and fill bytes, before the first scan; a real camera writes about ten

SCAN = 0xDA  # a marker: entropy-coded data follows its segment
BROKEN = 0  # in place of a marker where there is none

_TABLES = 0xC4
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a length
_NEVER = frozenset((0x00, 0xD8, 0xD9))  # before the first scan
_EOI = np.uint16(int.from_bytes(EOI, sys.byteorder))
_EITHER = ~np.uint16(int.from_bytes(b"\0\1", sys.byteorder))  # SOI and EOI differ in this bit

Bytes = bytes | bytearray


def _table(kind: int, counts: str, symbols: str) -> bytes:
    return bytes([kind]) + bytes.fromhex(counts) + bytes.fromhex(symbols)


_STANDARD = (  # ITU-T T.81, tables K.3 to K.6
    _table(0x00, "00010501010101010100000000000000", "000102030405060708090a0b")
    + _table(
        0x10,
        "0002010303020403050504040000017d",
        "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a"
        "25262728292a3435363738393a434445464748494a535455565758595a636465666768696a737475767778"
        "797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7"
        "c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa",
    )
    + _table(0x01, "00030101010101010101010000000000", "000102030405060708090a0b")
    + _table(
        0x11,
        "00020102040403040705040400010277",
        "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f117"
        "18191a262728292a35363738393a434445464748494a535455565758595a636465666768696a7374757677"
        "78797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5"
        "c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa",
    )
)
HUFFMAN_TABLES = b"\xff\xc4" + (2 + len(_STANDARD)).to_bytes(2, "big") + _STANDARD


def repair_jpeg(data: bytes) -> bytes:
    """The one frame in `data`, from its start to its end, with Huffman tables.

    The very same object if nothing is amiss, or if it is not a whole JPEG. The end is the first end
    marker behind the start of the frame's data, so thumbnails in its head do not count.
    """
    start = 0 if data.startswith(SOI) else data.find(SOI, 0, MAX_LEAD)
    scan, has_tables = 0, False
    for marker, at in segments(data, start) if start >= 0 else ():
        has_tables = has_tables or marker == _TABLES
        scan = at if marker == SCAN else 0
    end = find_marker(data, scan) if scan else -1
    if end < 0 or data[end : end + 2] != EOI:
        return data
    if has_tables:
        return data if not start and end + 2 == len(data) else data[start : end + 2]
    return b"".join((data[start:scan], HUFFMAN_TABLES, data[scan : end + 2]))


def segments(data: Bytes, start: int) -> Iterator[tuple[int, int]]:
    """Marker and place of each segment of the JPEG at `start`, up to its first scan.

    Ends early where `data` ends. The last one is BROKEN where something else than a segment is.
    """
    at = start + 2
    for _ in range(MAX_SEGMENTS):
        if at + 4 > len(data):
            return
        marker = data[at + 1] if data[at] == 0xFF else BROKEN
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in _NEVER:
            yield BROKEN, at
            return
        yield marker, at
        if marker == SCAN:
            return
        at += 2 if marker in _ALONE else 2 + (data[at + 2] << 8 | data[at + 3])
    yield BROKEN, at


def last_segment(data: Bytes, start: int) -> tuple[int, int]:
    """Of `segments`; (BROKEN, 0) where there is none yet."""
    return next(iter(deque(segments(data, start), maxlen=1)), (BROKEN, 0))


def find_marker(data: Bytes, start: int) -> int:
    """The first end of a frame, or start of another one, in entropy-coded data; -1: none.

    By numpy, because bytes.find needs eight times as long: such data is full of 0xFF.
    """
    found = []
    for first in (start, start + 1):
        count = (len(data) - first) // 2
        if count < 1:
            continue
        hits = np.frombuffer(data, np.uint16, count, first) & _EITHER == _EITHER & _EOI
        if hits[at := int(hits.argmax())]:
            found.append(first + 2 * at)
    return min(found, default=-1)

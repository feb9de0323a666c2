"""Repairs JPEGs as cameras send them: cut to the picture, with its Huffman tables.

Motion JPEG may lack the Huffman tables, because every decoder of it knows them, and cameras and
files often have bytes before or behind the picture: padding, line breaks, the end of an older
picture. Browsers and strict decoders refuse these. Nothing else of a picture is touched.
"""

from __future__ import annotations

import sys

import numpy as np

from camfan_wire.jpeg import EOI, SOI

MAX_LEAD = 1024  # bytes before the picture that are cut off: line breaks, the rest of a header
MAX_SEGMENTS = 1000  # and fill bytes, before the first scan; a real camera writes about ten

_SCAN, _TABLES = 0xDA, 0xC4
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a length
_EOI = int.from_bytes(EOI, sys.byteorder)


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
    """The one picture in `data`, from its start to its end, with Huffman tables.

    The very same object if nothing is amiss, or if it is not a whole JPEG. The end is the first end
    marker behind the start of the picture's data, so thumbnails in its head do not count.
    """
    start = 0 if data.startswith(SOI) else data.find(SOI, 0, MAX_LEAD)
    if start < 0:
        return data
    scan, has_tables = _find_scan(data, start)
    end = _find_end(data, scan) if scan else 0
    if not end:
        return data
    if has_tables:
        return data if not start and end == len(data) else data[start:end]
    return b"".join((data[start:scan], HUFFMAN_TABLES, data[scan:end]))


def _find_scan(data: bytes, start: int) -> tuple[int, bool]:
    """Where the first scan starts (0: nowhere), and whether a Huffman table comes before it."""
    at, has_tables = start + 2, False
    for _ in range(MAX_SEGMENTS):
        if at + 4 > len(data) or data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == _SCAN:
            return at, has_tables
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _ALONE:
            at += 2
        else:
            has_tables = has_tables or marker == _TABLES
            at += 2 + (data[at + 2] << 8 | data[at + 3])
    return 0, has_tables


def _find_end(data: bytes, scan: int) -> int:
    """Behind the first end marker of the scan; 0: it has none.

    By numpy, because bytes.find needs eight times as long: entropy coding is full of 0xFF.
    """
    ends = []
    for first in (scan, scan + 1):
        pairs = np.frombuffer(data, np.uint16, (len(data) - first) // 2, first) == _EOI
        if pairs.size and pairs[at := int(pairs.argmax())]:
            ends.append(first + 2 * at + 2)
    return min(ends, default=0)

"""Which way up a JPEG is, by the EXIF orientation in its head.

Browsers and most decoders rotate an image by it, others do not: a frame on the bus has none. Only
the segments before the first scan are read. Malformed EXIF counts as absent.
"""

from __future__ import annotations

import struct

from camfan_wire.jpeg import ALONE, MAX_MARKERS, SCAN

UPRIGHT = 1

_EXIF = b"Exif\0\0"
_TAG = 0x0112
_LENGTHS = {1: 1, 3: 2, 4: 4}  # bytes of a value, by its TIFF type: BYTE, SHORT, LONG
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ENTRY_BYTES = 12
_MAX_ENTRIES = 256  # of the first directory; a real camera writes about ten

_APP1 = 0xE1


def orientation(jpeg: bytes | memoryview) -> int:
    """EXIF's orientation, 1 to 8; 1 is upright, and that of a JPEG without one.

    Total: any bytes have an orientation.
    """
    size, at = len(jpeg), 2
    for _ in range(MAX_MARKERS):
        if at + 4 > size or jpeg[at] != 0xFF:
            break
        marker = jpeg[at + 1]
        if marker == SCAN:
            break
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in ALONE:
            at += 2
        else:
            end = at + 2 + (jpeg[at + 2] << 8 | jpeg[at + 3])
            if marker == _APP1 and jpeg[at + 4 : at + 10] == _EXIF:
                return _of_tiff(bytes(jpeg[at + 10 : end]))
            at = end
    return UPRIGHT


def _of_tiff(tiff: bytes) -> int:
    order = _ORDERS.get(tiff[:4])
    if order is None or len(tiff) < 10:
        return UPRIGHT
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    if start + 2 > len(tiff):
        return UPRIGHT
    (count,) = struct.unpack_from(order + "H", tiff, start)
    first = start + 2
    whole = min(count, _MAX_ENTRIES, (len(tiff) - first) // _ENTRY_BYTES)
    entries = tiff[first : first + whole * _ENTRY_BYTES]
    for tag, kind, values, value in struct.iter_unpack(order + "HHI4s", entries):
        if tag == _TAG:
            length = _LENGTHS.get(kind, 0) if values == 1 else 0
            found = int.from_bytes(value[:length], "little" if order == "<" else "big")
            return found if 1 <= found <= 8 else UPRIGHT
    return UPRIGHT

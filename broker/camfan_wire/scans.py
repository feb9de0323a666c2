"""How many scans a JPEG has: what it costs to decode beyond its size.

A progressive JPEG consists of several scans, and a decoder goes over the whole image for each. A
few kilobytes can hold thousands of empty scans, which keep a decoder busy for minutes and cannot be
interrupted. So they are counted before anything is decoded. ITU-T T.81, section B.2.
"""

from __future__ import annotations

from typing import NamedTuple

from camfan_wire.errors import WireError
from camfan_wire.jpeg import ALONE, MAX_MARKERS, SCAN, find_size

MAX_SCANS = 64  # libjpeg's progressive pictures have 10, those of mozjpeg up to about 20
MAX_SCAN_PIXELS = 1_300_000_000  # pixels times scans: some 4 s of decoding at 3 ns each

_PROGRESSIVE = 0xC2
_SCAN_MARKER = bytes((0xFF, SCAN))


class Scan(NamedTuple):
    """The first scan of a picture."""

    end: int  # of its header: where the picture's data begins
    is_only: bool  # all that a decoder reads: it covers all components, and is not progressive


def find_scan(jpeg: bytes | memoryview) -> Scan:
    """The first scan of a JPEG that `picture_size` accepts. Raises WireError if it has none."""
    frame = find_size(jpeg)
    size, at = len(jpeg), frame
    for _ in range(MAX_MARKERS):
        if at + 5 > size or jpeg[at] != 0xFF:
            break
        marker = jpeg[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in ALONE:
            at += 2
        else:
            end = at + 2 + (jpeg[at + 2] << 8 | jpeg[at + 3])
            if marker == SCAN:
                whole = jpeg[at + 4] == jpeg[frame + 9] and jpeg[frame + 1] != _PROGRESSIVE
                return Scan(min(end, size), whole)
            at = end
    raise WireError("not-jpeg", "not a JPEG: it has no picture data")


def check_scans(jpeg: bytes | memoryview, pixels: int) -> None:
    """Raises WireError for a JPEG of more scans than an encoder writes."""
    scan = find_scan(jpeg)
    if scan.is_only:
        return
    scans = 1 + bytes(jpeg[scan.end :]).count(_SCAN_MARKER)
    if scans > MAX_SCANS or scans * pixels > MAX_SCAN_PIXELS:
        raise WireError(
            "too-many-scans",
            f"a JPEG of {scans} scans and {pixels} pixels, which would take too long to decode",
        )

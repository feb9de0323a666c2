"""The size of a JPEG that may be a frame: whole, within the limits, and upright.

Within the limits also means that decoding does not take longer than its size justifies.
"""

from __future__ import annotations

from camfan_wire.errors import NotUprightError
from camfan_wire.exif import UPRIGHT, orientation
from camfan_wire.jpeg import EOI, MAX_BYTES, picture_size
from camfan_wire.scans import check_scans, find_scan


class SizeCache:
    """The size of the JPEGs of one camera, which all begin with the same bytes.

    A camera writes the same bytes before the first scan of each JPEG, EXIF included: they are
    parsed when they change, and otherwise only compared. A JPEG of several scans is checked each
    time.
    """

    def __init__(self) -> None:
        self._start = b"?"  # not the start of a JPEG
        self._length = 1
        self._size = (0, 0)

    def upright_size(self, jpeg: bytes | memoryview) -> tuple[int, int]:
        """As the function `upright_size`."""
        if bytes(jpeg[: self._length]) == self._start:
            size = len(jpeg)
            if size <= MAX_BYTES and size > self._length + 2 and jpeg[-2:] == EOI:
                return self._size
        found = upright_size(jpeg)
        scan = find_scan(jpeg)
        if scan.is_only:
            self._start, self._length, self._size = bytes(jpeg[: scan.end]), scan.end, found
        return found


def upright_size(jpeg: bytes | memoryview) -> tuple[int, int]:
    """Width and height in pixels of a JPEG that is shown as it is stored.

    Raises WireError for anything that is not one JPEG within the limits, and NotUprightError, a
    WireError, for a JPEG with an EXIF orientation of 2 to 8.
    """
    size = picture_size(jpeg)
    check_scans(jpeg, size[0] * size[1])
    way = orientation(jpeg)
    if way != UPRIGHT:
        raise NotUprightError(way)
    return size

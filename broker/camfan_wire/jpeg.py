"""As much of JPEG as routing needs: where it starts and ends, and how large the picture is.

Nothing here decodes. Marker codes are those of ITU-T T.81, table B.1.
"""

from __future__ import annotations

from camfan_wire.errors import WireError

MAX_BYTES = 40_000_000  # of the protocol; a site takes less unless `security.limits` allows it
MAX_PIXELS = 120_000_000
MAX_MARKERS = 1000  # and fill bytes, before the picture's size; a real camera writes about ten

ALONE = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a length
SCAN = 0xDA

SIZE_BYTES = 10  # of a frame header, as far as the number of components

SOI = b"\xff\xd8"
EOI = b"\xff\xd9"

_SIZES = frozenset((0xC0, 0xC1, 0xC2))  # baseline, extended, progressive: what decoders decode
_OTHER_SIZES = frozenset(range(0xC3, 0xD0)) - {0xC4, 0xC8, 0xCC}  # lossless, arithmetic, …


def picture_size(jpeg: bytes | memoryview) -> tuple[int, int]:
    """Width and height in pixels, from the frame header of a whole JPEG.

    Raises WireError for anything that is not one JPEG within the limits, whatever its bytes.
    """
    size = len(jpeg)
    if size > MAX_BYTES:
        raise WireError("too-large", f"a JPEG of {size} bytes; the limit is {MAX_BYTES}")
    if jpeg[:2] != SOI or jpeg[-2:] != EOI or size < 4:
        raise WireError("not-jpeg", "not a whole JPEG: it lacks its start or its end")
    return _read_size(jpeg, find_size(jpeg))


def find_size(jpeg: bytes | memoryview) -> int:
    """Where the marker stands that is followed by the picture's size. Raises WireError."""
    size, at = len(jpeg), 2
    for _ in range(MAX_MARKERS):
        if at + 4 > size or jpeg[at] != 0xFF:
            break
        marker = jpeg[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in ALONE:
            at += 2
            continue
        if marker in _SIZES:
            return at
        if marker in _OTHER_SIZES:
            raise WireError("not-jpeg", f"a JPEG that decoders do not support (SOF{marker - 0xC0})")
        length = jpeg[at + 2] << 8 | jpeg[at + 3]
        if marker == SCAN or length < 2:
            break
        at += 2 + length
    raise WireError("not-jpeg", "not a JPEG: it has no picture size")


def _read_size(jpeg: bytes | memoryview, at: int) -> tuple[int, int]:
    if at + SIZE_BYTES > len(jpeg):
        raise WireError("not-jpeg", "not a JPEG: its picture size is cut off")
    precision = jpeg[at + 4]
    height = jpeg[at + 5] << 8 | jpeg[at + 6]
    width = jpeg[at + 7] << 8 | jpeg[at + 8]
    if precision != 8:
        raise WireError("not-jpeg", f"JPEG with {precision} bits a sample; only 8 are decoded")
    if not width or not height:
        raise WireError("not-jpeg", f"JPEG of {width}x{height} pixels")
    if width * height > MAX_PIXELS:
        raise WireError(
            "too-large", f"JPEG of {width}x{height} pixels; the limit is {MAX_PIXELS} in all"
        )
    return width, height

"""How large a JPEG may be in a site."""

from __future__ import annotations

from camfan_config import Limits
from camfan_wire import jpeg
from camfan_wire.errors import WireError

WIDEST = Limits(frame=jpeg.MAX_BYTES, pixels=jpeg.MAX_PIXELS)  # what the protocol can carry


def check_bounds(size: int, width: int, height: int, limits: Limits) -> None:
    """Raises WireError for a JPEG of more bytes (`size`) or pixels than a site accepts."""
    if width * height > limits.pixels:
        raise WireError(
            "too-large",
            f"a JPEG of {width}x{height}, which are {width * height} pixels; this site takes"
            f" {limits.pixels}: raise `security.limits.pixels`, or choose a smaller size",
        )
    if size > limits.frame:
        raise WireError(
            "too-large",
            f"a JPEG of {size} bytes; this site takes {limits.frame}: raise"
            " `security.limits.frame`, or choose a smaller size or lower quality",
        )

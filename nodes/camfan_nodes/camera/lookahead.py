"""How many frames an encoder holds before its first one: x264 and x265 write it into H.26x."""

from __future__ import annotations

import re

_SAYS = b" bframes="
_OPTION = re.compile(rb"\b([a-z][a-z_-]*)=(\d{1,4})")
_KEEP = (b"rc-lookahead", b"bframes")
_THREADS = b"threads"
_OWN = 1  # the frame that it works at


def read_lookahead(unit: bytes) -> int | None:
    """From a coded key frame; None where the encoder says nothing."""
    if _SAYS not in unit:
        return None
    options = {
        name.replace(b"_", b"-"): int(value) for name, value in reversed(_OPTION.findall(unit))
    }
    kept = sum(options.get(name, 0) for name in _KEEP)
    sliced = options.get(b"sliced-threads", 0)
    threads = 0 if sliced else max(options.get(_THREADS, 0), options.get(b"frame-threads", 0))
    return kept + threads + _OWN if kept or threads > 1 else 0

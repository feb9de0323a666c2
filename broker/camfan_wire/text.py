"""What JSON from outside must be before it is passed on: text that every parser reads.

Our own parser skips over keys it does not know without looking into them; a reader behind the
broker may not. Nothing is parsed here.
"""

from __future__ import annotations

import re

from camfan_wire.errors import WireError

MAX_DEPTH = 32  # of arrays and objects in each other; parsers that recurse give up somewhere
MAX_DIGITS = 300  # in a row; so that every number fits a double, and no parser minds its length

_DIGITS = re.compile(rb"[0-9]{%d}" % (MAX_DIGITS + 1))
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_OTHERS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def check_text(data: bytes, reason: str) -> None:
    """Raises WireError with this reason for JSON that some parser would stumble over."""
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as exc:
            raise WireError(reason, f"not UTF-8: {exc.reason} at byte {exc.start}") from exc
    if len(data) > MAX_DIGITS and _DIGITS.search(data):
        raise WireError(reason, f"more than {MAX_DIGITS} digits in a row")
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _depth(data) > MAX_DEPTH:
        raise WireError(reason, f"more than {MAX_DEPTH} arrays and objects in each other")


def _depth(data: bytes) -> int:
    depth = deepest = 0
    for bracket in _STRING.sub(b"", data).translate(None, _OTHERS):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest

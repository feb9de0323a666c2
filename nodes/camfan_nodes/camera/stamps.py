"""What other programs say beside a frame: how old it is, and whether it is one at all.

Ages (`X-Camfan-Age`, µStreamer's times of grabbing and sending) need no common clock and are
believed. `X-Timestamp` is of the camera's wall clock, and counts as long as that can be right.
"""

from __future__ import annotations

import math
import re

from camfan_nodes.camera.http_head import Head

MAX_AGE_S = 60.0  # by a wall clock; older, or from the future: the clocks differ
MAX_WAIT_NS = 50_000_000  # a head that came longer before its frame was written before it

_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_LIVE = ("live", "late", "true", "1", "yes")


def placeholder(head: Head) -> str | None:
    """Why the frame is not a live one, if the stream says so."""
    state = head.get("x-camfan-state")
    if state is not None and state.lower() not in _LIVE:
        return f"it sends a placeholder: its own camera is {state[:40]!r}"
    online = head.get("x-ustreamer-online")
    if online is not None and online.lower() not in _LIVE:
        return "it sends a placeholder: its own camera is offline (µStreamer)"
    return None


def captured_at(
    head: Head, began_ns: int, waited_ns: int = 0, way_ns: int = 0
) -> tuple[int, int] | None:
    """Wall clock at the capture, and the bound of its error, both in ns; None: unknown.

    `began_ns` is when the frame's first byte came, `waited_ns` how long its head was there
    before it, `way_ns` a bound of how long both were on the way.
    """
    age = None if waited_ns > MAX_WAIT_NS else _age(head, began_ns)
    if age is None:
        return None
    seconds, error_s = age
    return began_ns - round(seconds * 1e9), round(error_s * 1e9) + way_ns


def _age(head: Head, now_ns: int) -> tuple[float, float] | None:
    """Seconds, and their error; None where nothing is stated."""
    stated = _seconds(head, "x-camfan-age")
    if stated is not None:
        return stated, _seconds(head, "x-camfan-age-error") or 0.0
    stated = _seconds(head, "x-ustreamer-latency")
    if stated is not None:
        return stated, 0.0
    for ending in ("time", "timestamp"):
        grabbed = _seconds(head, f"x-ustreamer-grab-{ending}")
        sent = _seconds(head, f"x-ustreamer-send-{ending}")
        if grabbed is not None and sent is not None and sent >= grabbed:
            return sent - grabbed, 0.0
    stamp = _seconds(head, "x-timestamp")
    if stamp is None or not 0 <= now_ns / 1e9 - stamp <= MAX_AGE_S:
        return None
    age = now_ns / 1e9 - stamp
    return age, age  # how far the two clocks are apart is not known


def _seconds(head: Head, name: str) -> float | None:
    value = head.get(name)
    if value is None or not _NUMBER.fullmatch(value):
        return None
    seconds = float(value)
    return seconds if math.isfinite(seconds) and seconds < 1e10 else None

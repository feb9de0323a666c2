"""The options of subscribers, and what values they may have.

A wrong value is an error when it is given: TypeError for the wrong type, ValueError for a value
out of range. Nothing here knows the broker.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from numbers import Integral, Real
from typing import TypedDict

from camfan.identity import KeyFile
from camfan_config import did_you_mean, is_name
from camfan_wire.header import Position
from camfan_wire.messages import Report

_NAMED = ("cameras", "events")  # parameters of their own
MIN_FPS, MAX_FPS = 0.001, 1000.0
MAX_NS = 2**62  # of a time: with the offset of a clock it still fits the header
_YEAR_NS = 365 * 86400 * 10**9
_SINCE_NS = 2**63 - 1  # what fits a message

Since = Mapping[str, Position] | datetime | None


class CommonOptions(TypedDict, total=False):
    """Options of every subscriber; described in `Subscriber`."""

    statuses: bool
    name: str | None
    kind: str
    report: Callable[[], Report] | None
    key: KeyFile | None
    server_key: str | None
    loop: asyncio.AbstractEventLoop | None


class LatestOptions(CommonOptions, total=False):
    """Options of `Subscriber` and `Subscriber.latest`."""

    max_fps: float | None
    max_age: float | None


class EveryOptions(CommonOptions, total=False):
    """Options of `Subscriber.every`."""

    since: Since
    started_s: float | None  # monotonic; from when on frames of cameras not in `since` are wanted


def check_names(
    caller: str, given: Iterable[str], kind: type, other: type, other_caller: str
) -> None:
    """Raises TypeError for an option that `kind` does not have."""
    known, elsewhere = kind.__annotations__, other.__annotations__
    for option in given:
        if option in known:
            continue
        if option in elsewhere:
            raise TypeError(f"'{option}' is an option of {other_caller}, not of {caller}")
        hint = did_you_mean(option, sorted((*known, *_NAMED)))
        raise TypeError(f"{caller} has no option '{option}'; {hint}")


def check_flag(option: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{option} is True or False, not {value!r}")
    return value


def check_callable(option: str, value: object) -> None:
    """Raises TypeError for what is neither None nor can be called."""
    if value is not None and not callable(value):
        raise TypeError(f"{option} is a function, not {value!r}")


def check_captured(value: object) -> int | None:
    """A time in ns. Raises TypeError, and ValueError for one in another unit."""
    if value is None:
        return None
    captured_ns, now_ns = check_integer("captured_ns", value, -MAX_NS, MAX_NS), time.time_ns()
    if abs(captured_ns - now_ns) < _YEAR_NS:
        return captured_ns
    for unit, factor in (("seconds", 10**9), ("milliseconds", 10**6), ("microseconds", 10**3)):
        if abs(captured_ns * factor - now_ns) < _YEAR_NS:
            words = f"captured_ns is in nanoseconds, as time.time_ns(); {value!r} looks like {unit}"
            raise ValueError(words)
    return captured_ns


def check_jpeg(value: object) -> None:
    """Raises TypeError for what is not bytes, and says what makes bytes of it."""
    if isinstance(value, bytes | bytearray | memoryview):
        return
    shape = getattr(value, "shape", None)
    hint = ""
    if isinstance(shape, tuple):
        hint = "; pixels go to publish_image" if len(shape) > 1 else "; write .tobytes() behind it"
    raise TypeError(f"a JPEG is bytes, not {type(value).__name__}{hint}")


def check_name(option: str, value: object) -> None:
    """Raises TypeError or ValueError for what cannot name a node or a kind of event."""
    if not isinstance(value, str):
        raise TypeError(f"{option} is text, not {value!r}")
    if not is_name(value):
        raise ValueError(
            f"{option} {value!r} is not a name: up to 64 lower-case letters, digits, '-' and '_'"
        )


def check_number(option: str, value: object, low: float, high: float, unit: str) -> float:
    """A finite number from `low` to `high`. Raises TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{option} is a number, not {value!r}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and low <= number <= high):
        raise ValueError(f"{option} is {low:g} to {high:g} {unit}, not {value!r}")
    return number


def check_integer(option: str, value: object, low: int, high: int) -> int:
    """A whole number from `low` to `high`. Raises TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | Integral):
        raise TypeError(f"{option} is a whole number, not {value!r}")
    number = int(value)
    if not low <= number <= high:
        raise ValueError(f"{option} is {low} to {high}, not {value!r}")
    return number


def check_fps(option: str, value: object) -> float | None:
    if value is None:
        return None
    return check_number(option, value, MIN_FPS, MAX_FPS, "frames a second")


def check_age(value: object) -> float | None:
    if value is None:
        return None
    seconds = check_number("max_age", value, 0, math.inf, "seconds")
    if seconds == 0:
        raise ValueError("max_age is more than 0 seconds: no frame is as young as that")
    return seconds


def check_since(value: object) -> Since:
    if value is None:
        return None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"since has no time zone: {value!r}; add tzinfo=UTC or .astimezone()")
        if abs(value.timestamp()) * 1e9 > _SINCE_NS:
            raise ValueError(f"since is out of range: {value!r}")
        return value
    if not isinstance(value, Mapping):
        raise TypeError(f"since is a datetime, or a Position for each camera, not {value!r}")
    for camera, position in value.items():
        check_name("the camera of since", camera)
        if not isinstance(position, Position):
            raise TypeError(f"since is a Position for camera '{camera}', not {position!r}")
    return value

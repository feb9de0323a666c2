"""Moments as callers give them: an aware datetime, or ns since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from numbers import Integral, Real

Instant = datetime | int

LAST_NS = 2**63 - 1  # SQLite counts no further
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_moment(option: str, value: object) -> int:
    """Nanoseconds since 1970. Raises TypeError, and ValueError for a datetime without a zone."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(
                f"{option} is {value.isoformat()}, without a time zone; "
                "add one, such as .astimezone() for local time"
            )
        return (value - _EPOCH) // timedelta(microseconds=1) * 1000
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{option} is a datetime or ns since 1970, not {value!r}")
    return min(max(int(value), -LAST_NS), LAST_NS)


def read_range(start: Instant | None, end: Instant | None) -> tuple[int, int]:
    """From the first nanosecond to before the second; None: without a limit."""
    from_ns = 0 if start is None else read_moment("start", start)
    until_ns = LAST_NS if end is None else read_moment("end", end)
    if from_ns > until_ns:
        raise ValueError(f"start is {(from_ns - until_ns) / 1e9:.3f} s after end")
    return from_ns, until_ns


def read_interval(option: str, value: object) -> int:
    """Nanoseconds of a timedelta or a number of seconds. Raises TypeError and ValueError."""
    if isinstance(value, timedelta):
        interval_ns = value // timedelta(microseconds=1) * 1000
    elif isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{option} is a timedelta or a number of seconds, not {value!r}")
    else:
        seconds = float(value)
        interval_ns = int(seconds * 1e9) if 0 < seconds < LAST_NS / 1e9 else 0
    if interval_ns <= 0:
        raise ValueError(f"{option} is a time above 0, not {value!r}")
    return interval_ns


def as_datetime(time_ns: int) -> datetime:
    """In UTC; nanoseconds are cut off to microseconds."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)

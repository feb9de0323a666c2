"""Times on a command line: local time, UTC with `Z`, or how long ago."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from camfan import CamfanError
from camfan_config.text.units import parse_duration

FORMS = "'2026-11-22 10:15', 2026-11-22T10:15:30Z, 10:15, 'yesterday 22:00' or '10m ago'"
_ZONED = re.compile(r"(?P<moment>.*?)\s*(?P<zone>Z|UTC|[+-]\d\d:?\d\d)", re.IGNORECASE)
_MOMENT = re.compile(
    r"(?:(?P<day>\d{4}-\d\d-\d\d|today|yesterday)(?:[T\s]\s*|$))?"
    r"(?:(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?)?",
    re.IGNORECASE,
)
_NOTE = "{} happens twice on {}, as clocks are set back: the {} is meant; add Z or +01:00 to choose"


class TimeFormatError(CamfanError):
    """What was given as a time is not one."""


@dataclass(frozen=True, slots=True)
class AskedTime:
    """A time that was given, and what is to be said of it."""

    time_ns: int
    note: str | None = None


def parse_time(text: str, now: datetime, *, end: bool = False) -> AskedTime:
    """Raises TimeFormatError.

    `now` is aware. Local times that happen twice are the first of the two, or the second for the
    `end` of a range, and said; those that never happen are an error.
    """
    words = text.strip()
    if words.lower() == "now":
        return AskedTime(_ns_of(now))
    if words.lower().endswith(" ago"):
        return AskedTime(_ns_of(now) - _ago_ns(text, words[:-4].strip()))
    zoned = _ZONED.fullmatch(words)
    moment = _MOMENT.fullmatch(zoned["moment"] if zoned else words)
    if moment is None or not moment[0]:
        raise TimeFormatError(f"'{text}' is not a time, such as {FORMS}")
    zone = _zone(zoned["zone"]) if zoned else None
    try:
        naive = _naive(moment, now.astimezone(zone) if zone else now.astimezone())
    except ValueError as exc:
        raise TimeFormatError(f"'{text}' is not a time: {exc}") from exc
    fraction_ns = int((moment["fraction"] or "0").ljust(9, "0"))
    if zone is not None:
        return AskedTime(_ns_of(naive.replace(tzinfo=zone)) + fraction_ns)
    found = _local(text, naive, end=end)
    return AskedTime(found.time_ns + fraction_ns, found.note)


def _ago_ns(text: str, amount: str) -> int:
    try:
        return int(parse_duration(amount) * 1e9)
    except ValueError as exc:
        raise TimeFormatError(f"'{text}': '{amount}' {exc}") from exc


def _zone(text: str) -> tzinfo:
    if text.upper() in ("Z", "UTC"):
        return UTC
    return datetime.strptime(text, "%z").tzinfo or UTC


def _naive(moment: re.Match[str], now: datetime) -> datetime:
    """Raises ValueError, such as for month 13."""
    named = (moment["day"] or "today").lower()
    today = now.date()
    days = {"today": today, "yesterday": today - timedelta(days=1)}
    day = days[named] if named in days else date.fromisoformat(named)
    hour, minute, second = (int(moment[name] or 0) for name in ("hour", "minute", "second"))
    if (hour, minute, second) == (24, 0, 0):
        return datetime(day.year, day.month, day.day) + timedelta(days=1)
    return datetime(day.year, day.month, day.day, hour, minute, second)


def _local(text: str, naive: datetime, *, end: bool) -> AskedTime:
    first, second = naive.replace(fold=0).astimezone(), naive.replace(fold=1).astimezone()
    if first.replace(tzinfo=None, fold=0) != naive:
        raise TimeFormatError(
            f"'{text}' never happens: on {naive:%Y-%m-%d} clocks are set forward over it; "
            f"write {max(first, second):%H:%M} or UTC with Z"
        )
    if first.utcoffset() == second.utcoffset():
        return AskedTime(_ns_of(first))
    meant, which = (second, "second") if end else (first, "first")
    note = _NOTE.format(f"{naive:%H:%M}", f"{naive:%Y-%m-%d}", f"{which} ({meant:%Z})")
    return AskedTime(_ns_of(meant), note)


def _ns_of(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def local_text(time_ns: int) -> str:
    """`2026-11-22 10:15:00.1`, in local time."""
    local = datetime.fromtimestamp(time_ns // 1_000_000_000).astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S}.{time_ns // 100_000_000 % 10}"


def zone_text(time_ns: int) -> str:
    """The name of the local zone at that time: `CET`."""
    return f"{datetime.fromtimestamp(time_ns // 1_000_000_000).astimezone():%Z}"

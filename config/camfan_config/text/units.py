"""Values that carry their unit in the file: `5s`, `200GB`, `0.3%`, `1280x720`, `1/10s`,
`127.0.0.1:8080`.

Each `parse_*` takes the text of a file and raises `ValueError` for anything else. Its message is
a sentence without its subject ("has no unit; write …"), because the subject may be a secret. Each
has a `format_*` whose text it reads back as the same value. Only ASCII digits, one number and one
unit: no `1h30m`, no blanks, no guessing. A bare number is refused wherever its unit could be two
things; nought is nought in any unit.
"""

from __future__ import annotations

import ipaddress
import re
from fractions import Fraction

from camfan_config.types import Size

DURATIONS = {
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86400),
}
BYTES = {
    "B": 1,
    "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
MAX_DAYS = 36_500  # more would not fit where times are counted
MAX_BYTES = 10**18
MAX_SIDE = 16_384  # pixels
MAX_PIXELS = 120_000_000  # what a frame may have on the wire

NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
DURATION_PATTERN = rf"^(?:{NUMBER}(?:ms|s|m|h|d)|0)$"
BYTES_PATTERN = rf"^(?:{NUMBER}(?:B|[kKMGT]B|[KMGT]iB)|0)$"
SHARE_PATTERN = rf"^{NUMBER}%$"
RATE_PATTERN = rf"^{NUMBER}/(?:{NUMBER})?(?:ms|s|m|h|d)$"
SIZE_PATTERN = r"^[1-9][0-9]{1,4}x[1-9][0-9]{1,4}$"
_HOST_AND_PORT = r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})"
ADDRESS_PATTERN = f"^{_HOST_AND_PORT}$"

_RATE = re.compile(rf"({NUMBER})/({NUMBER})?(ms|s|m|h|d)")
_QUANTITY = re.compile(rf"({NUMBER})([A-Za-z%]*)")


def parse_duration(text: str) -> float:
    """Seconds."""
    number, unit = _quantity(text, "a duration, such as 500ms, 5s, 10m, 2h or 7d")
    if unit in DURATIONS:
        if number * DURATIONS[unit] > MAX_DAYS * DURATIONS["d"]:
            raise ValueError(f"is longer than {MAX_DAYS}d")
        return float(number * DURATIONS[unit])
    if not unit and number == 0:
        return 0.0
    if not unit:
        raise ValueError("has no unit; write 5s, 10m, 2h or 7d")
    raise ValueError("is not a duration, such as 500ms, 5s, 10m, 2h or 7d")


def parse_bytes(text: str) -> int:
    """Bytes; decimal units (`MB`) and binary ones (`MiB`)."""
    number, unit = _quantity(text, "an amount of bytes, such as 512MB, 200GB or 64MiB")
    if unit in BYTES:
        if number * BYTES[unit] > MAX_BYTES:
            raise ValueError("is more than any disk holds")
        return int(number * BYTES[unit])
    if not unit and number == 0:
        return 0
    if not unit:
        raise ValueError("has no unit; write 512MB, 200GB or 64MiB")
    raise ValueError("is not an amount of bytes, such as 512MB, 200GB or 64MiB")


def parse_share(text: str) -> float:
    """0 to 1; `0.3%` is 0.003."""
    number, unit = _quantity(text, "a share, such as 0.3% or 0.003")
    if unit not in ("", "%"):
        raise ValueError("is not a share, such as 0.3% or 0.003")
    share = number / 100 if unit else number
    if share > 1:
        raise ValueError("is more than the whole; write 0.3% or 0.003")
    return float(share)


def parse_rate(text: str) -> float:
    """Frames per second; `1/10s` is 0.1, `12/h` is 12 in an hour."""
    match = _RATE.fullmatch(text)
    period = Fraction(match[2] or 1) * DURATIONS[match[3]] if match else Fraction(0)
    if match is None or not period:
        raise ValueError("is not a rate, such as 10, 0.5, or 1/10s for one in 10 seconds")
    return float(Fraction(match[1]) / period)


def parse_size(text: str) -> Size:
    """Pixels, width first."""
    match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text)
    if match is None:
        raise ValueError("is not a picture size, such as 1280x720")
    size = Size(int(match[1]), int(match[2]))
    sides = (size.width, size.height)
    if min(sides) < 16 or max(sides) > MAX_SIDE or size.width * size.height > MAX_PIXELS:
        raise ValueError(f"is not a picture size: 16 to {MAX_SIDE} a side, at most 120 MP")
    return size


def parse_address(text: str) -> tuple[str, int]:
    """Host and port to listen on; an IPv6 address stands in brackets."""
    match = re.fullmatch(_HOST_AND_PORT, text)
    if match is None or not 1 <= int(match[2]) <= 65535:
        raise ValueError("is not host:port, such as 127.0.0.1:8080")
    host = match[1].strip("[]")
    if match[1].startswith("["):
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError("has no IPv6 address in its brackets") from None
    return host, int(match[2])


def format_duration(seconds: float) -> str:
    """The shortest text that `parse_duration` reads back as the same number."""
    exact = Fraction(repr(seconds))
    for unit in ("d", "h", "m", "s"):
        count = exact / DURATIONS[unit]
        if count.denominator == 1 and count:
            return f"{count.numerator}{unit}"
    return f"{_decimal(exact * 1000)}ms" if 0 < exact < 1 else f"{_decimal(exact)}s"


def format_bytes(count: int) -> str:
    """The shortest text that `parse_bytes` reads back as the same number."""
    units = sorted((u for u in BYTES if u != "KB"), key=lambda u: -BYTES[u])
    unit = next((u for u in units if count and count % BYTES[u] == 0), "B")
    return f"{count // BYTES[unit]}{unit}"


def format_share(share: float) -> str:
    """The text that `parse_share` reads back as the same number."""
    return f"{_decimal(Fraction(repr(share)) * 100)}%"


def format_rate(fps: float) -> float | str:
    """A number, or from one in 2 seconds on the text that `parse_rate` reads back as the same."""
    if fps <= 0.5:
        period = Fraction(1) / Fraction(repr(fps))
        for unit in ("h", "m", "s"):
            count = round(period / DURATIONS[unit])
            if count and float(1 / (count * DURATIONS[unit])) == fps:
                return f"1/{count}{unit}"
    return int(fps) if fps == int(fps) else fps


def short_bytes(count: float) -> str:
    """For people: two or three digits, `466 GB`."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            number = count / size
            return f"{number:.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"
    return f"{count:.0f} B"


def short_rate(fps: float) -> str:
    """For people: `15 fps`, `0.5 fps`, `1 in 20 s`."""
    return f"{fps:.3g} fps" if fps > 0.25 else f"1 in {short_duration(1 / fps)}"


def short_duration(seconds: float) -> str:
    """For people: `7 days`, `10 hours`."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} seconds"


def _quantity(text: str, kind: str) -> tuple[Fraction, str]:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"is not {kind}")
    return Fraction(match[1]), match[2]


def _decimal(value: Fraction) -> str:
    return f"{float(value):.9f}".rstrip("0").rstrip(".")

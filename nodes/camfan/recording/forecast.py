"""How long the disk lasts, at the rate at which was recorded of late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from camfan_config import Keep
from camfan_config.report.estimate import is_limited
from camfan_config.text.units import format_duration, short_bytes, short_duration

HOUR_S = 3600.0
SOON_S = 7 * 86_400.0  # a disk that is full within this time is warned of


@dataclass(frozen=True, slots=True)
class Forecast:
    """What becomes of the disk if recording goes on as it did."""

    bytes_per_hour: Mapping[str, float]  # by camera
    full_s: float | None = None  # until the disk is full; None: `keep` prevents it, or no rate
    stays_s: float | None = None  # how long recordings stay, where size or disk bound it
    warning: str | None = None  # a sentence, where `keep` cannot hold what it says


def forecast(
    keep: Keep, bytes_per_hour: Mapping[str, float], used: int, free: int | None
) -> Forecast:
    """`used`: bytes of all recordings; `free`: what the disk has left, None: unknown."""
    rate = sum(bytes_per_hour.values()) / HOUR_S
    if rate <= 0:
        return Forecast(bytes_per_hour)
    if keep.cameras and keep.age is None and keep.size is None and keep.min_free is None:
        return Forecast(bytes_per_hour)  # limits of single cameras only
    bounded = keep.size is not None or keep.min_free is not None
    stays_s = _room(keep, used, free) / rate if bounded or keep.age is not None else None
    if stays_s == float("inf"):
        stays_s = None
    full_s = None if bounded or free is None else free / rate
    if keep.age is not None and full_s is not None and stays_s is not None and stays_s >= keep.age:
        full_s = None  # what is old enough goes in time
    warning = _warning(keep, rate, full_s, stays_s)
    if stays_s is not None and keep.age is not None:
        stays_s = min(stays_s, keep.age)
    return Forecast(bytes_per_hour, full_s, stays_s, warning)


def _room(keep: Keep, used: int, free: int | None) -> float:
    """The bytes that recordings may take."""
    by_disk = float("inf") if free is None else max(used + free - (keep.min_free or 0), 0)
    return min(by_disk, float("inf") if keep.size is None else keep.size)


def _warning(keep: Keep, rate: float, full_s: float | None, stays_s: float | None) -> str | None:
    hourly = f"at {short_bytes(rate * HOUR_S)} an hour"
    if full_s is not None and (keep.age is not None or full_s < SOON_S):
        limit = "keep.age does not prevent it" if is_limited(keep) else "nothing is deleted"
        return f"{hourly} the disk is full in {short_duration(full_s)}, as {limit}"
    if keep.age is not None and stays_s is not None and stays_s < keep.age:
        wanted = format_duration(keep.age)
        return f"{hourly} recordings stay for {short_duration(stays_s)}, and not for {wanted}"
    return None

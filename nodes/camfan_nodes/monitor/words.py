"""The words for ages, times and counts, the same in the window and the table.

Pure text: nothing here knows a clock, a colour or a camera.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

UNKNOWN = "—"  # never 0
AGE_UNKNOWN = "age unknown"
NO_PICTURE = "no picture"
THIN_SPACE = "\u202f"

_MINUTE_S = 60
_HOUR_S = 3600
_DAY_S = 86_400


def age_text(seconds: float, error: float) -> str:
    """`180 ms ±6`, `1.9 s ±0.1`, or `< 500 ms` where the error is larger than the age."""
    milliseconds, bound = max(0.0, seconds) * 1000, error * 1000
    step = 10 if bound >= 50 else 1
    if bound > milliseconds:
        most = milliseconds + bound
        return f"< {_steps(most, step)} ms" if most < 1000 else f"< {most / 1000:.1f} s"
    if milliseconds < 1000:
        return f"{_steps(milliseconds, step)} ms ±{max(1, _steps(bound, step))}"
    if error >= 0.5:
        return f"{seconds:.0f} s ±{error:.0f}" if error >= 1 else f"{seconds:.0f} s ±1"
    return f"{seconds:.1f} s ±{max(0.1, error):.1f}"


def _steps(value: float, step: int) -> int:
    return round(value / step) * step


def length_text(seconds: float) -> str:
    """A length of time in at most two units: `21 s`, `2 min 15 s`, `3 h 12 min`, `4 days`."""
    whole = max(0, int(seconds))
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S} s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"
    days = whole // _DAY_S
    return "1 day" if days == 1 else f"{days} days"


def old_text(seconds: float) -> str:
    """`2 min 15 s old`, for a picture that is not live."""
    return f"{length_text(seconds)} old"


def time_text(moment_ns: int, now_ns: int) -> str:
    """`14:03:22` in local time, with the date when it is not today's."""
    moment, now = _local(moment_ns), _local(now_ns)
    if moment.date() == now.date():
        return moment.strftime("%H:%M:%S")
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _local(moment_ns: int) -> datetime:
    return datetime.fromtimestamp(moment_ns / 1e9, UTC).astimezone()


def fps_text(fps: float | None) -> str:
    """`15 fps`, `0.5 fps`, `1 in 20 s`; empty while it is not known."""
    if not fps:
        return ""
    if fps >= 1.95:
        return f"{fps:.0f} fps"
    return f"{fps:.1f} fps" if fps >= 0.25 else f"1 in {length_text(1 / fps + 0.5)}"


def count_text(number: int) -> str:
    """`3 375`, thousands apart by a thin space."""
    return f"{number:,}".replace(",", THIN_SPACE)


def reasons_text(counts: Mapping[str, int]) -> str:
    """`12 max-fps, 3 newer`: the most frequent reasons first; empty if there are none."""
    most = sorted(counts.items(), key=lambda item: -item[1])[:4]
    return ", ".join(f"{number} {reason}" for reason, number in most)


def need_text(needs: Sequence[str]) -> str:
    """What needs attention, as one sentence; empty if nothing does."""
    if not needs:
        return ""
    head = "1 thing needs attention" if len(needs) == 1 else f"{len(needs)} things need attention"
    return f"{head}: {'; '.join(need.rstrip('.') for need in needs)}."

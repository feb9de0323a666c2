"""Times as people give them on a command line, in zones with and without daylight saving."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from camfan_nodes.recordings.times import TimeFormatError, local_text, parse_time, zone_text

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The rules are written out, so that no time zone database is needed."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def ns(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000_000  # type: ignore[arg-type,misc]  # year, month, …


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22 10:15", ns(2026, 11, 22, 9, 15)),
        ("2026-11-22T10:15:30", ns(2026, 11, 22, 9, 15, 30)),
        ("2026-11-22T10:15:30.25", ns(2026, 11, 22, 9, 15, 30) + 250_000_000),
        ("2026-11-22T10:15:30.123456789Z", ns(2026, 11, 22, 10, 15, 30) + 123_456_789),
        ("2026-11-22 10:15 UTC", ns(2026, 11, 22, 10, 15)),
        ("2026-11-22T10:15z", ns(2026, 11, 22, 10, 15)),
        ("2026-11-22T10:15+05:30", ns(2026, 11, 22, 4, 45)),
        ("2026-11-22T10:15-0800", ns(2026, 11, 22, 18, 15)),
        ("2026-11-22", ns(2026, 11, 21, 23, 0)),
        ("2026-07-01 12:00", ns(2026, 7, 1, 10, 0)),
        ("2026-11-22 24:00", ns(2026, 11, 22, 23, 0)),
        ("10:15", ns(2026, 11, 22, 9, 15)),
        ("9:05", ns(2026, 11, 22, 8, 5)),
        ("10:15Z", ns(2026, 11, 22, 10, 15)),
        ("today", ns(2026, 11, 21, 23, 0)),
        ("yesterday 22:00", ns(2026, 11, 21, 21, 0)),
        ("Today 08:30", ns(2026, 11, 22, 7, 30)),
        ("now", ns(2026, 11, 22, 10, 15)),
        ("10m ago", ns(2026, 11, 22, 10, 5)),
        ("1.5h ago", ns(2026, 11, 22, 8, 45)),
        (" 2d ago ", ns(2026, 11, 20, 10, 15)),
    ],
)
def test_a_time_is_what_it_says(berlin: None, text: str, expected: int) -> None:
    asked = parse_time(text, NOW)
    assert (asked.time_ns, asked.note) == (expected, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not a time, such as"),
        ("soon", "is not a time, such as"),
        ("2026-13-01", "month"),
        ("2026-02-30 10:00", "day"),
        ("25:00", "hour"),
        ("10:75", "minute"),
        ("10 ago", "has no unit"),
        ("fast ago", "is not a duration"),
        ("2026-11-22 10", "is not a time"),
        ("1732270500", "is not a time"),
        ("2026-03-29 02:30", "never happens: on 2026-03-29 clocks are set forward.*write 03:30"),
    ],
)
def test_what_is_not_a_time_is_rejected_by_name(berlin: None, text: str, words: str) -> None:
    with pytest.raises(TimeFormatError, match=words) as caught:
        parse_time(text, NOW)
    assert f"'{text}'" in str(caught.value)


def test_a_time_that_happens_twice_is_said(berlin: None) -> None:
    """A range is taken as wide as it can be meant, and UTC or an offset chooses."""
    start, end = (parse_time("2026-10-25 02:30", NOW, end=end) for end in (False, True))
    assert (start.time_ns, end.time_ns) == (ns(2026, 10, 25, 0, 30), ns(2026, 10, 25, 1, 30))
    assert start.note is not None
    assert "02:30 happens twice on 2026-10-25" in start.note
    assert "the first (CEST)" in start.note
    assert end.note is not None
    assert "the second (CET)" in end.note
    exact = parse_time("2026-10-25 02:30+01:00", NOW)
    assert (exact.time_ns, exact.note) == (ns(2026, 10, 25, 1, 30), None)


def test_times_are_shown_in_local_time(berlin: None) -> None:
    moment = ns(2026, 7, 1, 10, 0) + 987_000_000
    assert (local_text(moment), zone_text(moment)) == ("2026-07-01 12:00:00.9", "CEST")

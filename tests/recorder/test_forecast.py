"""How long the disk lasts, and what is said where `keep` cannot hold what it says."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from camfan.recording.forecast import forecast
from camfan.recording.queries import IndexReader
from camfan.recording.schema import connect_to_read
from camfan_config import CameraKeep, Keep
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import INTERVAL_NS, START_NS, frame

GB = 10**9
DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("keep", "used", "free", "full_s", "stays_s", "warning"),
    [
        (Keep(), 0, 48 * GB, DAY_S, None,
         "at 2 GB an hour the disk is full in 24 hours, as nothing is deleted"),
        (Keep(), 0, 4800 * GB, 100 * DAY_S, None, None),
        (Keep(age=DAY_S), 48 * GB, 10 * GB, None, DAY_S, None),
        (Keep(age=3 * DAY_S), 48 * GB, 48 * GB, DAY_S, 2 * DAY_S,
         "at 2 GB an hour the disk is full in 24 hours, as keep.age does not prevent it"),
        (Keep(age=7 * DAY_S, size=96 * GB), 0, 9999 * GB, None, 2 * DAY_S,
         "at 2 GB an hour recordings stay for 2 days, and not for 7d"),
        (Keep(age=7 * DAY_S, min_free=52 * GB), 50 * GB, 50 * GB, None, DAY_S,
         "at 2 GB an hour recordings stay for 24 hours, and not for 7d"),
        (Keep(size=96 * GB), 0, 9999 * GB, None, 2 * DAY_S, None),
        (Keep(size=9600 * GB, min_free=2 * GB), 0, 50 * GB, None, DAY_S, None),
        (Keep(age=DAY_S), 0, None, None, None, None),
        (Keep(cameras={"a": CameraKeep(age=1.0)}), 0, GB, None, None, None),
    ],
)  # fmt: skip
def test_forecast(
    keep: Keep, used: int, free: int | None, full_s: float | None, stays_s: float | None,
    warning: str | None,
) -> None:  # fmt: skip
    """At two cameras of 1 GB an hour."""
    found = forecast(keep, {"a": 1e9, "b": 1e9}, used, free)

    assert found.full_s == pytest.approx(full_s)
    assert found.stays_s == pytest.approx(stays_s)
    assert found.warning == warning


def test_without_a_rate_there_is_no_forecast() -> None:
    """A recording that has just begun says nothing of the next week."""
    assert forecast(Keep(age=1.0), {}, 0, 0).warning is None


def test_the_rate_is_measured(tmp_path: Path) -> None:
    """By what is on the disk, of each camera; and a recorder warns of what it cannot keep."""
    now_s = [0.0]
    with Storage(
        "archive", tmp_path, 10.0, 1.0, keep=Keep(age=400 * DAY_S, size=10_000_000),
        clock=lambda: now_s[0], site_ns=lambda: START_NS + int(now_s[0] * 1e9),
    ) as storage:  # fmt: skip
        for number in range(15 * 90):
            now_s[0] = number * INTERVAL_NS / 1e9
            storage.append(frame(number))
            storage.tick()
        assert storage.forecast.bytes_per_hour == {}  # looked at when there was nothing yet
        now_s[0] += 300
        storage.tick()
        stored = sum(path.stat().st_size for path in tmp_path.rglob("*.mkv"))
        assert storage.forecast.bytes_per_hour["porch"] == pytest.approx(stored * 40, rel=0.05)
        assert "recordings stay for" in (storage.forecast.warning or "")
    with closing(connect_to_read(tmp_path / "index.sqlite")) as db:
        assert IndexReader(db).rates(START_NS + 89_000_000_000) == {}

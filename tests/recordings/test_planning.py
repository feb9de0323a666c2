"""`camfan recordings plan`: what retention will delete, as it then does."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from camfan_nodes.cli import main
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import frame, picture

HOUR_NS = 3_600_000_000_000
SITE = """version: 1
site: home
cameras: {{porch: {{source: test}}}}
recorders:
  archive: {{path: {path}, segment: 60s{keep}}}
"""


def hours(folder: Path, count: int, ended_h_ago: float = 0) -> None:
    """A frame every ten minutes, the last one `ended_h_ago`."""
    first_ns = time.time_ns() - int((count + ended_h_ago) * HOUR_NS)
    with Storage("archive", folder, 60.0, 5.0) as storage:
        for number in range(count * 6):
            captured = first_ns + number * HOUR_NS // 6
            storage.append(frame(number, captured=captured, jpeg=picture(0)))


def plan(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], keep: str, *arguments: str
) -> dict[str, list[dict[str, object]]]:
    site = tmp_path / "site.yaml"
    site.write_text(SITE.format(path=tmp_path / "recordings", keep=keep), encoding="utf-8")
    assert main(["recordings", "plan", "--config", str(site), "--json", *arguments]) == 0
    found: dict[str, list[dict[str, object]]] = json.loads(capfd.readouterr().out)
    assert main(["recordings", "plan", "--config", str(site), *arguments]) == 0
    return found


def test_age_names_what_is_over_and_what_will_be(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Files older than the age are due now, those that come of age within the time then."""
    hours(tmp_path / "recordings", 10)

    found = plan(tmp_path, capfd, ", keep: {age: 7h}", "--within", "2h")["decisions"]

    now = [each for each in found if str(each["due"]) <= str(found[0]["due"])]
    assert 17 <= len(now) <= 19  # of three hours
    assert 29 <= len(found) <= 31  # and of two more
    assert {(each["action"], each["reason"]) for each in found} == {("delete", "age")}
    assert [each["start"] for each in found] == sorted(str(each["start"]) for each in found)
    text = capfd.readouterr().out
    assert "age" in text
    assert "now" in text
    assert "and 10 more" in text or "and 9 more" in text or "and 11 more" in text


def test_size_is_foreseen_from_the_last_day(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Room for two more hours: within four, two hours of files go, the first in two hours."""
    hours(tmp_path / "recordings", 24)
    size = sum(path.stat().st_size for path in (tmp_path / "recordings").rglob("*.mkv"))
    limit = size + size // 12

    found = plan(tmp_path, capfd, f", keep: {{size: {limit}B}}", "--within", "4h")["decisions"]

    assert 11 <= len(found) <= 14
    assert {each["reason"] for each in found} == {"size"}
    dues = [datetime.fromisoformat(str(each["due"])) for each in found]
    assert 1.7 < (dues[0] - datetime.now(UTC)).total_seconds() / 3600 < 2.3
    assert dues == sorted(dues)


def test_what_is_protected_is_kept(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "recordings"
    hours(folder, 3)
    assert main(["recordings", "protect", "--path", str(folder), "--from", "1d ago"]) == 0
    capfd.readouterr()

    found = plan(tmp_path, capfd, ", keep: {age: 1h}")["decisions"]

    assert found
    assert {each["action"] for each in found} == {"keep"}


def test_a_recorder_without_limits_deletes_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hours(tmp_path / "recordings", 1)
    assert plan(tmp_path, capfd, "")["decisions"] == []
    assert "nothing is ever deleted" in capfd.readouterr().out
    assert main(["recordings", "plan", "--path", str(tmp_path / "recordings")]) == 78
    assert "--path has no `keep:`" in capfd.readouterr().err

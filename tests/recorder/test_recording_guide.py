"""What docs/guide/recording.md shows works."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from camfan_config import load_site
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import frame, picture

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "recording.md"


def all_fenced(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def fenced(language: str) -> str:
    return all_fenced(language)[0]


@pytest.mark.parametrize("section", all_fenced("yaml"))
def test_a_recorder_of_the_guide_is_one(section: str, tmp_path: Path) -> None:
    """Its section makes a site file with cameras of those names."""
    path = tmp_path / "site.yaml"
    cameras = "cameras: {front-door: {source: test}, driveway: {source: test}}"
    path.write_text(f"version: 1\nsite: home\n{cameras}\n{section}", encoding="utf-8")

    assert "archive" in load_site(path).recorders


def test_the_query_of_the_guide_finds_the_last_picture(tmp_path: Path) -> None:
    """Path, offset and size lead to the bytes of the newest JPEG."""
    with Storage("archive", tmp_path, 60.0, 5.0) as storage:
        for number in range(3):
            storage.append(frame(number, camera="driveway"))

    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as db:
        ((path, offset, size),) = db.execute(fenced("sql")).fetchall()

    assert (tmp_path / path).read_bytes()[offset : offset + size] == picture(2)


def test_the_program_of_the_guide_reads_recordings(tmp_path: Path) -> None:
    """It says of each camera what there is, and reads the last hour."""
    now_ns = time.time_ns()
    with Storage("archive", tmp_path, 60.0, 5.0) as storage:
        for number in range(60):
            captured = now_ns - (60 - number) * 1_000_000_000
            storage.append(frame(number, camera="driveway", captured=captured))

    program = fenced("python").replace("/srv/recordings", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )

    assert done.stderr == ""
    assert done.stdout.startswith("driveway Frame('driveway', ")
    assert done.stdout.count("(48, 64, 3)") in (6, 7)

"""The recordings of the demonstration do not fill a disk."""

from __future__ import annotations

import os
from pathlib import Path

from camfan_nodes.demo.bounded import bounded, delete_oldest


def recording(folder: Path, camera: str, age_s: int, size: int) -> Path:
    """A file as the recorder leaves it behind."""
    path = folder / camera / "2026-11-22" / f"{age_s}.mkv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (1_000_000 - age_s, 1_000_000 - age_s))
    return path


def test_the_oldest_go_first_over_all_cameras(tmp_path: Path) -> None:
    """As many as needed; the index, and what is being written, stay."""
    oldest = recording(tmp_path, "a", 400, 100)
    older = recording(tmp_path, "b", 300, 100)
    old = recording(tmp_path, "a", 200, 100)
    written = recording(tmp_path, "a", 5, 1000)
    index = tmp_path / "index.sqlite"
    index.write_bytes(bytes(5000))

    assert delete_oldest(tmp_path, 1150, now_s=1_000_000) == 2

    assert [path.exists() for path in (oldest, older, old, written, index)] == [
        False,
        False,
        True,
        True,
        True,
    ]
    assert delete_oldest(tmp_path, 10, now_s=1_000_000) == 1
    assert written.exists()


def test_what_was_left_by_the_last_demonstration_is_bounded(tmp_path: Path) -> None:
    """At once, when the next one starts."""
    recordings = [recording(tmp_path, "a", age_s, 100) for age_s in (300, 200)]

    with bounded(tmp_path, 100):
        pass

    assert [path.exists() for path in recordings] == [False, True]

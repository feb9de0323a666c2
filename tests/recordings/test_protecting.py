"""`protect` and `unprotect`, with and without a recorder that runs; `rebuild` keeps them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from camfan_nodes.cli import main
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import RUN, START_NS, frame
from camfan_wire.messages import Gap

DAY = ("--from", "2026-11-22Z", "--to", "2026-11-23Z")


def run(*arguments: object) -> int:
    return main(["recordings", *map(str, arguments)])


def protected(folder: Path, capfd: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    capfd.readouterr()
    assert run("list", "--path", folder, "--json") == 0
    found: list[dict[str, object]] = json.loads(capfd.readouterr().out)["protected"]
    return found


def test_an_interval_is_protected_until_it_is_not(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also while the recorder runs: it is a row of the index that the recorder looks at."""
    with Storage("archive", tmp_path, 60.0, 5.0) as storage:
        storage.append(frame(0))
        storage.append(frame(0, camera="barn"))
        storage.tick()
        storage.gap(Gap(camera="barn", run=RUN, first=1, last=2, reason="ring-overrun"))
        assert run("protect", "--path", tmp_path, "--camera", "porch", *DAY, "--note", "a fox") == 0
        assert "protected: 1 files" in capfd.readouterr().out
        assert run("protect", "--path", tmp_path, "--from", "2026-11-22T10:00Z") == 0
        storage.append(frame(1))

    first, second = protected(tmp_path, capfd)
    assert (first["camera"], first["note"], first["start"]) == (
        *("porch", "a fox"),
        "2026-11-22T00:00:00.000000Z",
    )
    assert second["camera"] is None
    assert run("unprotect", "--path", tmp_path, first["id"]) == 0
    assert protected(tmp_path, capfd) == [second]
    assert run("unprotect", "--path", tmp_path, 77) == 78
    assert f"has the number 77; there is {second['id']}" in capfd.readouterr().err


def test_rebuild_keeps_what_is_in_no_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Protected intervals, gaps and events of the old index are in the new one."""
    with Storage("archive", tmp_path, 60.0, 5.0) as storage:
        storage.append(frame(0))
        storage.append(frame(9))
    assert run("protect", "--path", tmp_path, *DAY) == 0
    before = protected(tmp_path, capfd)

    assert run("rebuild", "--path", tmp_path) == 0

    said = capfd.readouterr().out
    assert "1 files, 2 frames" in said
    assert "protected: 1 kept" in said
    assert protected(tmp_path, capfd) == before
    assert run("verify", "--path", tmp_path) == 0
    assert list(tmp_path.glob("index.sqlite.damaged-*"))
    assert list(tmp_path.glob(".rebuild*")) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say from when on with --from"),
        (["--from", "2026-11-23", "--to", "2026-11-22"], "--to is not after --from"),
        (["--from", "2126-11-23"], "--from is in the future; say until when"),
        ([*DAY, "--camera", "x"], "has no frame of a camera 'x'"),
        ([*DAY, "--note", "x" * 201], "at most 200 characters"),
    ],
)
def test_what_cannot_be_protected_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with Storage("archive", tmp_path, 60.0, 5.0) as storage:
        storage.append(frame(0, captured=START_NS))
    assert run("protect", "--path", tmp_path, *arguments) == 78
    assert words in capfd.readouterr().err
    assert protected(tmp_path, capfd) == []


def test_a_folder_without_recordings_is_not_made_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A typing error in a path creates nothing."""
    missing = tmp_path / "none"
    for action in (["protect", *DAY], ["unprotect", "1"], ["verify"], ["rebuild"], ["list"]):
        assert run(*action, "--path", missing) == 69
        assert f"{missing} is not a folder of recordings" in capfd.readouterr().err
    assert not missing.exists()
    assert run("protect", "--path", tmp_path, *DAY) == 69
    assert list(tmp_path.iterdir()) == []

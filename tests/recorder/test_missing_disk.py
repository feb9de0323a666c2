"""A disk that is not mounted is not replaced by the one below it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from camfan.recording.errors import RecordingError
from camfan_nodes.recorder.sentinel import SENTINEL
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import frame


def opened(tmp_path: Path, *, index: Path | None = None, state: bool = True) -> Storage:
    memory = tmp_path / "state" if state else None
    return Storage(
        "archive", tmp_path / "disk" / "recordings", 60.0, 5.0, state=memory, index=index
    )


def fill(tmp_path: Path, **more: object) -> Path:
    """A recording of one frame; its folder."""
    with opened(tmp_path, **more) as storage:  # type: ignore[arg-type]  # as of `opened`
        storage.append(frame(0))
    return tmp_path / "disk" / "recordings"


@pytest.mark.parametrize("left", ["nothing", "the mount point", "an empty folder"])
def test_a_recorder_does_not_start_below_a_missing_mount(left: str, tmp_path: Path) -> None:
    """The sentence says what to do, and nothing is made where the disk is not."""
    folder = fill(tmp_path)
    (tmp_path / "disk").rename(tmp_path / "away")
    if left == "the mount point":
        (tmp_path / "disk").mkdir()
    elif left == "an empty folder":
        folder.mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(RecordingError, match="its disk is probably not mounted") as refused:
        opened(tmp_path)

    assert f"touch {folder / SENTINEL}" in str(refused.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_way_out_of_the_sentence_works(tmp_path: Path) -> None:
    """Another disk is taken once its folder has the file; so is the old one when it is back."""
    folder = fill(tmp_path)
    folder.rename(tmp_path / "away")
    folder.mkdir()
    (folder / SENTINEL).touch()
    with opened(tmp_path) as storage:
        storage.append(frame(1))
    shutil.rmtree(folder)
    (tmp_path / "away").rename(folder)

    with opened(tmp_path) as storage:
        assert storage.positions()["porch"].sequence == 0


def test_another_folder_is_another_matter(tmp_path: Path) -> None:
    """What was remembered of one path says nothing of the next."""
    fill(tmp_path)

    with Storage("archive", tmp_path / "new", 60.0, 5.0, state=tmp_path / "state"):
        assert (tmp_path / "new" / SENTINEL).exists()


def test_an_index_elsewhere_remembers_as_well(tmp_path: Path) -> None:
    """Its rows are not dropped because the files are out of sight."""
    folder, index = fill(tmp_path, index=tmp_path / "index", state=False), tmp_path / "index"
    folder.rename(tmp_path / "away")
    folder.mkdir()

    with pytest.raises(RecordingError, match="its disk is probably not mounted"):
        opened(tmp_path, index=index, state=False)

    folder.rmdir()
    (tmp_path / "away").rename(folder)
    with opened(tmp_path, index=index, state=False) as storage:
        assert storage.positions()["porch"].sequence == 0


def test_recordings_of_an_older_camfan_are_taken_over(tmp_path: Path) -> None:
    """They have no such file yet; the first start leaves it."""
    folder = fill(tmp_path, state=False)
    (folder / SENTINEL).unlink()

    with opened(tmp_path):
        assert (folder / SENTINEL).exists()


def test_a_disk_that_goes_while_recording_is_lost_with_its_reason(tmp_path: Path) -> None:
    """No file is opened below its mount point; when it is back, recording goes on."""
    with opened(tmp_path) as storage:
        folder = tmp_path / "disk" / "recordings"
        storage.append(frame(0))
        folder.rename(tmp_path / "away")
        folder.mkdir()
        storage.append(frame(1, width=32, height=32))
        assert storage.trouble is not None
        assert storage.trouble.reason == "disk-missing"
        assert list(folder.iterdir()) == []

"""`index:` of a recorder, and what is said where SQLite gets no lock."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from camfan.recording import schema
from camfan.recording.errors import RecordingError
from camfan_config import Recorder, load_site
from camfan_config.report.mounts import network_share
from camfan_nodes.recorder.folder import index_folder
from camfan_nodes.recorder.storage import Storage
from camfan_nodes.recorder.trace import trace_frame
from camfan_wire.messages import Trace

MOUNTS = """/dev/sda1 / ext4 rw 0 0
nas:/films /srv/films nfs4 rw 0 0
//nas/my\\040share /srv/my\\040share cifs rw 0 0
pi@hub:/ /srv/hub fuse.sshfs rw 0 0
/dev/sdb1 /srv/films/local ext4 rw 0 0
/dev/fuse /srv/usb fuseblk rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv/films", "nfs4"), ("/srv/films/a/b", "nfs4"), ("/srv/filmsold", None),
        ("/srv/my share/x", "cifs"), ("/srv/hub/x", "fuse.sshfs"), ("/srv/films/local/x", None),
        ("/srv/usb", None), ("/", None),
    ],
)  # fmt: skip
def test_network_shares_are_known(tmp_path: Path, folder: str, kind: str | None) -> None:
    """By the mount that a folder is below, blanks in its name included."""
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)

    assert network_share(Path(folder), mounts) == kind


def test_index_is_where_the_site_file_says(tmp_path: Path) -> None:
    """Written there and read there; the folder of the recordings has none."""
    recordings, index = tmp_path / "share", tmp_path / "local" / "index"
    recorder = Recorder(path=str(recordings), index=str(index))

    with Storage("archive", recordings, 60.0, 5.0, index=index_folder(recorder)):
        pass

    assert (index / "index.sqlite").is_file()
    assert [path.name for path in recordings.iterdir()] == [".camfan-recorder"]
    question = Trace(id="1", camera="porch", sequence=1, run="a" * 8)
    assert trace_frame(index_folder(recorder), question).outcome == "held"
    assert index_folder(Recorder(path="/r")) == Path("/r")


def test_an_index_that_cannot_be_kept_is_a_sentence(tmp_path: Path) -> None:
    """A file in the place of the folder, and a folder in the place of the file."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "taken" / "index.sqlite").mkdir(parents=True)
    (tmp_path / "recordings").mkdir()

    for index, words in (
        ("file", f"cannot keep the index in {tmp_path}/file: {tmp_path}/file is not a folder"),
        ("file/x", f"cannot keep the index in {tmp_path}/file/x: {tmp_path}/file is not a folder"),
        ("taken", f"{tmp_path}/taken/index.sqlite is a folder"),
    ):
        with pytest.raises(RecordingError, match=words):
            Storage("archive", tmp_path / "recordings", 60.0, 5.0, index=tmp_path / index)


def test_recordings_in_place_of_a_file_are_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(RecordingError, match=r"cannot record into .*/file is not a folder"):
        Storage("archive", tmp_path / "file", 60.0, 5.0, index=tmp_path / "index")


def test_site_file_has_it_relative_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(
        "version: 1\nsite: s\ncameras: {a: {source: test}}\n"
        "recorders: {r: {path: /srv/share, index: index}}\n"
    )

    assert load_site(path).recorders["r"].index == str(tmp_path / "index")


def test_index_without_a_lock_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a share, here because another program holds it: what to set, and no traceback."""
    monkeypatch.setattr(schema, "BUSY_S", 0.1)
    with Storage("archive", tmp_path, 60.0, 5.0):
        pass
    with closing(sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")

        with pytest.raises(RecordingError) as caught:
            Storage("archive", tmp_path, 60.0, 5.0)

    assert f"SQLite gets no lock on {tmp_path / 'index.sqlite'}" in str(caught.value)
    assert "set `index:` of the recorder to a folder on a local disk" in str(caught.value)


def test_share_is_warned_of_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A share on which SQLite works by luck is named."""
    monkeypatch.setattr("camfan_nodes.recorder.storage.network_share", lambda _: "nfs4")

    with caplog.at_level(logging.WARNING), Storage("archive", tmp_path, 60.0, 5.0):
        pass

    assert f"{tmp_path} is on a network share (nfs4)" in caplog.text

"""The source `images`: folders of JPEGs as a camera."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan_config.types import ImagesCamera
from camfan_nodes.camera.images import ImagesSource
from camfan_nodes.camera.source import CapturedFrame, Idle, SourceError
from camfan_testing.cameras import FakeClock
from camfan_testing.data import shared
from camfan_testing.jpegs import jpeg


def _fill(folder: Path, count: int) -> list[bytes]:
    pictures = [jpeg(64, 48, seed) for seed in range(count)]
    for index, picture in enumerate(pictures):
        (folder / f"{index:03d}.jpg").write_bytes(picture)
    return pictures


def _show(camera: ImagesCamera, clock: FakeClock, most: int) -> list[bytes]:
    shown: list[bytes] = []
    with ImagesSource(camera, clock).open() as stream:
        while len(shown) < most:
            got = stream.capture()
            if isinstance(got, CapturedFrame):
                assert isinstance(got.content, bytes)
                shown.append(got.content)
            elif got is Idle.ENDED:
                break
    return shown


def test_pictures_are_shown_by_name_untouched(tmp_path: Path) -> None:
    """In the order of their names, byte for byte, one a second unless `fps` says otherwise."""
    pictures, clock = _fill(tmp_path, 4), FakeClock()
    begun_ns = clock.now_ns

    shown = _show(ImagesCamera(path=str(tmp_path)), clock, 100)

    assert shown == pictures
    assert clock.now_ns - begun_ns == pytest.approx(3e9, abs=1e6)


def test_a_loop_shows_new_pictures_too(tmp_path: Path) -> None:
    """Each round reads the folder again."""
    pictures, clock = _fill(tmp_path, 2), FakeClock()
    new = jpeg(64, 48, 99)
    with ImagesSource(ImagesCamera(path=str(tmp_path), loop=True, fps=10), clock).open() as stream:
        first = [stream.capture(), stream.capture()]
        (tmp_path / "zzz.jpg").write_bytes(new)
        second = [stream.capture() for _ in range(3)]

    contents = [got.content for got in (*first, *second) if isinstance(got, CapturedFrame)]
    assert contents == [*pictures, *pictures, new]


def test_a_file_that_is_not_a_jpeg_is_left_out_and_counted(tmp_path: Path) -> None:
    """Other files, torn pictures and folders do not disturb the show."""
    pictures, clock = _fill(tmp_path, 3), FakeClock()
    (tmp_path / "000b.txt").write_text("notes")
    (tmp_path / "001b.jpg").write_bytes(pictures[0][:-20])
    (tmp_path / "folder").mkdir()
    (tmp_path / ".hidden.jpg").write_bytes(pictures[0])
    source = ImagesSource(ImagesCamera(path=str(tmp_path)), clock)

    with source.open() as stream:
        shown = [got for got in iter(stream.capture, Idle.ENDED) if isinstance(got, CapturedFrame)]

    assert [picture.content for picture in shown] == pictures
    assert source.counts.unreadable == 2


def test_folders_that_cannot_be_shown(tmp_path: Path) -> None:
    """Each kind of wrong folder has its own sentence, which names it."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("dear camera")
    (tmp_path / "file").touch()
    wanted = {
        "empty": "no JPEG in it; it is empty",
        "letters": "no JPEG in it; found 1 other files, such as a.txt",
        "file": "a file, not a folder; the source `file` plays videos",
        "leters": "there is no such file; in its folder: letters",
    }
    for name, words in wanted.items():
        with pytest.raises(SourceError) as caught:
            _show(ImagesCamera(path=str(tmp_path / name)), FakeClock(), 1)
        assert str(caught.value).startswith(f"{tmp_path / name}: ")
        assert words in str(caught.value)


def test_a_real_folder() -> None:
    """Pictures of a Pi camera on a ranch, in the order they were taken."""
    folder = shared("video/picam_ranch")
    wanted = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]

    assert _show(ImagesCamera(path=str(folder), fps=10), FakeClock(), 1000) == wanted

"""`camfan motion try`: what it shows, and how it refuses."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from camfan_nodes.cli import main
from camfan_testing.data import shared
from camfan_testing.motion_scenes import Scene, film, textured, with_box

ROOM = textured(160, 120)


def passage(at_s: float) -> Scene:
    return with_box(ROOM, (at_s - 4) * 30, 40, side=24) if at_s >= 4 else ROOM


def write_video(path: Path, seconds: float = 12, *, codec: str = "mjpeg", fps: int = 10) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = 160, 120
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for gray, _ in film(passage, seconds, fps=fps, noise=1):
            frame = av.VideoFrame.from_ndarray(np.stack([gray] * 3, axis=2), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A box passes from second 4 to about second 9."""
    return write_video(tmp_path_factory.mktemp("video") / "passage.mkv")


def site(folder: Path, extra: str = "") -> Path:
    path = folder / "site.yaml"
    path.write_text(
        f"""version: 1
site: testing
cameras:
  yard:
    source: custom
    zones: {{right: [[0.6, 0], [1, 0], [1, 1], [0.6, 1]]}}
motion:
  all: {{zones: {{yard: [right]}}{extra}}}
"""
    )
    return path


def tried(*arguments: object) -> int:
    return main(["motion", "try", *(str(argument) for argument in arguments)])


def test_it_shows_what_was_when(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bar with the place of the motion, then a line for the event."""
    assert tried(video) == 0

    lines = capsys.readouterr().out.splitlines()
    assert "160x120, 0:11.8 long, frames seen: 60" in "".join(lines[:3])
    (bar,) = [line for line in lines if line.startswith("motion ")]
    assert "█" in bar
    (row,) = [line for line in lines if line.endswith("motion")]
    assert row.split()[0] in ("0:04.0", "0:04.2", "0:04.4")
    assert row.split()[1] in ("0:09.0", "0:09.2", "0:09.4")


def test_other_settings_give_another_answer(
    video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Values are written as in the site file."""
    assert tried(video, "--set", "min_area=10%", "--set", "end_after=1s") == 0

    assert "No motion" in capsys.readouterr().out


def test_a_camera_of_a_site_brings_its_zones(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --config and --camera the zones, masks and settings of the site file hold."""
    assert tried(video, "--config", site(tmp_path), "--camera", "yard") == 0

    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.endswith("right")]
    assert row.split()[0] in ("0:06.4", "0:06.6", "0:06.8", "0:07.0")


@pytest.mark.parametrize("name", ["heat.png", "heat.jpg"])
def test_it_writes_a_picture(
    video: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last picture, with colour where motion was and a box at the peak."""
    assert tried(video, "--picture", tmp_path / name) == 0

    written = cv2.imread(str(tmp_path / name))
    assert written is not None
    assert written.shape == (120, 160, 3)
    assert np.ptp(written.astype(int), axis=2).max() > 50
    assert name in capsys.readouterr().out.replace("\n", "")


def test_h264_is_watched_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever PyAV opens is a video."""
    assert tried(write_video(tmp_path / "passage.mp4", codec="mpeg4")) == 0

    assert "█" in capsys.readouterr().out


def test_a_video_that_breaks_off_is_watched_up_to_there(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of a file is half of an answer."""
    half = tmp_path / "half.mkv"
    half.write_bytes(video.read_bytes()[: video.stat().st_size // 2])

    assert tried(half) == 0

    assert "0:05" in capsys.readouterr().out


def refusals(folder: Path) -> dict[str, Path]:
    paths = {
        name: folder / f"{name}.mkv" for name in ("missing", "empty", "text", "header", "folder")
    }
    paths["empty"].write_bytes(b"")
    paths["text"].write_text("not a video\n" * 50)
    paths["header"].write_bytes(write_video(folder / "whole.mkv", 1).read_bytes()[:300])
    paths["folder"].mkdir()
    return paths


@pytest.mark.parametrize("name", ["missing", "empty", "text", "header", "folder"])
def test_a_file_that_is_not_a_video_is_rejected_in_a_sentence(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line that names the file, and exit code 69."""
    path = refusals(tmp_path)[name]

    assert tried(path) == 69

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"camfan motion try: {path}: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("wish", "complaint"),
    [
        ("treshold=9", "did you mean 'threshold'?"),
        ("zones=all", "there is fps, min_area"),
        ("fps=99", "out of range (above 0, at most 30)"),
        ("end_after=3", "has no unit"),
        ("min_area=lots", "is not a share"),
        ("start_frames=4", "more than start_window (3)"),
    ],
)
def test_a_wrong_setting_is_refused_in_a_sentence(
    wish: str, complaint: str, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong and what was probably meant; exit code 78."""
    assert tried(video, "--set", wish) == 78

    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["try"],
        ["try", "v.mkv", "--config", "site.yaml"],
        ["try", "v.mkv", "--set", "fps"],
        ["try", "v.mkv", "--picture", "heat.gif"],
        ["yard", "v.mkv", "--config", "site.yaml"],
        ["yard", "--config", "site.yaml", "--set", "fps=5"],
    ],
)
def test_wrong_arguments_end_with_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and the two ways to call it."""
    with pytest.raises(SystemExit) as ended:
        main(["motion", *arguments])

    assert ended.value.code == 2
    assert "camfan motion try VIDEO" in capsys.readouterr().err


def test_an_unknown_camera_or_node_is_refused(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what was probably meant; exit code 78."""
    path = site(tmp_path)

    assert tried(video, "--config", path, "--camera", "yrad") == 78
    assert "did you mean 'yard'?" in capsys.readouterr().err
    assert main(["motion", "al", "--config", str(path)]) == 78
    assert "did you mean 'all'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["pupil_empty0bytes.mp4", "pupil_headeronly_262bytes.mp4"])
def test_broken_videos_of_others_are_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 69 and a sentence, as for those made here."""
    assert tried(shared(f"video/broken_video/{name}")) == 69

    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("name", "size"), [("0", "568x320"), ("90", "320x568")])
def test_a_video_that_was_filmed_sideways_is_upright(
    name: str, size: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rotation that a file asks for is done before anything is looked at."""
    assert tried(shared(f"video/broken_video/decord_video_{name}.mov")) == 0

    assert size in capsys.readouterr().out.replace("\n", "")

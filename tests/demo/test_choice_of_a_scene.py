"""What the demonstration films."""

from __future__ import annotations

import socket
from pathlib import Path

import av
import numpy as np
import pytest

from camfan import CamfanError, load_site
from camfan_nodes.camera.v4l2_device import Linux
from camfan_nodes.demo.choice import check_video, choose, find_webcam
from camfan_nodes.demo.clip import CLIP
from camfan_nodes.demo.site import (
    PortTakenError,
    check_ports,
    choose_web_port,
    demo_site_file,
)
from camfan_testing.jpegs import jpeg
from camfan_testing.ports import free_ports
from camfan_testing.sites import custom_cameras, write_site


def no_drawing(clip: Path) -> None:
    raise AssertionError("nothing has to be drawn")


def video(path: Path, frames: int = 3) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number in range(frames):
            picture = np.full((48, 64, 3), number * 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    return path


def test_a_named_video_is_filmed(tmp_path: Path) -> None:
    """Before any webcam, in a loop, by its whole path: the site file stands elsewhere."""
    path = video(tmp_path / "street.avi")

    choice = choose(path, tmp_path, Linux(), no_drawing)

    assert choice.what == f"the video {path}"
    assert choice.variables == {
        "DEMO_SOURCE": "file",
        "DEMO_VIDEO": str(path.absolute()),
        "DEMO_DEVICE": "",
        "DEMO_LOOP": "true",
    }


def test_the_drawn_scene_is_drawn_once(tmp_path: Path) -> None:
    """Where there is no webcam, and what was drawn before is found again."""
    (tmp_path / CLIP).write_bytes(b"drawn before")

    choice = choose(None, tmp_path, Linux(), no_drawing, dev=tmp_path)

    assert choice.what == "a drawn scene"
    assert choice.variables["DEMO_VIDEO"] == str(tmp_path / CLIP)


def test_without_anything_to_film_a_scene_is_drawn(tmp_path: Path) -> None:
    """Into the folder of the demonstration."""
    drawn: list[Path] = []

    choice = choose(None, tmp_path, Linux(), drawn.append, dev=tmp_path)

    assert drawn == [tmp_path / CLIP]
    assert choice.variables["DEMO_VIDEO"] == str(tmp_path / CLIP)


def test_another_device_is_not_taken_for_a_webcam(tmp_path: Path) -> None:
    """A name alone says nothing: the driver is asked, and a plain file has none."""
    (tmp_path / "video0").write_bytes(b"")
    (tmp_path / "video1").mkdir()

    assert find_webcam(Linux(), tmp_path) is None


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("none.mp4", None, "no such file"),
        ("empty.mp4", b"", "empty"),
        ("text.mp4", b"this is not a video at all\n" * 50, "not a video that can be read"),
        ("cut.avi", b"RIFF\x00\x00\x10\x00AVI LIST", "not a video|no video|not a single frame"),
    ],
    ids=["missing", "empty", "text", "torn"],
)
def test_a_video_that_cannot_be_played_is_said(
    tmp_path: Path, name: str, content: bytes | None, complaint: str
) -> None:
    """One sentence with the name of the file."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(CamfanError, match=complaint) as caught:
        check_video(path)
    assert name in str(caught.value)


def test_a_folder_is_not_a_video(tmp_path: Path) -> None:
    """Said as what it is."""
    with pytest.raises(CamfanError, match="folder"):
        check_video(tmp_path)


def test_a_picture_is_a_very_short_video(tmp_path: Path) -> None:
    """Why not: it can be decoded."""
    path = tmp_path / "picture.jpg"
    path.write_bytes(jpeg())

    check_video(path)


def test_the_site_of_the_demonstration_fits_every_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A video, and a webcam: the file that ships can be loaded with either."""
    monkeypatch.setenv("DEMO_RECORDINGS", str(tmp_path))
    for variables in (
        choose(video(tmp_path / "a.avi"), tmp_path, Linux(), no_drawing).variables,
        {"DEMO_SOURCE": "v4l2", "DEMO_DEVICE": "/dev/video0", "DEMO_VIDEO": "", "DEMO_LOOP": ""},
    ):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

        site = load_site(demo_site_file())

        assert set(site.cameras) == {"test", "scene"}
        assert site.recorders
        assert site.motion


def test_a_port_in_use_is_said_before_anything_starts(tmp_path: Path) -> None:
    """With its number, in case the other demonstration was forgotten."""
    written = write_site(tmp_path, custom_cameras("one"))
    site = load_site(written.path)
    check_ports(site)

    with socket.socket() as other:
        other.bind(("127.0.0.1", written.fanout))
        other.listen()
        with pytest.raises(PortTakenError, match=f"port {written.fanout} is used"):
            check_ports(site)


def test_the_pages_take_another_port_when_theirs_is_used() -> None:
    """8080 is often taken; the demonstration shows its pages all the same."""
    first = free_ports(1)[0]
    with socket.create_server(("127.0.0.1", first)):
        assert first < choose_web_port(first, first + 20) <= first + 20
        with pytest.raises(PortTakenError, match=f"{first} to {first}"):
            choose_web_port(first, first)

"""The scene that the demonstration films when it has nothing else."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from camfan_nodes.demo.backdrop import HEIGHT, WIDTH
from camfan_nodes.demo.clip import write_clip
from camfan_nodes.demo.scene import FPS, FRAMES, DrawnScene


@pytest.fixture(scope="module")
def scene() -> DrawnScene:
    return DrawnScene()


def change(scene: DrawnScene, one: int, other: int) -> float:
    """The share of the picture that differs clearly between two frames."""
    difference = np.abs(scene.frame(one).astype(int) - scene.frame(other).astype(int)).max(axis=2)
    return float((difference > 40).mean())


def test_a_frame_is_a_colour_picture_of_the_size_it_says(scene: DrawnScene) -> None:
    """And the same number is the same picture."""
    picture = scene.frame(75)

    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 20
    assert (picture == scene.frame(75)).all()


def test_the_loop_has_no_seam(scene: DrawnScene) -> None:
    """From the last frame to the first it changes no more than within a calm second."""
    assert change(scene, FRAMES - 1, FRAMES) <= change(scene, 10, 11) + 0.0005
    assert (scene.frame(0) == scene.frame(FRAMES * 7)).mean() > 0.4, "but for the noise"


def test_a_person_walks_and_then_leaves(scene: DrawnScene) -> None:
    """Motion starts and ends several times a loop: there are calm seconds to tell them apart."""
    busy = [change(scene, second * FPS, second * FPS + 5) > 0.003 for second in range(24)]

    assert busy[3:9] == [True] * 6
    assert busy[10:14] == [False] * 4
    assert any(busy[14:20])
    assert busy[21:24] == [False] * 3


@pytest.mark.long  # draws a whole clip
def test_the_clip_is_played_untouched_by_any_player(tmp_path: Path) -> None:
    """Motion JPEG, whole frames at a steady rate, written once, with reports of the progress."""
    told: list[tuple[int, int]] = []
    path = tmp_path / "clips" / "yard.avi"

    write_clip(path, lambda done, total: told.append((done, total)))

    assert told[-1] == (FRAMES, FRAMES)
    assert [found.name for found in path.parent.iterdir()] == ["yard.avi"]
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "mjpeg"
        assert stream.average_rate == Fraction(FPS)
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
    assert len(packets) == FRAMES
    assert all(jpeg[:2] == b"\xff\xd8" and jpeg[-2:] == b"\xff\xd9" for jpeg in packets)


def test_a_stopped_drawing_leaves_no_half_clip(tmp_path: Path) -> None:
    """It would be taken for a whole one the next time."""

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_clip(tmp_path / "yard.avi", stop)

    assert list(tmp_path.iterdir()) == []

"""Unwanted frames: numbered, and not drawn, copied, converted or requested."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan_config import Size
from camfan_config.types import FileCamera, ImagesCamera, TestCamera
from camfan_nodes.camera.frame_number_mark import read_number
from camfan_nodes.camera.images import ImagesSource
from camfan_nodes.camera.pattern import TestSource
from camfan_nodes.camera.source import CameraSource, CapturedFrame, Idle, SkippedFrames
from camfan_nodes.camera.video_file import FileSource
from camfan_testing.cameras import FakeClock, packets_of, write_video
from camfan_testing.jpegs import jpeg


class Watched:
    """A subscriber that watches, or not, as the test says."""

    def __init__(self, clock: FakeClock, *, layers: tuple[bool, ...] = (True,)) -> None:
        self.fps: float | None = None
        self.nobody = False
        self.asked = 0
        self.rested: list[float] = []
        self._clock = clock
        self._layers = layers

    def wanted(self) -> bool:
        self.asked += 1
        return self._layers[(self.asked - 1) % len(self._layers)]

    def idle(self) -> bool:
        return self.nobody

    def rest(self, seconds: float) -> None:
        self.rested.append(seconds)
        self._clock.wait(seconds)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def _passed_by(source: CameraSource, watched: Watched, clock: FakeClock, seconds: float) -> int:
    """How many frames pass in this time while no subscriber watches; then one does."""
    passed, end = 0, clock.now_ns + seconds * 1e9
    with source.open(watched) as stream:
        assert isinstance(stream.capture(), CapturedFrame)
        watched.nobody = True
        while clock.now_ns < end:
            got = stream.capture()
            assert isinstance(got, SkippedFrames) or got is Idle.PACED
            passed += got.frames if isinstance(got, SkippedFrames) else 0
        watched.nobody = False
        back_ns = clock.now_ns
        while not isinstance(stream.capture(), CapturedFrame):
            pass
        assert (clock.now_ns - back_ns) / 1e9 <= 0.2, "the very next picture is made"
    return passed


def test_the_test_picture_is_not_drawn(clock: FakeClock) -> None:
    """It goes on counting: the number it shows is the sequence, also after an hour unseen."""
    source = TestSource("porch", TestCamera(size=Size(160, 120), fps=15), clock)
    watched = Watched(clock)

    passed = _passed_by(source, watched, clock, 3600)

    assert passed == pytest.approx(3600 * 15, abs=8)
    assert watched.asked == 2
    assert source._sequence == passed + 2
    assert read_number(source._canvas.planes.y) == passed + 1


@pytest.mark.parametrize("codec", ["mjpeg", "mpeg4"])
def test_a_file_plays_on_unseen(tmp_path: Path, clock: FakeClock, codec: str) -> None:
    path = write_video(tmp_path / "film.avi", 30, codec=codec, fps=10)
    source = FileSource(FileCamera(path=str(path), loop=True), clock)

    assert _passed_by(source, Watched(clock), clock, 20) == pytest.approx(200, abs=10)


def test_after_a_rest_a_file_goes_on_where_its_time_is(tmp_path: Path, clock: FakeClock) -> None:
    path = write_video(tmp_path / "film.avi", 30, fps=10)
    watched = Watched(clock)
    with FileSource(FileCamera(path=str(path)), clock).open(watched) as stream:
        seen = 0
        watched.nobody = True
        while seen < 12:
            got = stream.capture()
            seen += got.frames if isinstance(got, SkippedFrames) else 0
        watched.nobody = False
        got = stream.capture()
        while not isinstance(got, CapturedFrame):
            got = stream.capture()

    assert got.content == packets_of(path)[seen]


def test_the_end_of_a_file_is_found_unseen(tmp_path: Path, clock: FakeClock) -> None:
    path = write_video(tmp_path / "film.avi", 5, fps=10)
    watched = Watched(clock)
    watched.nobody = True
    with FileSource(FileCamera(path=str(path)), clock).open(watched) as stream:
        found = []
        while (got := stream.capture()) is not Idle.ENDED:
            found.append(got)

    assert sum(got.frames for got in found if isinstance(got, SkippedFrames)) == 5


def test_a_layer_that_is_not_wanted_is_passed_over(tmp_path: Path, clock: FakeClock) -> None:
    """One picture at a time, in its own time."""
    for number in range(4):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(64, 48, number))
    source = ImagesSource(ImagesCamera(path=str(tmp_path), fps=1), clock)
    with source.open(Watched(clock, layers=(True, False))) as stream:
        found = []
        while (got := stream.capture()) is not Idle.ENDED:
            if got is not Idle.PACED:
                found.append(got)

    assert [type(got) for got in found] == [
        CapturedFrame,
        SkippedFrames,
        CapturedFrame,
        SkippedFrames,
    ]
    contents = [got.content for got in found if isinstance(got, CapturedFrame)]
    assert contents == [jpeg(64, 48, 0), jpeg(64, 48, 2)]


def test_a_rate_that_is_set_holds_from_the_next_picture_on(clock: FakeClock) -> None:
    """Faster or slower than the site file says, and back, without a jump of the sequence."""
    source = TestSource("porch", TestCamera(size=Size(160, 120), fps=10), clock)
    watched = Watched(clock)
    with source.open(watched) as stream:
        rates = []
        for fps in (None, 2.0, 40.0, None):
            watched.fps = fps
            stream.capture()  # one that was due already
            begun_ns, pictures = clock.now_ns, 0
            while pictures < 20:
                pictures += isinstance(stream.capture(), CapturedFrame)
            rates.append(20e9 / (clock.now_ns - begun_ns))

    assert rates == pytest.approx([10, 2, 40, 10], rel=0.1)


def test_a_file_can_be_slowed_down_but_not_hurried(tmp_path: Path, clock: FakeClock) -> None:
    """Its pictures are what there is."""
    path = write_video(tmp_path / "film.avi", 30, fps=10)
    watched = Watched(clock)
    with FileSource(FileCamera(path=str(path), loop=True), clock).open(watched) as stream:
        counts = []
        for fps in (None, 5.0, 100.0):
            watched.fps, end_ns, pictures = fps, clock.now_ns + 6_000_000_000, 0
            while clock.now_ns < end_ns:
                pictures += isinstance(stream.capture(), CapturedFrame)
            counts.append(pictures)

    assert counts == [pytest.approx(60, abs=2), pytest.approx(30, abs=2), pytest.approx(60, abs=2)]

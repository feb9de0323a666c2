"""The source `picamera2`, against an object that stands for the module picamera2.

It was never run on a Raspberry Pi here: this holds up what the source asks of the module, not what
the module does.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import simplejpeg

from camfan_config.types import Picamera2Camera, Size
from camfan_nodes.camera.encode import Encoder
from camfan_nodes.camera.picamera import MissingLibraryError, Picamera2Source
from camfan_nodes.camera.source import CapturedFrame, FinalSourceError, Idle, SourceError
from camfan_nodes.camera.sources import source_of
from camfan_testing.cameras import FakeClock

WIDTH, HEIGHT, STRIDE = 60, 40, 64


class Request:
    """A completed request with one YUV420 picture: white, in padded lines."""

    def __init__(self, metadata: dict[str, Any], size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
        self.released = 0
        self._metadata = metadata
        self._size = size

    def get_metadata(self) -> dict[str, Any]:
        return self._metadata

    def make_buffer(self, name: str) -> np.ndarray:
        assert name == "main"
        width, height = self._size
        luma = np.zeros((height, STRIDE), np.uint8)
        luma[:, :width] = 255
        chroma = np.full((2 * ((height + 1) // 2), STRIDE // 2), 128, np.uint8)
        return np.concatenate((luma.ravel(), chroma.ravel()))

    def release(self) -> None:
        self.released += 1


class Camera:
    """Picamera2, as far as the source knows it."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.configuration: dict[str, Any] = {}
        self.jobs = 0
        self.closed = False

    def create_video_configuration(self, **asked: Any) -> dict[str, Any]:
        self._library.asked = asked
        return asked

    def configure(self, configuration: dict[str, Any]) -> None:
        self.configuration = configuration

    def camera_configuration(self) -> dict[str, Any]:
        return {"main": {"size": self._library.gives, "stride": STRIDE}}

    def start(self) -> None:
        if self._library.start_error:
            raise self._library.start_error

    def capture_request(self, *, wait: bool) -> str:
        assert not wait
        self.jobs += 1
        return "job"

    def wait(self, job: str, timeout: float) -> Request:
        assert job == "job"
        if not self._library.requests:
            raise TimeoutError
        return self._library.requests.pop(0)

    def close(self) -> None:
        self.closed = True


class Library:
    """The module picamera2 itself."""

    def __init__(self, *requests: Request, cameras: int = 1) -> None:
        self.requests = list(requests)
        self.start_error: Exception | None = None
        self.asked: dict[str, Any] = {}
        self.gives = (WIDTH, HEIGHT)
        self.made: list[Camera] = []
        library = self

        class Picamera2(Camera):
            def __init__(self, number: int) -> None:
                super().__init__(library)
                library.made.append(self)

            @staticmethod
            def global_camera_info() -> list[dict[str, Any]]:
                return [{"Model": "imx708", "Num": number} for number in range(cameras)]

        self.Picamera2 = Picamera2


def _source(library: Library, camera: Picamera2Camera | None = None) -> Picamera2Source:
    return Picamera2Source(camera or Picamera2Camera(), FakeClock(), library, "sycc")


def test_pictures_are_planes_without_padding() -> None:
    """YUV420 becomes planes of the real size, which encode to a JPEG."""
    request = Request({"FrameWallClock": 123_456_789})
    library = Library(request)

    with _source(library).open() as stream:
        picture = stream.capture()

    assert isinstance(picture, CapturedFrame)
    assert picture.captured_ns == 123_456_789
    image = simplejpeg.decode_jpeg(Encoder().encode(picture), colorspace="GRAY")
    assert image.shape[:2] == (HEIGHT, WIDTH)
    assert image.min() > 250
    assert request.released == 1
    assert library.made[0].closed


def test_a_picture_of_odd_size_is_whole() -> None:
    """Each of its pixels is published, also those that have a chroma sample for themselves."""
    library = Library(Request({}, (61, 41)))
    library.gives = (61, 41)

    with _source(library).open() as stream:
        picture = stream.capture()

    assert isinstance(picture, CapturedFrame)
    image = simplejpeg.decode_jpeg(Encoder().encode(picture), colorspace="BGR")
    assert image.shape == (41, 61, 3)
    assert image.min() > 250


def test_another_size_than_asked_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """libcamera gives the nearest that it can."""
    with _source(Library(Request({})), Picamera2Camera(size=Size(61, 41))).open() as stream:
        stream.capture()

    assert "camera module: asked for 61x41, libcamera gives 60x40" in caplog.text


def test_what_is_asked_of_the_camera() -> None:
    """Full-range YUV420 in the size and rate of the site file, with its controls, few buffers."""
    library = Library(Request({}))
    camera = Picamera2Camera(size=Size(640, 480), fps=10, controls={"AfMode": 0})

    with _source(library, camera).open() as stream:
        stream.capture()

    assert library.asked["main"] == {"size": (640, 480), "format": "YUV420"}
    assert library.asked["colour_space"] == "sycc"
    assert library.asked["controls"] == {"AfMode": 0, "FrameDurationLimits": (100_000, 100_000)}
    assert library.asked["queue"] is True


def test_without_a_wall_clock_the_sensor_time_is_used() -> None:
    """The time of exposure is reckoned from the clock that counts since boot."""
    clock = FakeClock()
    request = Request({"SensorTimestamp": clock.monotonic_ns() - 30_000_000})
    source = Picamera2Source(Picamera2Camera(), clock, Library(request), "sycc")

    with source.open() as stream:
        picture = stream.capture()

    assert isinstance(picture, CapturedFrame)
    assert picture.captured_ns == clock.wall_ns() - 30_000_000


def test_silence_asks_only_once() -> None:
    """While nothing comes, one request is waited for, in slices."""
    library = Library()

    with _source(library).open() as stream:
        assert [stream.capture(), stream.capture()] == [Idle.SILENT, Idle.SILENT]

    assert library.made[0].jobs == 1


def test_it_is_never_opened_twice() -> None:
    """A stall of a camera module ends the process: libcamera leaks when opened again."""
    assert not _source(Library()).reopens


def test_a_missing_module_is_said_with_what_is_there() -> None:
    """libcamera's list and the usual reason, the cable."""
    source = _source(Library(cameras=1), Picamera2Camera(camera=1))

    with pytest.raises(SourceError, match="libcamera finds imx708; is the ribbon"), source.open():
        pass


def test_a_module_that_cannot_be_started_ends_the_process() -> None:
    """Whatever libcamera raises comes out as one sentence, and the camera is closed."""
    library = Library()
    library.start_error = RuntimeError("Failed to start camera: Device or resource busy")

    with pytest.raises(FinalSourceError, match="Device or resource busy"), _source(library).open():
        pass

    assert library.made[0].closed


@pytest.mark.skipif(find_spec("picamera2") is not None, reason="picamera2 is installed here")
def test_without_picamera2_the_package_is_named() -> None:
    """On a machine without it, the command to install it is the error."""
    with pytest.raises(MissingLibraryError, match="sudo apt install -y python3-picamera2"):
        source_of("porch", Picamera2Camera(), FakeClock())

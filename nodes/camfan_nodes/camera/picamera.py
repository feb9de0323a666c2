"""The source `picamera2`: a camera module on the ribbon cable of a Raspberry Pi.

YUV frames go straight to the JPEG encoder. Opened once a process: libcamera leaks when it is
opened again, so a stall ends the process and systemd starts a fresh one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np

from camfan_config import CamfanError, Picamera2Camera
from camfan_nodes.camera.clock import Clock
from camfan_nodes.camera.pacing import Thinner
from camfan_nodes.camera.pixel_formats import Geometry, format_named
from camfan_nodes.camera.source import (
    FULL_DEMAND,
    SLICE_S,
    CapturedFrame,
    FinalSourceError,
    Idle,
    SkippedFrames,
    SourceCounts,
    SourceDemand,
    SourceError,
)

YU12 = format_named("yu12")  # what libcamera calls YUV420
SLOWEST_FPS = 1.0  # a sensor exposes no longer than some seconds; below, frames are left out
SIZE = (1280, 720)
BUFFERS = 3  # more fail on boards with little memory for cameras
CABLE = "is the ribbon cable seated at both ends?"


APT = (
    "sudo apt install -y python3-picamera2 --no-install-recommends,"
    " and a virtual environment made with --system-site-packages"
)

log = logging.getLogger(__name__)


class MissingLibraryError(CamfanError):
    """A library that pip cannot install is missing or broken."""


def make_source(_name: str, camera: Picamera2Camera, clock: Clock) -> Picamera2Source:
    """Raises MissingLibraryError."""
    try:
        library, colours = import_module("picamera2"), import_module("libcamera")
    except ImportError as exc:
        raise MissingLibraryError(f"a camera module needs picamera2: {APT}") from exc
    except ValueError as exc:  # numpy.dtype size changed: a library built for another numpy
        raise MissingLibraryError(
            "picamera2 finds libraries made for another numpy;"
            f" pip install --upgrade 'numpy>=2' 'simplejpeg>=1.9' ({exc})"
        ) from exc
    return Picamera2Source(camera, clock, library, colours.ColorSpace.Sycc())


class Picamera2Source:
    """`library` is the module picamera2 (or what stands for it in a test)."""

    def __init__(self, camera: Picamera2Camera, clock: Clock, library: Any, colour: Any) -> None:
        self.name = f"camera module {camera.camera}"
        self.reopens = False
        self.counts = SourceCounts()
        self._camera = camera
        self._clock = clock
        self._library = library
        self._colour = colour  # the full-range colour space that JPEG means

    def look(self) -> None:
        """What is plugged in is known once it is opened."""

    @contextmanager
    def open(self, demand: SourceDemand = FULL_DEMAND) -> Iterator[PicameraStream]:
        """Raises SourceError when the module is not there or another program has it."""
        found = self._library.Picamera2.global_camera_info()
        if self._camera.camera >= len(found):
            models = ", ".join(str(info.get("Model")) for info in found) or "none"
            raise SourceError(f"{self.name}: libcamera finds {models}; {CABLE}")
        try:
            device = self._library.Picamera2(self._camera.camera)
            try:
                yield PicameraStream(device, self._camera, self._clock, self._colour, demand)
            finally:
                device.close()
        except (RuntimeError, OSError) as exc:  # what libcamera's binding raises
            raise FinalSourceError(
                f"{self.name}: cannot be started; is it in use by another program? ({exc})"
            ) from exc


class PicameraStream:
    """The camera module while it runs."""

    def __init__(
        self,
        device: Any,
        camera: Picamera2Camera,
        clock: Clock,
        colour: Any,
        demand: SourceDemand = FULL_DEMAND,
    ) -> None:
        self._demand = demand
        slow = camera.fps is not None and camera.fps < SLOWEST_FPS
        self._thinner = Thinner(camera.fps if slow else None)  # else the camera keeps the rate
        size = (camera.size.width, camera.size.height) if camera.size else SIZE
        controls = dict(camera.controls)
        if camera.fps and not slow:
            frame_us = round(1e6 / camera.fps)
            controls["FrameDurationLimits"] = (frame_us, frame_us)
        configuration = device.create_video_configuration(
            main={"size": size, "format": "YUV420"},
            buffer_count=BUFFERS,
            queue=True,
            colour_space=colour,
            controls=controls,
        )
        device.configure(configuration)
        device.start()
        self._device = device
        self._clock = clock
        main = device.camera_configuration()["main"]
        width, height = given = main["size"]
        if tuple(given) != size:
            log.warning(
                "camera module: asked for %dx%d, libcamera gives %dx%d", *size, width, height
            )
        self._geometry = Geometry(width, height, main["stride"], full=True)
        self._job: Any = None
        self.description = f"camera module, {width}x{height} YUV420, encoded here"

    def capture(self) -> CapturedFrame | SkippedFrames | Idle:
        """The next frame. The request is always given back to the camera."""
        if self._job is None:
            self._job = self._device.capture_request(wait=False)
        try:
            request = self._device.wait(self._job, timeout=SLICE_S)
        except TimeoutError:
            return Idle.SILENT
        self._job = None
        try:
            if not self._thinner.keeps(self._clock.monotonic_ns() / 1e9, self._demand.fps):
                return Idle.PACED
            if not self._demand.wanted():
                return SkippedFrames()
            captured_ns = self._captured_ns(request.get_metadata())
            content = YU12.read(_bytes_of(request.make_buffer("main")), self._geometry)  # a copy
            return Idle.SILENT if content is None else CapturedFrame(content, captured_ns)
        finally:
            request.release()

    def _captured_ns(self, metadata: dict[str, Any]) -> int:
        """Wall clock of the exposure: from libcamera, or calculated from its boot clock."""
        wall = metadata.get("FrameWallClock")
        if wall:
            return int(wall)
        sensor = metadata.get("SensorTimestamp")
        age_ns = self._clock.monotonic_ns() - int(sensor) if sensor else 0
        return self._clock.wall_ns() - (age_ns if 0 <= age_ns < 10_000_000_000 else 0)


def _bytes_of(buffer: Any) -> memoryview:
    return np.ascontiguousarray(buffer, np.uint8).reshape(-1).data

"""From a camera of the site file to its source; only the library that it needs is imported."""

from __future__ import annotations

from importlib import import_module

from camfan_config.errors import CamfanError
from camfan_config.types import (
    Camera,
    FileCamera,
    HttpCamera,
    ImagesCamera,
    Picamera2Camera,
    RtspCamera,
    TestCamera,
    UpstreamCamera,
    V4l2Camera,
)
from camfan_nodes.camera.clock import Clock
from camfan_nodes.camera.source import CameraSource
from camfan_nodes.shared.command import ConfigurationError, MissingExtraError

EXTRA = "video"
APT = (
    "sudo apt install -y python3-picamera2 --no-install-recommends,"
    " and a virtual environment made with --system-site-packages"
)


class MissingLibraryError(CamfanError):
    """A library that pip cannot install is missing or broken."""


def source_of(name: str, camera: Camera, clock: Clock) -> CameraSource:
    """The source of one camera, not yet opened.

    Raises ConfigurationError for a camera without a node, MissingExtraError or
    MissingLibraryError where a library is not installed.
    """
    if isinstance(camera, TestCamera):
        from camfan_nodes.camera.pattern import TestSource

        return TestSource(name, camera, clock)
    if isinstance(camera, ImagesCamera):
        from camfan_nodes.camera.images import ImagesSource

        return ImagesSource(camera, clock)
    if isinstance(camera, V4l2Camera):
        from camfan_nodes.camera.v4l2 import V4l2Source

        return V4l2Source(camera, clock)
    if isinstance(camera, HttpCamera):
        from camfan_nodes.camera.http_camera import HttpSource

        return HttpSource(camera, clock)
    if isinstance(camera, FileCamera):
        _need("av", "PyAV", "a camera that is a file")
        from camfan_nodes.camera.video_file import FileSource

        return FileSource(camera, clock)
    if isinstance(camera, RtspCamera):
        _need("av", "PyAV", "an RTSP camera")
        from camfan_nodes.camera.rtsp import RtspSource

        return RtspSource(camera, clock)
    if isinstance(camera, Picamera2Camera):
        return _picamera_source(camera, clock)
    if isinstance(camera, UpstreamCamera):
        raise ConfigurationError(
            f"camera '{name}' is taken from '{camera.upstream}' by the broker itself; it has no "
            "node to start"
        )
    raise ConfigurationError(
        f"camera '{name}' is published by your own code (`source: custom`); it has no node to start"
    )


def _need(module: str, package: str, what: str) -> None:
    try:
        import_module(module)
    except ImportError as exc:
        raise MissingExtraError(what, package, EXTRA) from exc


def _picamera_source(camera: Picamera2Camera, clock: Clock) -> CameraSource:
    from camfan_nodes.camera.picamera import Picamera2Source

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

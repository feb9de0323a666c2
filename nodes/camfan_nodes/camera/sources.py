"""From a camera of the site file to its source: a table with one row for each kind of source.

A new source is a type in `camfan_config.types.sources`, a module here with `make_source`, and a
row. Only the module and the libraries of the source in question are imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

from camfan_config import (
    Camera,
    CameraBase,
    CustomCamera,
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


@dataclass(frozen=True, slots=True)
class SourceKind:
    """Where the source of one kind of camera is made, and what it needs."""

    module: str  # of camfan_nodes.camera, with `make_source(name, camera, clock)`
    words: str  # for messages: what needs PyAV
    needs_av: bool = False


SOURCES: Mapping[type[CameraBase], SourceKind] = {
    TestCamera: SourceKind("pattern", "a test picture"),
    ImagesCamera: SourceKind("images", "a folder of JPEGs"),
    V4l2Camera: SourceKind("v4l2", "a webcam"),
    HttpCamera: SourceKind("http_camera", "an HTTP camera"),
    FileCamera: SourceKind("video_file", "a camera that is a file", needs_av=True),
    RtspCamera: SourceKind("rtsp", "an RTSP camera", needs_av=True),
    Picamera2Camera: SourceKind("picamera", "a camera module"),
}


def source_of(name: str, camera: Camera, clock: Clock) -> CameraSource:
    """The source of one camera, not yet opened.

    Raises ConfigurationError for a camera without a node, MissingExtraError or
    MissingLibraryError where a library is not installed.
    """
    if isinstance(camera, UpstreamCamera):
        raise ConfigurationError(
            f"camera '{name}' is read from '{camera.upstream}' by the broker itself; it has no "
            "node to start"
        )
    if isinstance(camera, CustomCamera):
        raise ConfigurationError(
            f"camera '{name}' is published by your own code (`source: custom`); it has no node to "
            "start"
        )
    kind = SOURCES[type(camera)]
    if kind.needs_av:
        _import_av(kind.words)
    module = import_module(f"camfan_nodes.camera.{kind.module}")
    source: CameraSource = module.make_source(name, camera, clock)
    return source


def _import_av(words: str) -> None:
    try:
        import_module("av")
    except ImportError as exc:
        raise MissingExtraError(words, "PyAV", EXTRA) from exc

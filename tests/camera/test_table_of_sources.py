"""One row of a table is all that the nodes know of a source, besides its module."""

from __future__ import annotations

import threading
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from camfan_config import Camera, CameraBase, is_started, load_site
from camfan_nodes.camera.clock import NodeClock
from camfan_nodes.camera.source import SourceError
from camfan_nodes.camera.sources import SOURCES, SourceKind, source_of
from camfan_nodes.shared.command import ConfigurationError

SECTIONS = {
    "test": "{source: test}",
    "images": "{source: images, path: pictures}",
    "v4l2": "{source: v4l2, device: /dev/video-none}",
    "http": "{source: http, url: 'http://127.0.0.1:1/'}",
    "file": "{source: file, path: missing.mp4}",
    "rtsp": "{source: rtsp, url: 'rtsp://127.0.0.1:1/'}",
    "custom": "{source: custom}",
    "upstream": "{source: upstream, from: there}",
    "picamera2": "{source: picamera2}",
}
TYPES: tuple[type[CameraBase], ...] = get_args(Camera)


def test_each_camera_with_a_node_has_a_row() -> None:
    assert {kind.__struct_config__.tag for kind in TYPES} == set(SECTIONS)
    with_node = {kind for kind in TYPES if kind.__struct_config__.tag not in ("custom", "upstream")}
    assert set(SOURCES) == with_node


@pytest.mark.parametrize("tag", sorted(set(SECTIONS) - {"picamera2", "upstream"}))
def test_a_source_is_made_by_its_row(tmp_path: Path, tag: str) -> None:
    """Looking at it says what is missing before anything is started."""
    file = tmp_path / "site.yaml"
    file.write_text(f"version: 1\nsite: home\ncameras:\n  porch: {SECTIONS[tag]}\n")
    camera = load_site(file).cameras["porch"]
    clock = NodeClock(threading.Event())

    if not is_started(camera):
        with pytest.raises(ConfigurationError, match="it has no node to start"):
            source_of("porch", camera, clock)
        return
    source = source_of("porch", camera, clock)
    assert source.name
    if tag in ("images", "v4l2", "file"):
        with pytest.raises(SourceError, match=r"there is no (such|folder)"):
            source.look()
    else:
        source.look()


@pytest.mark.parametrize("kind", SOURCES.values(), ids=lambda kind: kind.module)
def test_each_row_names_a_module(kind: SourceKind) -> None:
    module = import_module(f"camfan_nodes.camera.{kind.module}")

    assert callable(module.make_source)

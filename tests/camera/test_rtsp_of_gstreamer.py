"""RTSP as GStreamer's server sends it: its own packets, transports and sender reports."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from camfan_config.types import RtspCamera
from camfan_nodes.camera.clock import NodeClock
from camfan_nodes.camera.rtsp import RtspSource
from camfan_nodes.camera.source import CapturedFrame
from camfan_testing.ages import SeenAge, look
from camfan_testing.gstreamer import FILMS, PACKAGES, find_gstreamer, gstreamer_command
from camfan_testing.processes import Process

PICTURES = 25


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if not find_gstreamer():
        pytest.skip(f"needs GStreamer's RTSP server: apt install {PACKAGES}")
    with Process(gstreamer_command()) as process:
        port = process.wait_for("port ").split()[-1]
        yield f"rtsp://127.0.0.1:{port}/"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("film", FILMS)
def test_its_pictures_are_as_old_as_is_said(server: str, film: str, transport: str) -> None:
    """Also where its encoder keeps pictures for more than a second, which nothing shows."""
    camera = RtspCamera(url=server + film, transport=transport)  # type: ignore[arg-type]  # one of two words
    found: list[SeenAge] = []
    with RtspSource(camera, NodeClock(threading.Event())).open() as stream:
        while len(found) < PICTURES:
            got = stream.capture()
            if isinstance(got, CapturedFrame):
                found.append(look(got))

    assert [one for one in found if not one.holds] == []

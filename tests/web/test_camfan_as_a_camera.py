"""The pages of one site as an HTTP camera of another: ages go along, placeholders do not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from camfan import Publisher
from camfan_config.types import HttpCamera
from camfan_nodes.camera.clock import NodeClock
from camfan_nodes.camera.http_camera import HttpSource
from camfan_nodes.camera.source import CapturedFrame, SourceError
from camfan_testing.jpegs import jpeg
from camfan_testing.live import wait_until
from camfan_testing.web import LiveWeb, live_web

OLD_S = 1.5


@pytest.fixture
def web(tmp_path: Path) -> Iterator[LiveWeb]:
    with live_web(tmp_path) as running:
        yield running


def _first(url: str, *, snapshot: bool) -> tuple[CapturedFrame, int]:
    """The first picture, and the wall clock when it was there. Raises SourceError."""
    camera = HttpCamera(url=url, snapshot=snapshot, stall_after=20)
    with HttpSource(camera, NodeClock(threading.Event())).open() as stream:
        while not isinstance(got := stream.capture(), CapturedFrame):
            pass
        return got, time.time_ns()


class _LateCamera(threading.Thread):
    """Publishes pictures that are OLD_S old already."""

    def __init__(self, publisher: Publisher) -> None:
        super().__init__()
        self._publisher = publisher
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.05):
            captured_ns = time.time_ns() - round(OLD_S * 1e9)
            self._publisher.publish(jpeg(320, 240, 3), captured_ns=captured_ns)


@pytest.mark.parametrize(
    ("path", "snapshot"), [("/stream/one.mjpg", False), ("/snapshot/one.jpg", True)]
)
def test_the_age_goes_along(web: LiveWeb, path: str, snapshot: bool) -> None:
    """What is said, with its error, is not younger than the picture is."""
    with Publisher(web.site, "one") as one:
        wait_until(lambda: one.clock.offset() is not None)
        late = _LateCamera(one)
        late.start()
        try:
            got, now_ns = _first(web.url + path, snapshot=snapshot)
        finally:
            late.over.set()
            late.join()

    assert got.content == jpeg(320, 240, 3)
    assert got.error_ns > 0
    assert now_ns - got.captured_ns + got.error_ns >= OLD_S * 1e9


def test_a_placeholder_does_not(web: LiveWeb) -> None:
    with pytest.raises(SourceError, match="a placeholder: its own camera is 'away'"):
        _first(f"{web.url}/stream/one.mjpg", snapshot=False)
    with pytest.raises(SourceError, match="a placeholder: its own camera is 'away'"):
        _first(f"{web.url}/snapshot/one.jpg?stale=picture", snapshot=True)

"""The source `v4l2` against a real kernel with three cameras of the driver vivid.

Not collected by itself: `test_webcams_in_a_kernel.py` runs it inside a small virtual machine.
"""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from camfan_config.types import Size, V4l2Camera
from camfan_nodes.camera.clock import NodeClock
from camfan_nodes.camera.devices import find_devices
from camfan_nodes.camera.encode import Encoder
from camfan_nodes.camera.pixel_formats import FORMATS
from camfan_nodes.camera.source import CapturedFrame, Idle, SourceError
from camfan_nodes.camera.v4l2 import V4l2Source
from camfan_nodes.camera.v4l2_device import Linux

BARS = (  # of vivid at 75 %, BGR
    (191, 191, 191), (0, 191, 191), (191, 191, 0), (0, 191, 0),
    (191, 0, 191), (0, 0, 191), (191, 0, 0), (0, 0, 0),
)  # fmt: skip
GREYS = (191, 177, 150, 137, 54, 41, 14, 0)  # vivid weighs them as BT.709 does


def _camera() -> str:
    devices = [device for device in find_devices(Linux()) if device.card == "vivid"]
    return devices[0].path


def _source(**options: object) -> V4l2Source:
    options = {"format": "yuyv", "size": Size(640, 360), **options}
    camera = V4l2Camera(device=_camera(), **options)  # type: ignore[arg-type]  # a few of them
    return V4l2Source(camera, NodeClock(threading.Event()))


def _next(stream: object) -> CapturedFrame:
    for _ in range(60):
        got = stream.capture()  # type: ignore[attr-defined]  # a stream of the source
        if isinstance(got, CapturedFrame):
            return got
    raise AssertionError("no picture")


def test_formats_are_listed() -> None:
    """The driver's formats, sizes and rates come out as the driver has them."""
    device = next(device for device in find_devices(Linux()) if device.card == "vivid")

    yuyv = next(offer for offer in device.offers if offer.fourcc == "YUYV")
    assert (640, 360, 40.0) in [(w, h, fps and round(fps, 1)) for w, h, fps in yuyv.sizes]


def test_pictures_are_captured() -> None:
    """Pictures come in the asked size, in colour, with rising times close to now."""
    with _source(fps=10.0).open() as stream:
        pictures = [_next(stream) for _ in range(4)]

    times = [picture.captured_ns for picture in pictures]
    assert times == sorted(set(times))
    image = simplejpeg.decode_jpeg(Encoder().encode(pictures[-1]), colorspace="BGR")
    assert image.shape == (360, 640, 3)
    assert image.std() > 20


@pytest.mark.parametrize("name", [row.name for row in FORMATS if row.parts is not None])
def test_colour_bars_have_their_colours(name: str) -> None:
    """In each format that is read; vivid writes text over the upper part of its bars."""
    with _source(format=name).open() as stream:
        picture = _next(stream)
        assert stream.description == f"vivid, 640x360 {name.upper()}, encoded here"
    image = simplejpeg.decode_jpeg(Encoder(quality=95).encode(picture), colorspace="BGR")
    assert image.shape == (360, 640, 3)

    found = [tuple(int(part) for part in image[340, 40 + 80 * bar]) for bar in range(8)]

    wanted = [(grey,) * 3 for grey in GREYS] if name == "grey" else BARS
    assert np.abs(np.subtract(found, wanted)).max() <= 12, found


def test_without_a_format_the_best_is_taken() -> None:
    """vivid gives no JPEGs, but NV12."""
    with _source(format=None).open() as stream:
        _next(stream)
        assert "640x360 NV12, encoded here" in stream.description


def test_a_device_of_several_planes_says_so() -> None:
    """The third vivid has buffers of several planes only; it is not listed as a webcam."""
    listed = {device.path for device in find_devices(Linux())}
    others = {str(path) for path in Path("/dev").glob("video[0-9]*")} - listed
    sentences = [_refusal(path) for path in sorted(others)]

    assert any("in buffers of several planes only" in sentence for sentence in sentences)


def _refusal(path: str) -> str:
    with pytest.raises(SourceError) as refused:
        V4l2Source(V4l2Camera(device=path), NodeClock(threading.Event())).open().__enter__()
    return str(refused.value)


def test_a_camera_is_opened_again_and_again() -> None:
    """Nothing is left behind that would keep the driver busy."""
    source = _source()
    for _ in range(5):
        with source.open() as stream:
            _next(stream)


def test_a_busy_camera_is_said_to_be_busy() -> None:
    """Two readers of one camera: the second gets an error that says so."""
    with (
        _source().open() as stream,
        pytest.raises(SourceError, match="it is used by another program"),
        _source().open(),
    ):
        _next(stream)


def test_a_camera_without_mjpg_says_what_it_has() -> None:
    """vivid gives no MJPG."""
    words = r"gives no MJPG; it offers .*YUYV \(format: yuyv\).*not readable here"

    with pytest.raises(SourceError, match=words), _source(format="mjpg").open():
        pass


def test_a_missing_camera_is_answered_with_those_there_are() -> None:
    """The devices of the machine are named, ready to be pasted."""
    source = V4l2Source(V4l2Camera(device="/dev/video99"), NodeClock(threading.Event()))

    with pytest.raises(SourceError, match=r"found .*/dev/video\d+ \(vivid\)"), source.open():
        pass


def test_an_unplugged_camera_ends_the_stream() -> None:
    """When the driver reports the device gone, capturing ends with a sentence."""
    path = Path("/sys/bus/platform/drivers/vivid")
    with _source().open() as stream:
        _next(stream)
        (path / "unbind").write_text("vivid.0")

        with pytest.raises(SourceError, match="it was unplugged"):
            list(iter(stream.capture, Idle.ENDED))
    (path / "bind").write_text("vivid.0")

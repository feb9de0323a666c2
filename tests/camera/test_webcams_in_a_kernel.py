"""The source `v4l2` against a real kernel: the driver vivid, in a small virtual machine.

`vm-run` (any program of that name on the path) starts it:
`vm-run --module vivid=… -- python -m pytest FILE` runs this file again inside.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import simplejpeg

from camfan_config.types import Size, V4l2Camera
from camfan_nodes.camera.clock import NodeClock
from camfan_nodes.camera.devices import find_devices
from camfan_nodes.camera.encode import Encoder
from camfan_nodes.camera.source import Idle, Picture, SourceError
from camfan_nodes.camera.v4l2 import V4l2Source
from camfan_nodes.camera.v4l2_device import Linux

INSIDE = "CAMFAN_TEST_VIVID"
REPOSITORY = Path(__file__).resolve().parents[2]

inside = pytest.mark.skipif(INSIDE not in os.environ, reason="runs inside the virtual machine")


@pytest.mark.timeout(400)
@pytest.mark.skipif(shutil.which("vm-run") is None, reason="needs the program vm-run on the path")
@pytest.mark.skipif(INSIDE in os.environ, reason="this is the virtual machine")
def test_with_a_real_driver(tmp_path: Path) -> None:
    """All tests below pass on a kernel with two vivid cameras."""
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "--rootdir", str(REPOSITORY)]
    command += ["-c", str(REPOSITORY / "pyproject.toml"), str(Path(__file__).resolve())]
    done = subprocess.run(
        ["vm-run", "--module", "vivid=n_devs=2", "--", "env", f"{INSIDE}=1", *command],
        env={**os.environ, "VM_SHARE": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=390,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def _camera() -> str:
    devices = [device for device in find_devices(Linux()) if device.card == "vivid"]
    return devices[0].path


def _source(**options: object) -> V4l2Source:
    camera = V4l2Camera(device=_camera(), format="yuyv", size=Size(640, 360), **options)  # type: ignore[arg-type]  # fps
    return V4l2Source(camera, NodeClock(threading.Event()))


def _next(stream: object) -> Picture:
    for _ in range(60):
        got = stream.capture()  # type: ignore[attr-defined]  # a stream of the source
        if isinstance(got, Picture):
            return got
    raise AssertionError("no picture")


@inside
def test_formats_are_listed() -> None:
    """The driver's formats, sizes and rates come out as the driver has them."""
    device = next(device for device in find_devices(Linux()) if device.card == "vivid")

    yuyv = next(offer for offer in device.offers if offer.fourcc == "YUYV")
    assert (640, 360, 40.0) in [(w, h, fps and round(fps, 1)) for w, h, fps in yuyv.sizes]


@inside
def test_pictures_are_captured() -> None:
    """Pictures come in the asked size, in colour, with rising times close to now."""
    with _source(fps=10.0).open() as stream:
        pictures = [_next(stream) for _ in range(4)]

    times = [picture.captured_ns for picture in pictures]
    assert times == sorted(set(times))
    image = simplejpeg.decode_jpeg(Encoder().encode(pictures[-1]), colorspace="BGR")
    assert image.shape == (360, 640, 3)
    assert image.std() > 20


@inside
def test_a_camera_is_opened_again_and_again() -> None:
    """Nothing is left behind that would keep the driver busy."""
    source = _source()
    for _ in range(5):
        with source.open() as stream:
            _next(stream)


@inside
def test_a_busy_camera_is_said_to_be_busy() -> None:
    """Two readers of one camera: the second is told so."""
    with (
        _source().open() as stream,
        pytest.raises(SourceError, match="it is used by another program"),
        _source().open(),
    ):
        _next(stream)


@inside
def test_a_camera_without_mjpg_says_what_it_has() -> None:
    """vivid gives no MJPG."""
    source = V4l2Source(V4l2Camera(device=_camera()), NodeClock(threading.Event()))

    with pytest.raises(SourceError, match="gives no MJPG; it offers YUYV"), source.open():
        pass


@inside
def test_a_missing_camera_is_answered_with_those_there_are() -> None:
    """The devices of the machine are named, ready to be pasted."""
    source = V4l2Source(V4l2Camera(device="/dev/video99"), NodeClock(threading.Event()))

    with pytest.raises(SourceError, match=r"found .*/dev/video\d+ \(vivid\)"), source.open():
        pass


@inside
def test_an_unplugged_camera_ends_the_stream() -> None:
    """When the driver reports the device gone, capturing ends with a sentence."""
    path = Path("/sys/bus/platform/drivers/vivid")
    with _source().open() as stream:
        _next(stream)
        (path / "unbind").write_text("vivid.0")

        with pytest.raises(SourceError, match="it was unplugged"):
            list(iter(stream.capture, Idle.ENDED))
    (path / "bind").write_text("vivid.0")

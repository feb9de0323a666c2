"""Pictures of 64 megapixels, and those beyond what a site takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from camfan import Subscriber
from camfan_config import Limits
from camfan_config.types import FileCamera, ImagesCamera
from camfan_nodes.camera.encode import encoder_of
from camfan_nodes.camera.source import CapturedFrame, Planes
from camfan_testing.cameras import Content
from camfan_testing.jpegs import jpeg, with_orientation
from camfan_testing.processes import camfan, running_broker
from camfan_testing.sites import write_site
from camfan_wire.errors import WireError

WIDTH, HEIGHT = 9248, 6944
COMMENT = b"\xff\xfe\xff\xff" + bytes(65_533)


@pytest.fixture(scope="module")
def large() -> bytes:
    """64 megapixels and 20 MB: a grey slope, and comments before its size."""
    row = np.linspace(0, 255, WIDTH).astype(np.uint8)
    slope = np.broadcast_to(row, (HEIGHT, WIDTH))
    encoded: bytes = simplejpeg.encode_jpeg_yuv_planes(np.ascontiguousarray(slope), None, None)
    return encoded[:2] + 305 * COMMENT + encoded[2:]


def site_of(folder: Path, picture: bytes, limits: str) -> Path:
    pictures = folder / "valley"
    pictures.mkdir()
    (pictures / "1.jpg").write_bytes(picture)
    sections = f"""security: {{limits: {limits}}}
cameras:
  valley: {{source: images, path: valley, loop: true, fps: 2}}
"""
    return write_site(folder, sections, memory="256MB").path


def test_a_site_that_takes_them(tmp_path: Path, large: bytes) -> None:
    """They arrive byte for byte, and are decoded at a scale."""
    site = site_of(tmp_path, large, "{pixels: 65000000, frame: 40MB}")
    with (
        running_broker(site),
        Subscriber(site, ["valley"]) as frames,
        camfan("camera", "valley", "--config", str(site)),
    ):
        frame = frames.read(30)

    assert (frame.width, frame.height) == (WIDTH, HEIGHT)
    assert bytes(frame.jpeg) == large
    small = frame.gray(1 / 8)
    assert small.shape == (HEIGHT // 8, WIDTH // 8)
    assert abs(int(small[10, 10]) - 0) < 5 < 250 < int(small[10, -10])


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ("{frame: 40MB}", "9248x6944, which are 64218112 pixels; this site takes 50000000: raise"),
        ("{pixels: 65000000}", "bytes; this site takes 16000000: raise"),
    ],
)
def test_a_site_that_does_not(tmp_path: Path, large: bytes, limits: str, words: str) -> None:
    """The camera says which limit it is, what it is, and which key raises it."""
    site = site_of(tmp_path, large, limits)
    key = "pixels" if "pixels" in words else "frame"
    with (
        running_broker(site),
        Subscriber(site, ["valley"]) as frames,
        camfan("camera", "valley", "--config", str(site)) as node,
    ):
        line = node.wait_for("a frame is left out")
        with pytest.raises(TimeoutError):
            frames.read(0.1)

    assert words in line
    assert f"`security.limits.{key}`" in line


@pytest.mark.parametrize("kind", ["turned", "planes", "bgr"])
def test_what_is_too_large_is_not_decoded_or_encoded(kind: str) -> None:
    """The size is looked at before any work is done."""
    contents: dict[str, Content] = {
        "turned": with_orientation(jpeg(64, 48), 6),
        "planes": Planes(*(np.zeros((48, 64), np.uint8) for _ in range(3))),  # cannot be encoded
        "bgr": np.zeros((48, 64, 3), np.uint8),
    }
    encoder = encoder_of(FileCamera(path="x"), Limits(pixels=3071))

    with pytest.raises(WireError, match=r"security\.limits\.pixels") as refused:
        encoder.encode(CapturedFrame(contents[kind], 0))

    assert refused.value.reason == "too-large"


def test_a_picture_that_passes_through_is_not_looked_at_twice() -> None:
    """Its limits are those of the publisher, which reads its size in any case."""
    data = jpeg(64, 48)

    assert (
        encoder_of(ImagesCamera(path="x"), Limits(pixels=3071)).encode(CapturedFrame(data, 0))
        is data
    )

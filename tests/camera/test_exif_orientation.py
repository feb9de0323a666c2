"""JPEGs with an EXIF orientation: what a camera publishes is upright, whatever shows it."""

from __future__ import annotations

import urllib.request
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from camfan import Frame, Publisher, Subscriber, upright
from camfan_config import load_site
from camfan_config.types import FileCamera, HttpCamera, Size
from camfan_nodes.camera.encode import Encoder, JpegDecodeError, encoder_of
from camfan_nodes.camera.privacy import Paint
from camfan_nodes.camera.source import CapturedFrame, Idle
from camfan_nodes.camera.video_file import FileSource
from camfan_nodes.monitor.board import ArrivedFrame
from camfan_nodes.monitor.observer import Arrival
from camfan_nodes.motion.video import Video
from camfan_nodes.viewer.decoder import decode
from camfan_nodes.web.web_frame import scaled
from camfan_testing.cameras import FakeClock
from camfan_testing.jpegs import CORNERS, cornered, corners_of, jpeg, stored_turned
from camfan_testing.live import live_broker, publish_first
from camfan_testing.ports import free_ports
from camfan_testing.processes import camfan, running_broker
from camfan_testing.sites import write_site
from camfan_testing.web import web_server
from camfan_wire.errors import NotUprightError, WireError
from camfan_wire.exif import orientation

WAYS = range(1, 9)
TURNED = range(2, 9)
Image = NDArray[np.uint8]


def stored(jpeg: bytes) -> Image:
    """The pixels as they are stored."""
    return cast(Image, simplejpeg.decode_jpeg(jpeg, colorspace="BGR"))


def shown(jpeg: bytes) -> Image:
    """The picture as programs show it that turn by EXIF: browsers, OpenCV."""
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize("way", TURNED)
def test_a_picture_is_turned_before_it_is_published(way: int) -> None:
    """Every orientation comes out upright, in its upright size, and without orientation."""
    made = Encoder().make(CapturedFrame(stored_turned(cornered(96, 64), way), 0))

    assert (made.encoded, made.orientation, orientation(made.jpeg)) == (True, way, 1)
    assert stored(made.jpeg).shape == (64, 96, 3)
    assert corners_of(stored(made.jpeg)) == corners_of(shown(made.jpeg)) == CORNERS


def test_an_upright_picture_passes_untouched() -> None:
    """One that says so, and one that says nothing, are the very same bytes afterwards."""
    for data in (jpeg(), stored_turned(cornered(), 1)):
        made = Encoder().make(CapturedFrame(data, 0))

        assert made.jpeg is data
        assert not made.encoded


def test_the_quality_is_that_of_the_camera() -> None:
    """What has to be encoded follows `quality`, as everywhere."""
    noise = np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8)
    picture = CapturedFrame(stored_turned(noise, 6), 0)

    sizes = [len(Encoder(quality=quality).encode(picture)) for quality in (20, 60, 95)]

    assert sizes == sorted(set(sizes))
    assert len(Encoder(quality=95).encode(picture, 20)) == sizes[0]


@pytest.mark.parametrize("way", WAYS)
def test_rotate_and_privacy_apply_to_the_upright_picture(way: int) -> None:
    """EXIF first, then `size`, then `rotate`, then `privacy`, in shares of what is published."""
    quarter = [(0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.0, 0.5)]
    encoder = Encoder(rotate=90, size=Size(192, 128), paint=Paint([quarter]))

    image = stored(encoder.encode(CapturedFrame(stored_turned(cornered(96, 64), way), 0)))

    assert image.shape == (192, 128, 3)
    assert image[:90, :60].max() < 16  # blue went there, and was painted black
    image[:90, :60] = (255, 0, 0)
    assert corners_of(image) == "blue red white green"


@pytest.mark.parametrize("changes", [{}, {"rotate": 180}, {"size": Size(48, 32)}])
@pytest.mark.parametrize("way", WAYS)
def test_videos_of_such_pictures(tmp_path: Path, way: int, changes: dict[str, object]) -> None:
    """MJPEG in AVI: FFmpeg knows the orientation too, and nothing is turned twice."""
    path = write_avi(tmp_path / "phone.avi", stored_turned(cornered(96, 64), way))
    camera = FileCamera(path=str(path), **changes)  # type: ignore[arg-type]  # a few options

    with FileSource(camera, FakeClock()).open() as stream:
        picture = stream.capture()
        while picture is Idle.PACED:
            picture = stream.capture()
    assert isinstance(picture, CapturedFrame)
    image = stored(encoder_of(camera).encode(picture))

    assert image.shape == ((32, 48, 3) if "size" in changes else (64, 96, 3))
    turned = "rotate" in changes
    assert corners_of(image) == ("white blue green red" if turned else CORNERS)


@pytest.mark.parametrize("way", WAYS)
def test_motion_is_tried_on_the_upright_picture(tmp_path: Path, way: int) -> None:
    """`camfan motion try` sees a video as the camera would publish it."""
    path = write_avi(tmp_path / "phone.avi", stored_turned(cornered(96, 64), way))

    with Video(path) as video:
        gray = next(iter(video.pictures(10))).gray

    assert gray.shape == (64, 96)
    assert gray_corners(gray) == sorted(gray_corners(gray))


def gray_corners(gray: Image) -> list[int]:
    """Of an upright picture: blue, red, green, white, which rise."""
    return [int(gray[row, column]) for row, column in ((-5, 4), (4, 4), (4, -5), (-5, -5))]


def write_avi(path: Path, data: bytes) -> Path:
    """Three times the same picture."""
    height, width = simplejpeg.decode_jpeg_header(data)[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj444p"
        for number in range(3):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, 10)
            packet.pts = packet.dts = number
            container.mux(packet)
    return path


@pytest.mark.parametrize("way", TURNED)
def test_the_library_refuses_what_is_not_upright(tmp_path: Path, way: int) -> None:
    """The error says what to do, and doing it helps."""
    data = stored_turned(cornered(), way)
    with live_broker(tmp_path, "one") as live, Publisher(live.site, "one") as one:
        publish_first(one)
        with pytest.raises(ValueError, match=r"camfan\.upright") as refused:
            one.publish(data)
        assert isinstance(refused.value, NotUprightError)
        assert one.counts.refused == 1
        assert one.publish(upright(data))
        with Subscriber(live.site, ["one"]) as frames:
            frame = frames.read(10)
            while (frame.width, frame.height) != (96, 64):
                frame = frames.read(10)

    assert corners_of(frame.image()) == CORNERS


def test_making_upright_keeps_what_is_upright() -> None:
    assert upright(jpeg()) is jpeg()
    loose, tight = (upright(stored_turned(cornered(), 5), quality=q) for q in (95, 20))
    assert len(tight) < len(loose)


def test_everything_shows_the_same_way_up(tmp_path: Path) -> None:
    """A folder with a picture of each orientation, seen by all that camfan shows it with."""
    folder = tmp_path / "phone"
    folder.mkdir()
    for way in WAYS:
        image = cornered(96, 64)
        image[24:40, 40:56] = 30 * way
        (folder / f"{way}.jpg").write_bytes(stored_turned(image, way))
    (port,) = free_ports(1)
    written = write_site(
        tmp_path,
        f"""cameras:
  phone: {{source: images, path: phone, fps: 20, loop: true}}
web: {{listen: "127.0.0.1:{port}", state: state}}
""",
    )
    seen: set[int] = set()
    with (
        running_broker(written.path),
        Subscriber(written.path, ["phone"]) as frames,
        camfan("camera", "phone", "--config", str(written.path)) as node,
        web_server(load_site(written.path)) as (url, _),
    ):
        while seen != set(WAYS):
            frame = frames.read(20)
            seen.add(which(frame.image()))
            check_every_view(frame)
        with urllib.request.urlopen(f"{url}/snapshot/phone.jpg", timeout=20) as answer:
            snapshot = answer.read()
        assert node.output.count("EXIF orientation") == 1
        assert "camera phone: its JPEGs have EXIF orientation" in node.output

    assert corners_of(shown(snapshot)) == corners_of(stored(snapshot)) == CORNERS


def which(image: Image) -> int:
    """Of which orientation the picture was, as written in its middle."""
    return round(float(image[32, 48].mean()) / 30)


def check_every_view(frame: Frame) -> None:
    assert (frame.width, frame.height) == (96, 64)
    assert corners_of(frame.image()) == CORNERS
    assert corners_of(shown(bytes(frame.jpeg))) == CORNERS
    assert gray_corners(frame.gray()) == sorted(gray_corners(frame.gray()))
    tile = scaled(frame, 4)
    assert tile is not None
    assert shown(tile).shape == (32, 48, 3)
    assert corners_of(shown(tile)) == CORNERS
    window = decode(ArrivedFrame(frame, Arrival(0.0, frame.captured, None)), 96, 64).rgb
    assert window is not None
    assert corners_of(np.ascontiguousarray(window[:, :, ::-1])) == CORNERS


def test_a_snapshot_camera_with_a_size(tmp_path: Path) -> None:
    """`size` is that of the upright picture."""
    encoder = encoder_of(HttpCamera(url="http://x/", size=Size(64, 96)))

    image = stored(encoder.encode(CapturedFrame(stored_turned(cornered(64, 96), 6), 0)))

    assert image.shape == (96, 64, 3)
    assert corners_of(image) == CORNERS


def test_a_marked_picture_that_cannot_be_decoded_is_refused() -> None:
    """It is one bad picture, not the end of the node."""
    data = stored_turned(cornered(), 6)

    with pytest.raises((JpegDecodeError, WireError)):
        Encoder().encode(CapturedFrame(data[:200] + data[-2:], 0))

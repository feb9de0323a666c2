"""The source `v4l2`, against a device layer that behaves as drivers do, and misbehaves as they do.

The same source against a real driver: test_webcams_in_a_kernel.py.
"""

from __future__ import annotations

import ctypes
import errno
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from camfan_config.types import Size, V4l2Camera
from camfan_nodes.camera import v4l2_abi as abi
from camfan_nodes.camera.devices import find_devices
from camfan_nodes.camera.encode import Encoder
from camfan_nodes.camera.listing import describe
from camfan_nodes.camera.source import CapturedFrame, Idle, Planes, SkippedFrames, SourceError
from camfan_nodes.camera.v4l2 import V4l2Source
from camfan_nodes.camera.v4l2_device import BUFFERS, MIN_BUFFERS, Argument, Linux, Memory
from camfan_testing.cameras import FakeClock
from camfan_testing.jpegs import jpeg

DEVICE = "/dev/video0"


@dataclass
class Filled:
    """What the driver has ready: a picture, or an error of DQBUF."""

    data: bytes = b""
    sequence: int = 0
    flags: int = abi.FLAG_TIMESTAMP_MONOTONIC
    age_ms: int = 0
    failure: int = 0


@dataclass
class FakeKernel:
    """One webcam, as the kernel shows it. `errors` maps a request to the errno it fails with."""

    clock: FakeClock
    formats: tuple[str, ...] = ("MJPG", "YUYV")
    size: tuple[int, int] = (64, 48)
    card: bytes = b"HD Webcam C999"
    caps: int = abi.CAP_VIDEO_CAPTURE | abi.CAP_STREAMING
    quantization: int = 0
    colorspace: int = 0
    line: int = 0
    errors: dict[int, int] = field(default_factory=dict)
    open_error: int = 0
    ready: list[Filled] = field(default_factory=list)
    queued: list[int] = field(default_factory=list)
    streaming: bool = False
    opened: int = 0
    unplugged: bool = False
    asked_fps: float | None = None
    pixelformat: int = abi.MJPG

    def __post_init__(self) -> None:
        self._memory = [bytearray(64 * 48 * 4) for _ in range(BUFFERS)]

    def open(self, path: str) -> int:
        if self.open_error or path != DEVICE:
            code = self.open_error or errno.ENOENT
            raise OSError(code, os.strerror(code))
        self.opened += 1
        return 7

    def close(self, handle: int) -> None:
        self.opened -= 1

    def map(self, handle: int, length: int, offset: int) -> Memory:
        return self._memory[offset]

    def readable(self, handle: int, timeout_s: float) -> bool:
        if self.unplugged:
            raise OSError(errno.ENODEV, "No such device")
        if not self.ready:
            self.clock.wait(timeout_s)
        return bool(self.ready)

    def ioctl(self, handle: int, request: int, argument: Argument) -> None:
        if code := self.errors.get(request, errno.ENODEV if self.unplugged else 0):
            raise OSError(code, os.strerror(code))
        handlers = {
            abi.QUERYCAP: self._querycap,
            abi.ENUM_FMT: self._enum_fmt,
            abi.ENUM_FRAMESIZES: self._enum_sizes,
            abi.ENUM_FRAMEINTERVALS: self._enum_intervals,
            abi.G_FMT: self._g_fmt,
            abi.S_FMT: self._s_fmt,
            abi.S_PARM: self._s_parm,
            abi.REQBUFS: self._reqbufs,
            abi.QUERYBUF: self._querybuf,
            abi.QBUF: self._qbuf,
            abi.DQBUF: self._dqbuf,
            abi.STREAMON: self._streamon,
            abi.STREAMOFF: self._streamoff,
        }
        handlers[request](argument)

    def _querycap(self, argument: Argument) -> None:
        assert isinstance(argument, abi.Capability)
        argument.card, argument.bus_info = self.card, b"usb-0000:01:00.0-1.3"
        argument.capabilities = abi.CAP_DEVICE_CAPS | 0xFF
        argument.device_caps = self.caps

    def _enum_fmt(self, argument: Argument) -> None:
        assert isinstance(argument, abi.FormatDescription)
        if argument.index >= len(self.formats):
            raise OSError(errno.EINVAL, "Invalid argument")
        argument.pixelformat = abi.fourcc(self.formats[argument.index])

    def _enum_sizes(self, argument: Argument) -> None:
        assert isinstance(argument, abi.FrameSize)
        sizes = [(640, 480), (1280, 720), (1920, 1080)]
        if argument.index >= len(sizes):
            raise OSError(errno.EINVAL, "Invalid argument")
        argument.type = abi.SIZE_DISCRETE
        argument.discrete.width, argument.discrete.height = sizes[argument.index]

    def _enum_intervals(self, argument: Argument) -> None:
        assert isinstance(argument, abi.FrameInterval)
        if argument.index >= 2:
            raise OSError(errno.EINVAL, "Invalid argument")
        argument.type = abi.INTERVAL_DISCRETE
        argument.discrete.numerator, argument.discrete.denominator = 1, (30, 15)[argument.index]

    def _g_fmt(self, argument: Argument) -> None:
        assert isinstance(argument, abi.Format)
        argument.pix.width, argument.pix.height = self.size

    def _s_fmt(self, argument: Argument) -> None:
        assert isinstance(argument, abi.Format)
        pix = argument.pix
        pix.width, pix.height = self.size
        if abi.fourcc_text(pix.pixelformat) not in self.formats:
            pix.pixelformat = abi.fourcc(self.formats[0])
        self.pixelformat = pix.pixelformat
        pix.bytesperline = self.line or pix.width * 2 * (pix.pixelformat == abi.YUYV)
        pix.sizeimage = pix.bytesperline * pix.height
        pix.quantization, pix.colorspace = self.quantization, self.colorspace

    def _s_parm(self, argument: Argument) -> None:
        assert isinstance(argument, abi.StreamParameters)
        rate = argument.capture.timeperframe
        self.asked_fps = rate.denominator / rate.numerator

    def _reqbufs(self, argument: Argument) -> None:
        assert isinstance(argument, abi.RequestBuffers)
        assert MIN_BUFFERS <= argument.count <= BUFFERS

    def _querybuf(self, argument: Argument) -> None:
        assert isinstance(argument, abi.Buffer)
        argument.length, argument.offset = len(self._memory[0]), argument.index

    def _qbuf(self, argument: Argument) -> None:
        assert isinstance(argument, abi.Buffer)
        assert argument.index not in self.queued
        self.queued.append(argument.index)

    def _dqbuf(self, argument: Argument) -> None:
        assert isinstance(argument, abi.Buffer)
        filled = self.ready.pop(0)
        if filled.failure:
            raise OSError(filled.failure, os.strerror(filled.failure))
        argument.index = self.queued.pop(0)
        self._memory[argument.index][: len(filled.data)] = filled.data
        argument.bytesused, argument.sequence = len(filled.data), filled.sequence
        argument.flags = filled.flags
        at_us = self.clock.now_ns // 1000 - filled.age_ms * 1000
        argument.timestamp.seconds, argument.timestamp.microseconds = divmod(at_us, 1_000_000)

    def _streamon(self, argument: Argument) -> None:
        self.streaming = True

    def _streamoff(self, argument: Argument) -> None:
        self.streaming = False
        self.queued.clear()


def _taken(
    kernel: FakeKernel, camera: V4l2Camera | None = None
) -> list[CapturedFrame | SkippedFrames | Idle]:
    """What each capture of one opening gives, until the driver has no more."""
    source = V4l2Source(camera or V4l2Camera(), kernel.clock, kernel)
    found: list[CapturedFrame | SkippedFrames | Idle] = []
    with source.open() as stream:
        while kernel.ready:
            found.append(stream.capture())
            assert len(kernel.queued) == BUFFERS, "a buffer did not go back to the driver"
    return found


def _trouble(kernel: FakeKernel, camera: V4l2Camera | None = None) -> str:
    with pytest.raises(SourceError) as caught:
        _taken(kernel, camera)
    assert kernel.opened == 0
    return str(caught.value)


def test_layouts_are_those_of_the_kernel() -> None:
    """Sizes and numbers that every 64-bit Linux expects (videodev2.h)."""
    sizes = {
        abi.Capability: 104, abi.FormatDescription: 64, abi.FrameSize: 44, abi.FrameInterval: 52,
        abi.Format: 208, abi.StreamParameters: 204, abi.RequestBuffers: 20, abi.Buffer: 88,
    }  # fmt: skip
    assert {kind: ctypes.sizeof(kind) for kind in sizes} == sizes
    assert abi.Format.pix.offset == 8
    assert (abi.Buffer.timestamp.offset, abi.Buffer.m.offset, abi.Buffer.length.offset) == (
        24, 64, 72,
    )  # fmt: skip
    assert abi.QUERYCAP == 0x80685600
    assert abi.S_FMT == 0xC0D05605
    assert abi.DQBUF == 0xC0585611
    assert abi.STREAMON == 0x40045612
    assert abi.S_PARM == 0xC0CC5616


def test_formats_have_names() -> None:
    """Also those with the bit that says big-endian."""
    assert abi.fourcc_text(abi.MJPG) == "MJPG"
    assert abi.fourcc_text(abi.fourcc("Y16 ") | 1 << 31) == "Y16-BE"


def test_mjpg_goes_through_untouched() -> None:
    """What the webcam encoded is what is published, with the time of its capture."""
    kernel = FakeKernel(FakeClock())
    pictures = [jpeg(64, 48, seed) for seed in range(9)]
    kernel.ready = [Filled(data, sequence, age_ms=40) for sequence, data in enumerate(pictures)]

    found = _taken(kernel)

    assert found == [CapturedFrame(data, kernel.clock.wall_ns() - 40_000_000) for data in pictures]
    assert not kernel.streaming
    assert kernel.opened == 0


def test_raw_pixels_are_handed_on_in_jpeg_colours() -> None:
    """YUYV becomes 4:2:0 in full range: black is 0 and white 255, and grey is grey."""
    width, height = 64, 48
    pixels = np.full((height, width // 2, 4), (16, 128, 235, 128), np.uint8)
    kernel = FakeKernel(FakeClock())
    kernel.ready = [Filled(pixels.tobytes(), 0)]

    [picture] = _taken(kernel, V4l2Camera(format="yuyv"))

    assert isinstance(picture, CapturedFrame)
    image = simplejpeg.decode_jpeg(Encoder(quality=100).encode(picture), colorspace="BGR")
    assert image.shape == (height, width, 3)
    assert image[:, 0::2].max() < 3
    assert image[:, 1::2].min() > 252


@pytest.mark.parametrize(
    ("quantization", "colorspace", "levels"),
    [
        (0, 0, {0, 255}),
        (abi.QUANTIZATION_LIMITED, abi.COLORSPACE_JPEG, {0, 255}),
        (abi.QUANTIZATION_FULL, 0, {16, 235}),
        (0, abi.COLORSPACE_JPEG, {16, 235}),
    ],
)
def test_full_range_pixels_are_not_stretched(
    quantization: int, colorspace: int, levels: set[int]
) -> None:
    """A webcam that says full range is taken at its word."""
    pixels = np.full((48, 32, 4), (16, 100, 235, 150), np.uint8)
    kernel = FakeKernel(FakeClock(), quantization=quantization, colorspace=colorspace)
    kernel.ready = [Filled(pixels.tobytes(), 0)]

    [picture] = _taken(kernel, V4l2Camera(format="yuyv"))

    assert isinstance(picture, CapturedFrame)
    assert isinstance(picture.content, Planes)
    assert set(picture.content.y.ravel()) == levels


def test_lines_are_as_long_as_the_driver_says() -> None:
    """The padding behind each line is not part of the picture."""
    pixels = np.full((48, 64 + 16), 99, np.uint8)
    pixels[:, :64] = 200
    kernel = FakeKernel(FakeClock(), formats=("GREY",), line=80)
    kernel.ready = [Filled(pixels.tobytes(), 0)]

    [picture] = _taken(kernel)

    assert isinstance(picture, CapturedFrame)
    assert isinstance(picture.content, Planes)
    assert set(picture.content.y.ravel()) == {200}


@pytest.mark.parametrize(
    ("offered", "options", "words"),
    [
        (("YUYV", "MJPG"), {}, "64x48 MJPG, passed through"),
        (("YUYV", "JPEG"), {}, "64x48 MJPG, passed through"),
        (("YUYV", "NV12", "H264"), {}, "64x48 NV12, encoded here"),
        (("MJPG", "UYVY"), {"rotate": 180}, "64x48 UYVY, encoded here"),
        (("MJPG",), {"flip": "vertical"}, "64x48 MJPG, encoded here"),
        (("MJPG", "YU12"), {"format": "yu12"}, "64x48 YU12, encoded here"),
    ],
)
def test_without_a_format_the_best_that_is_offered_is_taken(
    offered: tuple[str, ...], options: dict[str, object], words: str
) -> None:
    """JPEGs as they are, or pixels, if the site file asks for a change; and it is said."""
    kernel = FakeKernel(FakeClock(), formats=offered)
    source = V4l2Source(V4l2Camera(**options), kernel.clock, kernel)  # type: ignore[arg-type]  # a few options

    with source.open() as stream:
        assert stream.description == f"HD Webcam C999, {words}"


def test_colours_of_high_definition_are_said_to_be_off() -> None:
    """JPEG has the colours of BT.601; others are not converted, and not in silence."""
    kernel = FakeKernel(FakeClock(), formats=("NV12",), colorspace=abi.COLORSPACE_REC709)

    with V4l2Source(V4l2Camera(), kernel.clock, kernel).open() as stream:
        assert stream.description.endswith("colours of BT.709 as those of BT.601")


def test_large_pictures_have_fewer_buffers() -> None:
    """64 MP in YUYV are 128 MB each: two buffers, not four."""
    kernel = FakeKernel(FakeClock(), formats=("YUYV",), size=(9248, 6944))

    with V4l2Source(V4l2Camera(), kernel.clock, kernel).open():
        assert len(kernel.queued) == 2


def test_damaged_and_short_pictures_are_counted() -> None:
    """A picture that the driver marks as damaged, or that is too short, is left out."""
    kernel = FakeKernel(FakeClock())
    kernel.ready = [
        Filled(jpeg(), 0, flags=abi.FLAG_ERROR),
        Filled(b"", 1),
        Filled(jpeg(64, 48, 1), 2),
    ]
    source = V4l2Source(V4l2Camera(), kernel.clock, kernel)

    with source.open() as stream:
        found = [stream.capture() for _ in range(3)]

    assert found[:2] == [Idle.SILENT, Idle.SILENT]
    assert isinstance(found[2], CapturedFrame)
    assert source.counts.unreadable == 2
    kernel.ready = [Filled(bytes(100), 0)]
    assert _taken(kernel, V4l2Camera(format="yuyv")) == [Idle.SILENT]


def test_drops_of_the_driver_are_counted() -> None:
    """A gap in the driver's numbers is a loss; a counter that starts again is not."""
    kernel = FakeKernel(FakeClock())
    numbers = [0, 1, 4, 5, 0, 2**32 - 1, 0]
    kernel.ready = [Filled(jpeg(), number) for number in numbers]
    source = V4l2Source(V4l2Camera(), kernel.clock, kernel)

    with source.open() as stream:
        for _ in numbers:
            stream.capture()

    assert source.counts.dropped == 2


def test_a_timestamp_of_another_clock_is_not_believed() -> None:
    """Without a monotonic timestamp, the time of the fetch is taken."""
    kernel = FakeKernel(FakeClock())
    kernel.ready = [Filled(jpeg(), 0, flags=0, age_ms=5), Filled(jpeg(), 1, age_ms=3_600_000)]

    found = _taken(kernel)

    assert [got.captured_ns for got in found if isinstance(got, CapturedFrame)] == [
        kernel.clock.wall_ns()
    ] * 2


def test_fps_is_asked_of_the_camera_and_kept() -> None:
    """The driver is asked for the rate; if it gives more, the rest is left out evenly."""
    kernel = FakeKernel(FakeClock())
    kernel.ready = [Filled(jpeg(), n, age_ms=1000 - 50 * n) for n in range(20)]

    found = _taken(kernel, V4l2Camera(fps=10))

    assert kernel.asked_fps == pytest.approx(10)
    assert [isinstance(got, CapturedFrame) for got in found] == [True, False] * 10


def test_silence_is_said_within_a_slice() -> None:
    """A camera that gives nothing does not block the node."""
    kernel = FakeKernel(FakeClock())
    source = V4l2Source(V4l2Camera(), kernel.clock, kernel)

    with source.open() as stream:
        assert [stream.capture(), stream.capture()] == [Idle.SILENT, Idle.SILENT]


def test_a_spurious_wake_up_is_silence() -> None:
    """A driver that is ready and then has nothing (EAGAIN) is asked again later."""
    kernel = FakeKernel(FakeClock(), ready=[Filled(failure=errno.EAGAIN)])

    assert _taken(kernel) == [Idle.SILENT]


def test_an_unplugged_camera_is_an_error_and_comes_back() -> None:
    """Unplugging ends the opening with a sentence; plugged in again, it opens again."""
    kernel = FakeKernel(FakeClock(), ready=[Filled(jpeg(), 0)])
    source = V4l2Source(V4l2Camera(), kernel.clock, kernel)
    with source.open() as stream:
        assert isinstance(stream.capture(), CapturedFrame)
        kernel.unplugged = True

        with pytest.raises(SourceError, match="/dev/video0: it was unplugged"):
            stream.capture()
    assert kernel.opened == 0
    kernel.unplugged, kernel.ready, kernel.queued = False, [Filled(jpeg(), 0)], []

    with source.open() as stream:
        assert isinstance(stream.capture(), CapturedFrame)


@pytest.mark.parametrize(
    ("request_number", "code", "words"),
    [
        (abi.S_FMT, errno.EBUSY, "it is used by another program"),
        (abi.REQBUFS, errno.EBUSY, "it is used by another program"),
        (abi.STREAMON, errno.ENOSPC, "not enough USB bandwidth"),
        (abi.QUERYCAP, errno.ENOTTY, "it is not a video device"),
        (abi.DQBUF, errno.EIO, "Input/output error"),
        (abi.QBUF, errno.ENODEV, "it was unplugged"),
    ],
)
def test_failures_of_the_kernel_in_words(request_number: int, code: int, words: str) -> None:
    """Each error number comes out as what it means for a webcam."""
    kernel = FakeKernel(FakeClock(), errors={request_number: code}, ready=[Filled(jpeg(), 0)])

    assert _trouble(kernel).startswith(f"{DEVICE}: {words}")


def test_a_camera_that_may_not_be_opened() -> None:
    """The group is named, because that is what is missing nearly always."""
    kernel = FakeKernel(FakeClock(), open_error=errno.EACCES)

    assert "is it in the group `video`?" in _trouble(kernel)


def test_a_camera_without_the_wanted_format() -> None:
    """It says what the camera offers instead, and how to ask for it."""
    kernel = FakeKernel(FakeClock(), formats=("YUYV", "H264"))

    assert _trouble(kernel, V4l2Camera(format="mjpg")) == (
        f"{DEVICE}: HD Webcam C999 gives no MJPG; it offers YUYV (format: yuyv),"
        " H264 (not readable here)"
    )


def test_a_camera_without_any_readable_format() -> None:
    """It says what the camera offers, and what could be read."""
    kernel = FakeKernel(FakeClock(), formats=("H264", "Y16 "))

    assert _trouble(kernel).startswith(
        f"{DEVICE}: HD Webcam C999 offers H264 (not readable here), Y16 (not readable here);"
        " what can be read is MJPG, NV12, YU12,"
    )


def test_a_device_of_several_planes() -> None:
    """As of the camera interface of many boards: it is said what it is, and what to do."""
    caps = abi.CAP_VIDEO_CAPTURE_MPLANE | abi.CAP_STREAMING
    sentence = _trouble(FakeKernel(FakeClock(), caps=caps))

    assert "HD Webcam C999 gives video in buffers of several planes only" in sentence
    assert "`source: picamera2`" in sentence


def test_a_device_that_is_not_a_camera() -> None:
    """Codecs and radios are devices too, and a Raspberry Pi has a dozen."""
    kernel = FakeKernel(FakeClock(), caps=abi.CAP_STREAMING)

    assert "HD Webcam C999 gives no video" in _trouble(kernel)


def test_another_size_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """A camera that cannot give the size gives the one it can, and it is said."""
    kernel = FakeKernel(FakeClock(), ready=[Filled(jpeg(), 0)])

    _taken(kernel, V4l2Camera(size=Size(1280, 720)))

    assert "asked for 1280x720, the camera gives 64x48" in caplog.text


def test_a_missing_device_is_answered_with_what_is_there() -> None:
    """On a machine without webcams that is said; the path is named in any case."""
    sentence = _trouble(FakeKernel(FakeClock()), V4l2Camera(device="/dev/v4l/by-id/usb-none"))

    assert sentence.startswith("/dev/v4l/by-id/usb-none: there is no such device; ")


def test_devices_are_listed_ready_to_paste(tmp_path: Path) -> None:
    """`camfan cameras` names each webcam by its lasting name, with a section for the site file."""
    (tmp_path / "video0").touch()
    (tmp_path / "v4l" / "by-id").mkdir(parents=True)
    (tmp_path / "v4l" / "by-path").mkdir(parents=True)
    by_id = tmp_path / "v4l" / "by-id" / "usb-C999-index0"
    by_id.symlink_to("../../video0")
    (tmp_path / "v4l" / "by-path" / "pci-1").symlink_to("../../video0")

    class Renamed(FakeKernel):
        def open(self, path: str) -> int:
            return super().open(DEVICE if path == str(tmp_path / "video0") else path)

    [device] = find_devices(Renamed(FakeClock(), formats=("MJPG", "H264")), tmp_path)
    text = describe([device], [{"Model": "imx708"}])

    assert device.stable == str(by_id)
    assert "MJPG  1920x1080 at 30 fps, 1280x720 at 30 fps, 640x480 at 30 fps" in text
    assert "H264" in text
    assert "(not usable here)" in text
    section = text[text.index("cameras:") :]
    assert section == (
        "cameras:\n"
        "  webcam-0:\n"
        "    source: v4l2\n"
        f"    device: {by_id}\n"
        "    format: mjpg\n"
        "    size: 1280x720\n"
        "  module-0:\n"
        "    source: picamera2\n"
        "    camera: 0\n"
        "    size: 1280x720"
    )


def test_a_device_that_cannot_be_opened_is_listed_with_the_reason(tmp_path: Path) -> None:
    """A camera that another program uses is listed."""
    (tmp_path / "video0").touch()
    kernel = FakeKernel(FakeClock(), open_error=errno.EACCES)

    text = describe(find_devices(kernel, tmp_path), [])

    assert text == f"{tmp_path}/video0  cannot be opened: Permission denied"


def test_a_machine_without_cameras(tmp_path: Path) -> None:
    """The list says so, instead of being empty."""
    assert describe(find_devices(Linux(), tmp_path), []).startswith("No cameras found")


def test_a_file_is_not_a_device(tmp_path: Path) -> None:
    """The real kernel's error for what is not a device is a sentence, too."""
    path = tmp_path / "video0"
    path.touch()

    with (
        pytest.raises(SourceError, match="it is not a video device"),
        V4l2Source(V4l2Camera(device=str(path)), FakeClock()).open(),
    ):
        pass


class Leaving:
    """No subscriber watches for a number of rests, while the driver goes on; then one does."""

    def __init__(self, kernel: FakeKernel, *rests: list[Filled]) -> None:
        self.fps: float | None = None
        self._kernel = kernel
        self._rests = list(rests)

    def wanted(self) -> bool:
        return True

    def idle(self) -> bool:
        return bool(self._rests)

    def rest(self, seconds: float) -> None:
        self._kernel.clock.wait(seconds)
        self._kernel.ready += self._rests.pop(0)


def test_unwanted_frames_go_back_to_the_driver_unread() -> None:
    """Frames for which it had no buffer meanwhile are not counted as dropped."""
    picture = jpeg(64, 48)
    kernel = FakeKernel(FakeClock())
    rests = [[Filled(picture, n) for n in (0, 1, 2, 3)], [Filled(picture, n) for n in (6, 7)], []]
    source = V4l2Source(V4l2Camera(), kernel.clock, kernel)
    with source.open(Leaving(kernel, *rests)) as stream:
        found = [stream.capture() for _ in rests]
        kernel.ready.append(Filled(picture, 8))
        last = stream.capture()

    assert found == [SkippedFrames(4), SkippedFrames(4), Idle.SILENT]
    assert isinstance(last, CapturedFrame)
    assert source.counts.dropped == 0
    assert not kernel.queued


def test_a_rate_holds_also_while_unwatched() -> None:
    """Of the 30 pictures a second that the webcam gives, 10 count."""
    kernel = FakeKernel(FakeClock())
    frames = [Filled(jpeg(64, 48), n, age_ms=(7 - n) * 1000 // 30) for n in range(8)]
    source = V4l2Source(V4l2Camera(fps=10), kernel.clock, kernel)
    with source.open(Leaving(kernel, frames)) as stream:
        assert stream.capture() == SkippedFrames(3)

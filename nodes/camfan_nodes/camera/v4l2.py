"""The source `v4l2`: a webcam on Linux.

Its own JPEGs go through as they are (`mjpg`), raw pixels are handed on to be encoded. A
camera that is unplugged is an error here and a reopening by name in the loop above.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from camfan_config.types import V4l2Camera
from camfan_nodes.camera import v4l2_abi as abi
from camfan_nodes.camera.clock import Clock
from camfan_nodes.camera.devices import describe_devices
from camfan_nodes.camera.pacing import Thinner
from camfan_nodes.camera.pixel_formats import (
    FORMATS,
    Geometry,
    PixelFormat,
    best_of,
    describe_offer,
    format_named,
)
from camfan_nodes.camera.source import (
    FULL_DEMAND,
    IDLE_S,
    SLICE_S,
    Bgr,
    CapturedFrame,
    Idle,
    Planes,
    SkippedFrames,
    SourceCounts,
    SourceDemand,
    SourceError,
)
from camfan_nodes.camera.v4l2_device import BUFFERS, Device, FilledBuffer, Identity, Kernel, Linux

MAX_GAP = 10_000  # frames; more means that the driver does not count
MAX_AGE_NS = 10_000_000_000  # an older timestamp is not of our clock

_WORDS = {
    errno.EBUSY: "it is used by another program",
    errno.EACCES: "this user is not permitted to open it; is it in the group `video`?",
    errno.EPERM: "this user is not permitted to open it; is it in the group `video`?",
    errno.ENOSPC: (
        "not enough USB bandwidth; set a smaller size, a lower fps or `format: mjpg`,"
        " or plug it into another USB controller"
    ),
    errno.ENOMEM: "not enough memory for its frames; set a smaller `size`",
    errno.ENODEV: "it was unplugged",
    errno.ENXIO: "it was unplugged",
    errno.ENOTTY: "it is not a video device",
    errno.EINVAL: "its driver rejects the request",
}

log = logging.getLogger(__name__)


def make_source(_name: str, camera: V4l2Camera, clock: Clock) -> V4l2Source:
    return V4l2Source(camera, clock)


class V4l2Source:
    def __init__(self, camera: V4l2Camera, clock: Clock, kernel: Kernel | None = None) -> None:
        self.name = camera.device
        self.reopens = True
        self.counts = SourceCounts()
        self._camera = camera
        self._clock = clock
        self._kernel = kernel or Linux()

    @contextmanager
    def open(self, demand: SourceDemand = FULL_DEMAND) -> Iterator[V4l2Stream]:
        """Raises SourceError if the device cannot be opened; it says which other devices exist."""
        with self._device() as device:
            try:
                stream = V4l2Stream(device, self._camera, self.counts, self._clock, demand)
            except OSError as exc:
                raise _in_words(self.name, exc) from exc
            yield stream

    def look(self) -> None:
        """Raises SourceError as `open` does; starts nothing, so that a running node goes on."""
        with self._device() as device:
            try:
                _refuse_without_capture(device, self.name)
            except OSError as exc:
                raise _in_words(self.name, exc) from exc

    def _device(self) -> Device:
        """Raises SourceError."""
        try:
            return Device(self._camera.device, self._kernel)
        except FileNotFoundError:
            raise SourceError(
                f"{self.name}: there is no such device; {describe_devices(self._kernel)}"
            ) from None
        except OSError as exc:
            raise _in_words(self.name, exc) from exc


def _refuse_without_capture(device: Device, name: str) -> Identity:
    found = device.identify()
    if not found.captures:
        raise SourceError(f"{name}: {found.card} {_why_not(found)}")
    return found


class V4l2Stream:
    """The device while it runs."""

    def __init__(
        self,
        device: Device,
        camera: V4l2Camera,
        counts: SourceCounts,
        clock: Clock,
        demand: SourceDemand = FULL_DEMAND,
    ) -> None:
        self._demand = demand
        self._device = device
        self._camera = camera
        self._counts = counts
        self._clock = clock
        self._thinner = Thinner(camera.fps)
        self._last: int | None = None
        self._last_s: float | None = None
        found = _refuse_without_capture(device, camera.device)
        self._row = self._choose(found.card)
        self._format = self._negotiate(found.card)
        self._geometry = _geometry(self._format)
        given_fps = device.set_fps(camera.fps) if camera.fps else None
        device.start(self._format.sizeimage)
        self.description = self._describe(found.card, given_fps)

    def _describe(self, card: str, fps: float | None) -> str:
        rate = f" at {fps:g} fps" if fps else ""
        how = "passed through" if self._row.parts is None and not self._changed else "encoded here"
        if self._row.parts is not None and not self._row.full and _is_bt709(self._format):
            how += ", colours of BT.709 as those of BT.601"
        size = f"{self._format.width}x{self._format.height}"
        return f"{card}, {size} {self._row.name.upper()}{rate}, {how}"

    @property
    def _changed(self) -> bool:
        camera = self._camera
        return bool(camera.rotate or camera.flip != "none" or camera.privacy)

    def _choose(self, card: str) -> PixelFormat:
        """The format of the site file, or else the best that the device offers."""
        if self._camera.format is not None:
            return format_named(self._camera.format)
        offered = self._device.formats()
        row = best_of(offered, changed=self._changed)
        if row is None:
            readable = ", ".join(row.name.upper() for row in FORMATS)
            raise SourceError(
                f"{self._camera.device}: {card} offers {describe_offer(offered)}; what can be read"
                f" is {readable}"
            )
        return row

    def _negotiate(self, card: str) -> abi.PixFormat:
        camera, size, row = self._camera, self._camera.size, self._row
        offered = self._device.formats()
        code = next((code for code in row.codes if code in offered), row.codes[0])
        given = self._device.set_format(code, (size.width, size.height) if size else None)
        if given.pixelformat not in row.codes:
            raise SourceError(
                f"{camera.device}: {card} gives no {row.name.upper()}; it offers"
                f" {describe_offer(offered)}"
            )
        if size and (given.width, given.height) != (size.width, size.height):
            log.warning(
                "%s: asked for %s, the camera gives %dx%d",
                camera.device, size, given.width, given.height,
            )  # fmt: skip
        return given

    def capture(self) -> CapturedFrame | SkippedFrames | Idle:
        """The next frame of the device; damaged ones are counted and left out."""
        try:
            if self._demand.idle():
                return self._let_pass()
            with self._device.take(SLICE_S) as taken:
                return Idle.SILENT if taken is None else self._look_at(taken)
        except OSError as exc:
            raise _in_words(self._camera.device, exc) from exc

    def _look_at(self, taken: FilledBuffer) -> CapturedFrame | SkippedFrames | Idle:
        self._count_drops(taken.sequence)
        captured_ns, monotonic_ns = self._captured(taken)
        self._last_s = monotonic_ns / 1e9
        if not self._thinner.keeps(self._last_s, self._demand.fps):
            return Idle.PACED
        if not self._demand.wanted():
            return SkippedFrames()
        content = self._content(taken)
        if content is None:
            self._counts.unreadable += 1
            return Idle.SILENT
        return CapturedFrame(content, captured_ns)

    def _let_pass(self) -> SkippedFrames | Idle:
        """Give filled buffers back to the driver without reading them.

        Frames that the driver had no buffer for meanwhile went by as well.
        """
        self._demand.rest(IDLE_S)
        passed, any_came = 0, False
        for _ in range(2 * BUFFERS):
            with self._device.take(0) as taken:
                if taken is None:
                    break
                any_came = True
                at_s, gap = self._captured(taken)[1] / 1e9, self._gap(taken.sequence)
                since_s = at_s if self._last_s is None else self._last_s
                for number in range(1, gap + 2):
                    between_s = since_s + (at_s - since_s) * number / (gap + 1)
                    passed += self._thinner.keeps(between_s, self._demand.fps)
                self._last, self._last_s = taken.sequence, at_s
        if passed:
            return SkippedFrames(passed)
        return Idle.PACED if any_came else Idle.SILENT

    def _content(self, taken: FilledBuffer) -> bytes | Planes | Bgr | None:
        if taken.damaged or not taken.used:
            return None
        data = taken.data()
        return data if self._row.parts is None else self._row.read(data, self._geometry)

    def _count_drops(self, sequence: int) -> None:
        self._counts.dropped += self._gap(sequence)
        self._last = sequence

    def _gap(self, sequence: int) -> int:
        """How many frames the driver had no buffer for, since the last one."""
        if self._last is None:
            return 0
        gap = (sequence - self._last - 1) % 2**32
        return gap if gap < MAX_GAP else 0

    def _captured(self, taken: FilledBuffer) -> tuple[int, int]:
        """Wall clock and monotonic time of a frame, both ns."""
        wall_ns, now_ns = self._clock.wall_ns(), self._clock.monotonic_ns()
        at_ns = taken.monotonic_ns
        if at_ns is None or not 0 <= now_ns - at_ns <= MAX_AGE_NS:
            at_ns = now_ns
        return wall_ns - (now_ns - at_ns), at_ns


def _why_not(found: Identity) -> str:
    if found.multi_planar:
        return (
            "gives video in buffers of several planes only, which cannot be read here; on a"
            " Raspberry Pi use `source: picamera2`, elsewhere let GStreamer copy it into a"
            " v4l2loopback device"
        )
    return "gives no video"


def _geometry(given: abi.PixFormat) -> Geometry:
    full: bool | None = None
    if given.quantization in (abi.QUANTIZATION_FULL, abi.QUANTIZATION_LIMITED):
        full = given.quantization == abi.QUANTIZATION_FULL
    elif given.colorspace == abi.COLORSPACE_JPEG:
        full = True
    return Geometry(given.width, given.height, given.bytesperline, full)


def _is_bt709(given: abi.PixFormat) -> bool:
    usual = not given.ycbcr_enc and given.colorspace == abi.COLORSPACE_REC709
    return bool(usual or given.ycbcr_enc == abi.YCBCR_ENC_709)


def _in_words(path: str, exc: OSError) -> SourceError:
    return SourceError(f"{path}: {_WORDS.get(exc.errno or 0, exc.strerror or str(exc))}")

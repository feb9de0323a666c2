"""The source `file`: a video played at its own pace, as if it were a camera.

MJPEG passes through untouched, packet by packet, unless the site file asks to change the frame;
everything else is decoded, turned upright and handed on as pixels. What cannot be decoded is
counted and left out. Nothing here encodes.
"""

from __future__ import annotations

import logging
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np

from camfan_config.types import FileCamera
from camfan_nodes.camera.clock import Clock
from camfan_nodes.camera.pacing import Pacer, Thinner
from camfan_nodes.camera.source import (
    FULL_DEMAND,
    IDLE_S,
    Bgr,
    CapturedFrame,
    Idle,
    SkippedFrames,
    SourceCounts,
    SourceDemand,
    SourceError,
)
from camfan_nodes.camera.words import describe_missing, reason_of
from camfan_wire.exif import UPRIGHT, orientation

NOMINAL_FPS = 25.0  # of a file that does not say
MAX_GAP_S = 60.0  # a longer pause between two frames is a damaged timestamp

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    Raw = av.Packet[Any] | av.VideoFrame  # a JPEG that passes through, or a decoded frame
    Timed = tuple[float, Raw]


def make_source(_name: str, camera: FileCamera, clock: Clock) -> FileSource:
    return FileSource(camera, clock)


class FileSource:
    def __init__(self, camera: FileCamera, clock: Clock) -> None:
        self.name = camera.path
        self.reopens = True
        self.counts = SourceCounts()
        self._camera = camera
        self._clock = clock

    def look(self) -> None:
        """Raises SourceError for a file that is missing or cannot be read."""
        check_file(Path(self._camera.path))

    @contextmanager
    def open(self, demand: SourceDemand = FULL_DEMAND) -> Iterator[FileStream]:
        """Raises SourceError for a file that is not a video that can be played."""
        path = Path(self._camera.path)
        check_file(path)
        yield FileStream(path, self._camera, self.counts, self._clock, demand)


class FileStream:
    """One pass through the file from its start, or endless passes with `loop`."""

    def __init__(
        self,
        path: Path,
        camera: FileCamera,
        counts: SourceCounts,
        clock: Clock,
        demand: SourceDemand = FULL_DEMAND,
    ) -> None:
        self._demand = demand
        self._path = path
        self._camera = camera
        self._counts = counts
        self._clock = clock
        self._pacer = Pacer(clock)
        self._turns = 0
        self._through = False
        self.description = self._inspect()
        self._pictures = self._thinned()
        self._next: Timed | None = None

    def capture(self) -> CapturedFrame | SkippedFrames | Idle:
        """The next frame of the file, when its time has come; converted only if it is wanted."""
        if self._demand.idle() and (passed := self._let_pass()) is not None:
            return passed
        if (following := self._peek()) is None:
            return Idle.ENDED
        at_s, raw = following
        if not self._pacer.reached(at_s):
            return Idle.PACED
        self._next = None
        if not self._demand.wanted():
            return SkippedFrames()
        content = self._pixels(raw) if isinstance(raw, av.VideoFrame) else bytes(raw)
        return CapturedFrame(content, self._clock.wall_ns())

    def _let_pass(self) -> SkippedFrames | Idle | None:
        """Skip frames whose time comes while no subscriber watches; None at the end of the file."""
        self._demand.rest(IDLE_S)
        passed = 0
        while (following := self._peek()) is not None and self._pacer.has_come(following[0]):
            self._next = None
            passed += 1
        if passed:
            return SkippedFrames(passed)
        return None if following is None else Idle.PACED

    def _peek(self) -> Timed | None:
        if self._next is None:
            self._next = next(self._pictures, None)
        return self._next

    def _inspect(self) -> str:
        """Look at the first frame: its orientation, and whether it can pass through."""
        with _opened(self._path) as container:
            stream = container.streams.video[0]
            codec, width, height = stream.codec_context.name, stream.width, stream.height
            marked = codec == "mjpeg" and _orientation(container) != UPRIGHT
        with _opened(self._path) as container:
            self._turns = 0 if marked else _quarter_turns(container)
        asked = [word for word, on in self._wanted_changes(width, height).items() if on]
        self._through = codec == "mjpeg" and (marked or not asked)
        if marked:  # FFmpeg would turn it, but not mirror it; the encoder does both
            return f"{width}x{height} MJPEG with an EXIF orientation, encoded here"
        if self._through:
            return f"{width}x{height} MJPEG, passed through"
        if codec == "mjpeg":
            log.info("%s: MJPEG is decoded and encoded again, for %s", self._path, ", ".join(asked))
        return f"{width}x{height} {codec}, encoded here"

    def _wanted_changes(self, width: int, height: int) -> dict[str, bool]:
        camera, size = self._camera, self._camera.size
        return {
            "size": size is not None and (size.width, size.height) != (width, height),
            "rotate": camera.rotate != 0,
            "flip": camera.flip != "none",
            "privacy": bool(camera.privacy),
            "the file's own rotation": self._turns != 0,
        }

    def _thinned(self) -> Iterator[Timed]:
        """Every frame to be shown, with its time since the first start of the file."""
        offset_s = 0.0
        thinner = Thinner(self._camera.fps)
        while True:
            end_s = 0.0
            for at_s, item in self._pass():
                end_s = at_s + self._interval_s
                if thinner.keeps(offset_s + at_s, self._demand.fps):
                    yield offset_s + at_s, item
            if not end_s:
                raise SourceError(f"{self._path}: not one frame in it can be decoded")
            if not self._camera.loop:
                return
            offset_s += end_s
            check_file(self._path)

    def _pass(self) -> Iterator[Timed]:
        """The frames from the start of the file to its end, with times that never fall."""
        first_s: float | None = None
        at_s = -1.0
        with _opened(self._path) as container:
            stream = container.streams.video[0]
            self._interval_s = 1 / _nominal_fps(stream)
            for stamp_s, item in self._items(container):
                if first_s is None:
                    first_s, at_s = stamp_s or 0.0, 0.0
                elif stamp_s is None or not 0 <= stamp_s - first_s - at_s <= MAX_GAP_S:
                    at_s += self._interval_s
                    first_s = first_s if stamp_s is None else stamp_s - at_s
                else:
                    at_s = stamp_s - first_s
                yield at_s, item

    def _items(self, container: av.container.InputContainer) -> Iterator[tuple[float | None, Raw]]:
        """Packets of MJPEG that passes through, or decoded frames, with their own timestamps."""
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for packet in _packets(container, stream, self._counts):
            if self._through:
                if packet.size:
                    yield _seconds(packet), packet
                continue
            try:
                frames = packet.decode()
            except av.error.FFmpegError as exc:
                log.debug("%s: %s", self._path, exc)
                self._counts.unreadable += 1
                continue
            for frame in frames:
                yield _seconds(frame), frame

    def _pixels(self, frame: av.VideoFrame) -> Bgr:
        """Upright BGR in the size that was asked for."""
        size = self._camera.size
        width, height = (size.width, size.height) if size else (frame.width, frame.height)
        if size and self._turns % 2:
            width, height = height, width  # the size of the upright frame
        image = cast(Bgr, frame.to_ndarray(format="bgr24", width=width, height=height))
        return np.rot90(image, self._turns) if self._turns else image


def check_file(path: Path) -> None:
    """Raises SourceError for what is not a file, or is empty."""
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise SourceError(f"{path}: a folder; the source `images` plays folders of JPEGs")
        if not stat.S_ISREG(found.st_mode):
            raise SourceError(f"{path}: not a regular file")
        if not found.st_size:
            raise SourceError(f"{path}: the file is empty (0 bytes)")
        path.open("rb").close()
    except FileNotFoundError:
        raise SourceError(describe_missing(path)) from None
    except OSError as exc:
        raise SourceError(f"{path}: cannot be read: {reason_of(exc)}") from exc


@contextmanager
def _opened(path: Path) -> Iterator[av.container.InputContainer]:
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, av.error.FFmpegError) else None
        raise SourceError(
            f"{path}: not a video that can be read ({why or reason_of(exc)})"
        ) from exc
    with container:
        if not container.streams.video:
            others = ", ".join(sorted({stream.type for stream in container.streams}))
            raise SourceError(
                f"{path}: no video in it; {container.format.long_name},"
                f" {path.stat().st_size} bytes, {others or 'without any content'}"
            )
        context: object = container.streams.video[0].codec_context
        if context is None:
            raise SourceError(f"{path}: its video is of a kind that cannot be decoded here")
        yield container


def _packets(
    container: av.container.InputContainer, stream: av.VideoStream, counts: SourceCounts
) -> Iterator[av.Packet[Any]]:
    """All packets up to the end, or to where the file is truncated."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError as exc:
            log.debug("%s: %s", container.name, exc)
            counts.unreadable += 1
            return
        if packet is None:
            return
        yield packet


def _orientation(container: av.container.InputContainer) -> int:
    """EXIF orientation of the first JPEG of the file."""
    for packet in _packets(container, container.streams.video[0], SourceCounts()):
        if packet.size:
            return orientation(bytes(packet))
    return UPRIGHT


def _quarter_turns(container: av.container.InputContainer) -> int:
    """How often to turn the file's frames, counter-clockwise, until they are upright."""
    stream = container.streams.video[0]
    for packet in _packets(container, stream, SourceCounts()):
        try:
            for frame in packet.decode():
                return round(frame.rotation / 90) % 4
        except av.error.FFmpegError:
            continue
    return 0


def _nominal_fps(stream: av.VideoStream) -> float:
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and 0 < rate <= 1000:
            return float(rate)
    return NOMINAL_FPS


def _seconds(item: av.Packet[Any] | av.VideoFrame) -> float | None:
    stamp = item.pts if item.pts is not None else item.dts
    return None if stamp is None or item.time_base is None else float(stamp * item.time_base)

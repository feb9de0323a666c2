"""One Linux video device: its formats, its buffers, its frames.

Plain `ioctl`, `mmap` and `poll`; every wait has an end and every buffer goes back to the driver.
Kernel errors come out as the OSError they are; `v4l2` turns them into sentences.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import select
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from camfan_nodes.camera import v4l2_abi as abi

BUFFERS = 4  # frames the driver may fill before we fetch one; then it drops the next
MIN_BUFFERS = 2  # one is filled while we look at the other
BUFFER_BYTES = 256_000_000  # of all buffers; raw frames of 64 MP get fewer of them

Memory = mmap.mmap | bytearray  # bytearray: of the fake device in tests
Argument = ctypes.Structure | ctypes.c_int


class Kernel(Protocol):
    """The system calls that a video device needs. Each may raise OSError."""

    def open(self, path: str) -> int: ...
    def close(self, handle: int) -> None: ...
    def ioctl(self, handle: int, request: int, argument: Argument) -> None: ...
    def map(self, handle: int, length: int, offset: int) -> Memory: ...
    def readable(self, handle: int, timeout_s: float) -> bool: ...


class Linux:
    """The real kernel."""

    def open(self, path: str) -> int:
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def close(self, handle: int) -> None:
        os.close(handle)

    def ioctl(self, handle: int, request: int, argument: Argument) -> None:
        while True:
            try:
                fcntl.ioctl(handle, request, argument, True)
            except InterruptedError:
                continue
            return

    def map(self, handle: int, length: int, offset: int) -> Memory:
        return mmap.mmap(handle, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=offset)

    def readable(self, handle: int, timeout_s: float) -> bool:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        events = poll.poll(timeout_s * 1000)
        if events and not events[0][1] & select.POLLIN:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return bool(events)


@dataclass(frozen=True, slots=True)
class FilledBuffer:
    """One filled buffer, while it is not the driver's."""

    memory: Memory = field(repr=False)
    used: int  # bytes of it
    sequence: int  # the driver's count: a gap is a frame that it dropped
    monotonic_ns: int | None  # when it was captured, if the driver says so
    damaged: bool

    def data(self) -> bytes:
        """A copy of its contents."""
        return bytes(self.memory[: self.used])


class Identity(NamedTuple):
    """What a device says of itself."""

    card: str
    bus: str  # where it is plugged in
    captures: bool  # video, into buffers of one piece
    multi_planar: bool  # only into buffers of several


@dataclass(frozen=True, slots=True)
class Offer:
    """One format of a device: sizes, each with its highest rate where known."""

    fourcc: str
    sizes: tuple[tuple[int, int, float | None], ...]


class Device:
    """An open video device. Belongs to one thread."""

    def __init__(self, path: str, kernel: Kernel) -> None:
        self._kernel = kernel
        self._handle = kernel.open(path)
        self._memory: list[Memory] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._memory:
            with contextlib.suppress(OSError):  # it may be gone already
                self._call(abi.STREAMOFF, ctypes.c_int(abi.CAPTURE))
        for memory in self._memory:
            if isinstance(memory, mmap.mmap):
                memory.close()
        with contextlib.suppress(OSError):
            self._kernel.close(self._handle)

    def _call(self, request: int, argument: Argument) -> None:
        self._kernel.ioctl(self._handle, request, argument)

    def identify(self) -> Identity:
        found = abi.Capability()
        self._call(abi.QUERYCAP, found)
        own = found.capabilities & abi.CAP_DEVICE_CAPS
        caps = found.device_caps if own else found.capabilities
        needed = abi.CAP_VIDEO_CAPTURE | abi.CAP_STREAMING
        captures = caps & needed == needed
        return Identity(
            found.card.decode("utf-8", "replace"),
            found.bus_info.decode("utf-8", "replace"),
            captures,
            not captures and bool(caps & abi.CAP_VIDEO_CAPTURE_MPLANE),
        )

    def formats(self) -> list[int]:
        """The pixel formats that the device offers, its preferred one first."""
        found: list[int] = []
        with contextlib.suppress(OSError):  # EINVAL: no more of them
            while True:
                description = abi.FormatDescription(index=len(found), type=abi.CAPTURE)
                self._call(abi.ENUM_FMT, description)
                found.append(description.pixelformat)
        return found

    def offers(self) -> list[Offer]:
        """All formats with their sizes and rates."""
        return [
            Offer(abi.fourcc_text(number), tuple(self._sizes(number))) for number in self.formats()
        ]

    def _sizes(self, fourcc: int) -> list[tuple[int, int, float | None]]:
        found: list[tuple[int, int, float | None]] = []
        with contextlib.suppress(OSError):
            while True:
                size = abi.FrameSize(index=len(found), pixel_format=fourcc)
                self._call(abi.ENUM_FRAMESIZES, size)
                if size.type != abi.SIZE_DISCRETE:
                    found.append((size.stepwise.max_width, size.stepwise.max_height, None))
                    break
                width, height = size.discrete.width, size.discrete.height
                found.append((width, height, self._top_fps(fourcc, width, height)))
        return found

    def _top_fps(self, fourcc: int, width: int, height: int) -> float | None:
        rates: list[float] = []
        with contextlib.suppress(OSError):
            while True:
                interval = abi.FrameInterval(
                    index=len(rates), pixel_format=fourcc, width=width, height=height
                )
                self._call(abi.ENUM_FRAMEINTERVALS, interval)
                if interval.type != abi.INTERVAL_DISCRETE or not interval.discrete.numerator:
                    break
                rates.append(interval.discrete.denominator / interval.discrete.numerator)
        return max(rates, default=None)

    def set_format(self, fourcc: int, size: tuple[int, int] | None) -> abi.PixFormat:
        """Set format and size; the result is what the driver chose."""
        asked = abi.Format(type=abi.CAPTURE)
        self._call(abi.G_FMT, asked)
        if size is not None:
            asked.pix.width, asked.pix.height = size
        asked.pix.pixelformat = fourcc
        asked.pix.field = abi.ANY_FIELD
        asked.pix.bytesperline = asked.pix.sizeimage = 0
        self._call(abi.S_FMT, asked)
        given: abi.PixFormat = asked.pix
        return given

    def set_fps(self, fps: float) -> float | None:
        """Set the frame rate; the result is what the driver chose, None if unknown."""
        asked = abi.StreamParameters(type=abi.CAPTURE)
        asked.capture.timeperframe = abi.Fraction(1000, round(fps * 1000))
        try:
            self._call(abi.S_PARM, asked)
        except OSError as exc:
            if exc.errno in (errno.EINVAL, errno.ENOTTY):  # this driver knows no rates
                return None
            raise
        given = asked.capture.timeperframe
        return given.denominator / given.numerator if given.numerator else None

    def start(self, picture_bytes: int = 0) -> None:
        """Map the buffers, give them to the driver and let it run.

        There are fewer of them where frames of this size would make them too large.
        """
        affordable = BUFFER_BYTES // max(picture_bytes, 1)
        count = min(BUFFERS, max(MIN_BUFFERS, affordable))
        request = abi.RequestBuffers(count=count, type=abi.CAPTURE, memory=abi.MMAP)
        self._call(abi.REQBUFS, request)
        for index in range(request.count):
            buffer = self._buffer(index)
            self._call(abi.QUERYBUF, buffer)
            self._memory.append(self._kernel.map(self._handle, buffer.length, buffer.offset))
            self._call(abi.QBUF, self._buffer(index))
        self._call(abi.STREAMON, ctypes.c_int(abi.CAPTURE))

    @contextlib.contextmanager
    def take(self, timeout_s: float) -> Iterator[FilledBuffer | None]:
        """The next frame, valid within the `with` block; None if none came in time."""
        if not self._kernel.readable(self._handle, timeout_s):
            yield None
            return
        buffer = self._buffer(0)
        try:
            self._call(abi.DQBUF, buffer)
        except BlockingIOError:
            yield None
            return
        try:
            yield self._taken(buffer)
        finally:
            self._call(abi.QBUF, self._buffer(buffer.index))

    def _taken(self, buffer: abi.Buffer) -> FilledBuffer:
        stamped = buffer.flags & abi.FLAG_TIMESTAMP_MASK == abi.FLAG_TIMESTAMP_MONOTONIC
        at = buffer.timestamp
        return FilledBuffer(
            memory=self._memory[buffer.index],
            used=buffer.bytesused,
            sequence=buffer.sequence,
            monotonic_ns=(at.seconds * 1_000_000_000 + at.microseconds * 1000 if stamped else None),
            damaged=bool(buffer.flags & abi.FLAG_ERROR),
        )

    def _buffer(self, index: int) -> abi.Buffer:
        return abi.Buffer(index=index, type=abi.CAPTURE, memory=abi.MMAP)

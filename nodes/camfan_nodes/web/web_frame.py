"""The newest frame of a camera as the server keeps it, and its smaller renditions.

A rendition is made when the first client needs it, once for each size, by scaled decoding and
encoding; the frame itself is passed on as the camera made it.
"""

from __future__ import annotations

import asyncio
import math
import struct
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

import simplejpeg

from camfan import Frame

EIGHTHS = (1, 2, 3, 4)  # of the frame's size, as scaled decoding offers; 8 is the frame
WHOLE = 8
QUALITY = 72
SMALLEST = 8_000  # bytes; a smaller frame has no renditions
SAVES = 0.8  # a rendition of more than this share of the frame's bytes is not used
TRY_AGAIN_S = 30.0

TEXT, BINARY = 1, 2  # opcodes of RFC 6455
HEADER = struct.Struct("<BBHfdd")
VERSION = 1
CLOCK_KNOWN = 1  # flag


@dataclass(slots=True, eq=False)
class WebFrame:
    """One frame. Belongs to the event loop."""

    frame: Frame
    serial: int  # in the order of arrival
    number: int  # of its camera, as the hello message numbers them
    arrived_s: float  # monotonic
    messages: dict[int, asyncio.Future[bytes]] = field(default_factory=dict)
    whole: bytes | None = None

    def message(self) -> bytes:
        """For a page: a header and the JPEG as the camera made it; made once for all pages."""
        if self.whole is None:
            self.whole = self.framed(self.frame.jpeg)
        return self.whole

    def framed(self, jpeg: bytes | memoryview) -> bytes:
        """As one unmasked binary frame of a WebSocket."""
        length = HEADER.size + len(jpeg)
        return b"".join((_frame_head(BINARY, length), self._header(), jpeg))

    def _header(self) -> bytes:
        frame, site_ns, error_ns = self.frame, self.frame.site_time, self.frame.error
        if frame.is_of_another_epoch:  # for a moment no age, instead of a wrong one
            site_ns = error_ns = None
        taken_ns = frame.captured if site_ns is None else site_ns
        flags = CLOCK_KNOWN if site_ns is not None else 0
        error_ms = math.nan if error_ns is None else error_ns / 1e6
        return HEADER.pack(
            VERSION, flags, self.number, error_ms, taken_ns / 1e6, float(frame.sequence)
        )


class Renditions:
    """Makes smaller frames on other threads. Belongs to the event loop."""

    def __init__(self, executor: Executor, clock: Callable[[], float] = time.monotonic) -> None:
        self._executor = executor
        self._clock = clock
        self._useless: dict[tuple[int, int], float] = {}  # camera and size, until when
        self.made = 0

    def eighths(self, picture: WebFrame, width: int | None) -> int:
        """The size to send for a tile of this width in pixels; None: the frame itself."""
        frame = picture.frame
        if width is None or len(frame.jpeg) < SMALLEST:
            return WHOLE
        for eighths in EIGHTHS:
            if frame.width * eighths >= width * 8:
                until = self._useless.get((picture.number, eighths), 0.0)
                return eighths if self._clock() >= until else WHOLE
        return WHOLE

    def message(self, picture: WebFrame, eighths: int) -> asyncio.Future[bytes]:
        """For a page, at this size; the frame itself if that saves nothing."""
        future = picture.messages.get(eighths)
        if future is None:
            future = asyncio.ensure_future(self._make(picture, eighths))
            picture.messages[eighths] = future
        return future

    async def _make(self, picture: WebFrame, eighths: int) -> bytes:
        loop = asyncio.get_running_loop()
        frame = picture.frame
        small = await loop.run_in_executor(self._executor, scaled, frame, eighths)
        if small is None or len(small) > SAVES * len(frame.jpeg):
            self._useless[picture.number, eighths] = self._clock() + TRY_AGAIN_S
            return picture.message()
        self.made += 1
        return picture.framed(small)


def text_frame(text: str) -> bytes:
    """A text message as one unmasked frame of a WebSocket."""
    data = text.encode()
    return _frame_head(TEXT, len(data)) + data


def _frame_head(opcode: int, length: int) -> bytes:
    """RFC 6455, 5.2: the last frame of a message, from a server."""
    if length < 126:
        return struct.pack("!BB", 0x80 | opcode, length)
    if length < 65_536:
        return struct.pack("!BBH", 0x80 | opcode, 126, length)
    return struct.pack("!BBQ", 0x80 | opcode, 127, length)


def scaled(frame: Frame, eighths: int) -> bytes | None:
    """The JPEG at a multiple of 1/8 of its size; None if it cannot be decoded."""
    height = max(1, frame.height * eighths // WHOLE)
    width = max(1, frame.width * eighths // WHOLE)
    try:
        image = simplejpeg.decode_jpeg(
            frame.jpeg,
            colorspace="BGR",
            min_height=height,
            min_width=width,
            min_factor=1,
            fastdct=True,
            fastupsample=True,
            strict=False,
        )
        encoded: bytes = simplejpeg.encode_jpeg(
            image, quality=QUALITY, colorspace="BGR", colorsubsampling="420", fastdct=True
        )
    except (ValueError, RuntimeError, MemoryError):
        return None
    return encoded

"""Grey pictures of a video file and their times, as a camera would have given them.

Whatever PyAV can open, turned upright. What cannot be decoded is left out; a file that breaks off
ends there and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import av
import numpy as np

from camfan.upright import turned_upright
from camfan_config.errors import CamfanError
from camfan_nodes.motion.pictures import Gray
from camfan_wire.exif import UPRIGHT, orientation

NOMINAL_FPS = 25.0  # of a file that does not state it
SOONER = 0.1  # of an interval that a frame may be early and still be used


class VideoError(CamfanError):
    """There is no video here that could be watched."""


@dataclass(frozen=True, slots=True)
class VideoFrame:
    gray: Gray
    at_s: float  # since the first picture


class Video:
    """An open video file; `pictures` may be read once."""

    def __init__(self, path: Path) -> None:
        """Raises VideoError."""
        _check(path)
        try:
            self._container = av.open(str(path))
        except (av.error.FFmpegError, OSError) as exc:
            raise VideoError(f"{path}: no video that can be read ({_words(exc)})") from exc
        if not self._container.streams.video:
            self._container.close()
            raise VideoError(f"{path}: there is no video in it")
        self._path = path
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self.fps = float(self._stream.average_rate or NOMINAL_FPS)
        context: object = self._stream.codec_context
        self._is_mjpeg = context is not None and self._stream.codec_context.name == "mjpeg"
        self._orientation = UPRIGHT  # EXIF's, of the JPEGs of the file
        self.unreadable = 0  # packets; a file that is broken off ends with one
        self.length_s = self._length_s()

    def pictures(self, fps: float) -> Iterator[VideoFrame]:
        """At most this many a second. Raises VideoError if none can be decoded."""
        taken_s, first_s = -1e9, None
        for number, frame in enumerate(self._frames()):
            stamp_s = number / self.fps if frame.pts is None else frame.time
            first_s = stamp_s if first_s is None else first_s
            at_s = stamp_s - first_s
            if 0 <= at_s - taken_s < (1 - SOONER) / fps:
                continue
            taken_s = at_s
            yield VideoFrame(self._upright(frame), at_s)
        if first_s is None:
            raise VideoError(f"{self._path}: not one picture in it can be decoded")

    def close(self) -> None:
        self._container.close()

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _frames(self) -> Iterator[av.VideoFrame]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                self.unreadable += 1
                return
            if packet is None:
                return
            if self._is_mjpeg and packet.size:
                self._orientation = orientation(bytes(packet))
            try:
                yield from packet.decode()
            except av.error.FFmpegError:
                self.unreadable += 1

    def _upright(self, frame: av.VideoFrame) -> Gray:
        gray = np.asarray(frame.to_ndarray(format="gray"), np.uint8)
        if self._orientation != UPRIGHT:  # FFmpeg reads it too, but does not mirror
            return turned_upright(gray, self._orientation)
        turns = round(frame.rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(gray, turns)) if turns else gray

    def _length_s(self) -> float | None:
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        return self._container.duration / av.time_base if self._container.duration else None


def _check(path: Path) -> None:
    try:
        if path.is_dir():
            raise VideoError(f"{path}: a folder, not a video")
        if not path.stat().st_size:
            raise VideoError(f"{path}: the file is empty")
    except FileNotFoundError:
        raise VideoError(f"{path}: there is no such file") from None
    except OSError as exc:
        raise VideoError(f"{path}: cannot be read: {exc.strerror}") from exc


def _words(exc: Exception) -> str:
    text = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
    return text[:1].lower() + text[1:]

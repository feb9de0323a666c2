"""From the packets of an open RTSP stream to decoded frames and the times of their capture."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import av.container

from camfan_nodes.camera.access_units import Joiner, Piece, Unit, marks_keys
from camfan_nodes.camera.capture_times import UNKNOWN_JPEG_NS, UNKNOWN_NS, CaptureTimes
from camfan_nodes.camera.clock import Clock
from camfan_nodes.camera.lookahead import read_lookahead
from camfan_nodes.camera.source import SourceCounts

KEY_WAIT_NS = 10_000_000_000  # a stream that marks no key frame is decoded as it comes
MAX_WAITING = 900  # coded frames that may have to be decoded later, and
MAX_WAITING_BYTES = 32_000_000
MAX_UNKEYED = 30  # of a codec that does not say which of them are key frames
MAX_DELAYED = 64  # frames that a decoder may hold back

_REPORT = struct.Struct("@IQI")  # ssrc, NTP time, RTP stamp: as FFmpeg lays it out
_PRODUCED = struct.Struct("@q")  # microseconds
_NTP_S = 2_208_988_800  # from 1900 to 1970

Packet = Any  # av.Packet is generic in ways that its releases disagree on


class PacketReader:
    """The coded frames of the first video stream, and their times of capture."""

    def __init__(
        self,
        container: av.container.InputContainer,
        clock: Clock,
        begun_ns: int,
        leave: threading.Event,
    ) -> None:
        """`begun_ns`: when it was opened; the first packet, and a report, came since then."""
        single = container.streams.video[0].codec_context.name == "mjpeg"
        self.times = CaptureTimes(UNKNOWN_JPEG_NS if single else UNKNOWN_NS)
        self.read_ns = clock.monotonic_ns()  # when the last read gave something
        self._before_ns = begun_ns  # the packet that is read next came after this
        self.pieces = 0  # read so far
        self._container = container
        self._clock = clock
        self._leave = leave

    def units(self) -> Iterator[Unit]:
        """Ends with the stream, or when asked to stop. Raises FFmpegError when reading fails."""
        stream = self._container.streams.video[0]
        joiner = Joiner(stream.codec_context.name, self.times.note)
        tick = stream.time_base or Fraction(1, 90_000)
        for packet in self._container.demux(stream):
            now_ns = self._clock.monotonic_ns()
            if self._leave.is_set() or not packet.size:
                return
            stamp_ns = None if packet.pts is None else round(packet.pts * tick * 1_000_000_000)
            if stamp_ns is not None and packet.has_sidedata("rtcp_sr"):
                self.times.report(stamp_ns - _since_report_ns(packet), self._before_ns, now_ns)
            self.read_ns = self._before_ns = now_ns
            self.pieces += 1
            for unit in joiner.feed(Piece(bytes(packet), stamp_ns, now_ns, packet.is_keyframe)):
                if unit.key and (lookahead := read_lookahead(unit.data)) is not None:
                    self.times.lookahead = lookahead
                yield unit


def _since_report_ns(packet: Packet) -> int:
    """From the report before this packet to its stamp, on the camera's clock."""
    _, ntp, _ = _REPORT.unpack_from(bytes(packet.get_sidedata("rtcp_sr")))
    report_us = ((ntp >> 32) - _NTP_S) * 1_000_000 + ((ntp & 0xFFFFFFFF) * 1_000_000 >> 32)
    if not packet.has_sidedata("prft"):
        return 0
    (produced_us,) = _PRODUCED.unpack_from(bytes(packet.get_sidedata("prft")))
    return int(produced_us - report_us) * 1000


@dataclass(frozen=True, slots=True)
class RtspFrame:
    """A frame, or a JPEG as it came, with the stamp and the arrival of its coded frame."""

    frame: av.VideoFrame | bytes
    stamp_ns: int | None
    arrived_ns: int


class PassingJpegs:
    """Takes the place of a decoder for MJPEG."""

    def __init__(self) -> None:
        self._newest: Unit | None = None

    def take(self, unit: Unit) -> None:
        """The next JPEG; it replaces one that was not wanted."""
        self._newest = unit

    def frames(self) -> list[RtspFrame]:
        """The newest JPEG, once."""
        unit, self._newest = self._newest, None
        return [] if unit is None else [RtspFrame(unit.data, unit.stamp_ns, unit.arrived_ns)]


class FrameDecoder:
    """Decodes units, at once or later; a key frame replaces all units that wait before it."""

    def __init__(self, context: Any, threads: int, counts: SourceCounts, clock: Clock) -> None:
        context.thread_type = "SLICE"  # FRAME would hold back a frame for each thread
        context.thread_count = threads
        self._context = context
        self._counts = counts
        self._clock = clock
        self._waiting: list[Unit] = []
        self._waiting_bytes = 0
        self._keyed = marks_keys(context.name)
        self._needs_key = self._keyed
        self._since_ns = clock.monotonic_ns()
        self._skipped = False  # units that the decoder never saw
        self._count = 0
        self._under_way: dict[int, Unit] = {}  # by number, until their frame comes

    def take(self, unit: Unit) -> None:
        """The next coded frame, to be decoded when `frames` is asked."""
        if unit.key:
            self._needs_key = False
            self._drop_waiting()
        elif self._needs_key and self._clock.monotonic_ns() - self._since_ns < KEY_WAIT_NS:
            return
        self._waiting.append(unit)
        self._waiting_bytes += len(unit.data)
        if not self._keyed and len(self._waiting) > MAX_UNKEYED:
            self.frames()  # each may need all before it
        if len(self._waiting) > MAX_WAITING or self._waiting_bytes > MAX_WAITING_BYTES:
            self._drop_waiting()
            self._needs_key, self._since_ns = True, self._clock.monotonic_ns()

    def frames(self) -> list[RtspFrame]:
        """The frames of the units that wait; of several units only the newest frame."""
        found: list[RtspFrame] = []
        late = len(self._waiting) > 1
        if self._skipped and self._waiting and self._context.is_open:
            self._context.flush_buffers()
        self._skipped = False
        for unit in self._waiting:
            found += self._decode(unit)
        self._waiting.clear()
        self._waiting_bytes = 0
        return found[-1:] if late else found

    def _drop_waiting(self) -> None:
        self._skipped = self._skipped or bool(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0

    def _decode(self, unit: Unit) -> list[RtspFrame]:
        packet: Packet = av.Packet(len(unit.data))  # with the padding that decoders read into
        packet.update(unit.data)
        packet.pts = self._count
        self._under_way[self._count] = Unit(b"", unit.stamp_ns, unit.arrived_ns, unit.key)
        self._under_way.pop(self._count - MAX_DELAYED, None)
        self._count += 1
        try:
            frames = self._context.decode(packet)
        except av.error.FFmpegError:
            self._counts.unreadable += 1
            return []
        return [decoded for frame in frames if (decoded := self._timed(frame, unit)) is not None]

    def _timed(self, frame: av.VideoFrame, newest: Unit) -> RtspFrame | None:
        if frame.is_corrupt:
            self._counts.unreadable += 1
            return None
        number = -1 if frame.pts is None else frame.pts
        unit = self._under_way.pop(number, newest)
        return RtspFrame(frame, unit.stamp_ns, unit.arrived_ns)

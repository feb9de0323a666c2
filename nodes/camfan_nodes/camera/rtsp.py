"""The source `rtsp`: a network camera, read and decoded by FFmpeg (PyAV) and encoded here.

MJPEG passes through untouched. A decoder that works on several frames at a time delays as many, so
it works on one. Only the newest frame is kept. While no subscriber watches, nothing is decoded; the
packets since the last key frame are kept, so that the next frame that is wanted comes at once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import av
import av.container
from av.video.reformatter import VideoReformatter

from camfan_config.site.pace import planned_pace
from camfan_config.types import RtspCamera
from camfan_nodes.camera.address import read_address
from camfan_nodes.camera.capture_times import CaptureTime
from camfan_nodes.camera.clock import Clock
from camfan_nodes.camera.network_reader import NetworkReader, NetworkReaders
from camfan_nodes.camera.pacing import Thinner
from camfan_nodes.camera.rtsp_connection import (
    NoVideoStreamError,
    SilentTransportError,
    TransportError,
    explain_silence,
    opened,
)
from camfan_nodes.camera.rtsp_frames import FrameDecoder, PacketReader, PassingJpegs
from camfan_nodes.camera.source import (
    FULL_DEMAND,
    Bgr,
    CapturedFrame,
    SourceCounts,
    SourceDemand,
    SourceError,
)
from camfan_nodes.camera.tls_relay import relayed
from camfan_nodes.camera.trust import TlsGate, trust_of

DEPTH = 1  # frames; full: the older one is dropped
MIN_TIMEOUT_S = 1.0
OTHER = {"tcp": "udp", "udp": "tcp"}

log = logging.getLogger(__name__)


def make_source(_name: str, camera: RtspCamera, clock: Clock) -> RtspSource:
    return RtspSource(camera, clock)


class RtspSource:
    def __init__(self, camera: RtspCamera, clock: Clock, *, threads: int = 1) -> None:
        """`threads` of the decoder; they share the slices of one frame."""
        self.counts = SourceCounts()
        self.reopens = True
        self._address = read_address(camera.url)
        self.name = self._address.shown
        self._gate = TlsGate(trust_of(camera))
        self._camera = camera
        self._clock = clock
        self._threads = threads
        self._transport: str = camera.transport  # as the camera wants it
        self._readers = NetworkReaders(self.name, clock)
        self._timeout_s = max(MIN_TIMEOUT_S, 0.8 * planned_pace(camera).stall_s)
        self._reformatter = VideoReformatter()

    def look(self) -> None:
        """Nothing is asked of a camera on the network."""

    @contextmanager
    def open(self, demand: SourceDemand = FULL_DEMAND) -> Iterator[NetworkReader]:
        def pictures(leave: threading.Event) -> Iterator[CapturedFrame | None]:
            begun_ns = self._clock.monotonic_ns()
            with self._opened() as container:
                reader.description = self._describe(container)
                packets = PacketReader(container, self._clock, begun_ns, leave)
                yield from self._follow(packets, self._decoder(container), demand)

        reader = NetworkReader(pictures, DEPTH, self.counts, self.name, demand)
        with self._readers.open(reader):
            yield reader

    @contextmanager
    def _opened(self) -> Iterator[av.container.InputContainer]:
        """If the description has no video, look for it in the packets."""
        try:
            with self._connected(looking=False) as found:
                yield found
                return
        except NoVideoStreamError:
            pass
        with self._connected(looking=True) as found:
            yield found

    @contextmanager
    def _connected(self, *, looking: bool) -> Iterator[av.container.InputContainer]:
        """Open the stream, over the other transport if the camera rejects the first one."""
        open_here = partial(opened, looking=looking)
        if self._address.scheme == "rtsps":
            self._transport = "tcp"  # all of it goes through the one connection
            with (
                relayed(self._address, self._gate, self._timeout_s) as url,
                open_here(url, self._address, "tcp", self._timeout_s) as found,
            ):
                yield found
            return
        try:
            with open_here(
                self._camera.url, self._address, self._transport, self._timeout_s
            ) as found:
                yield found
                return
        except SilentTransportError as exc:
            self._transport = OTHER[self._transport]
            raise SourceError(f"{exc}; next over {self._transport.upper()}") from None
        except TransportError as exc:
            refused = exc
        other = OTHER[self._transport]
        with open_here(self._camera.url, self._address, other, self._timeout_s) as found:
            log.info("%s, but over %s", refused, other.upper())
            self._transport = other
            yield found

    def _describe(self, container: av.container.InputContainer) -> str:
        context: Any = container.streams.video[0].codec_context
        if context is None:
            raise SourceError(f"{self.name}: its video is of a kind that cannot be decoded here")
        way = "passed through" if context.name == "mjpeg" else "encoded here"
        return f"{self.name} over {self._transport.upper()}, {context.name}, {way}"

    def _follow(
        self, packets: PacketReader, decoder: FrameDecoder | PassingJpegs, demand: SourceDemand
    ) -> Iterator[CapturedFrame | None]:
        """Frames until the stream ends or breaks, which is an error."""
        try:
            yield from self._wanted(packets, decoder, demand)
        except av.error.FFmpegError:
            silent_s = (self._clock.monotonic_ns() - packets.read_ns) / 1e9
            if silent_s >= 0.9 * self._timeout_s and not packets.pieces:
                raise explain_silence(self.name, self._transport, self._timeout_s) from None
            if silent_s >= 0.9 * self._timeout_s:
                raise SourceError(f"{self.name}: silent for {self._timeout_s:g} s") from None
            raise SourceError(f"{self.name}: the connection broke") from None
        raise SourceError(f"{self.name}: the camera ended the stream")

    def _decoder(self, container: av.container.InputContainer) -> FrameDecoder | PassingJpegs:
        context: Any = container.streams.video[0].codec_context
        if context.name == "mjpeg":
            return PassingJpegs()
        return FrameDecoder(context, self._threads, self.counts, self._clock)

    def _wanted(
        self, packets: PacketReader, decoder: FrameDecoder | PassingJpegs, demand: SourceDemand
    ) -> Iterator[CapturedFrame | None]:
        """Frames at the requested rate; None in place of a frame that is not wanted."""
        thinner, times = Thinner(self._camera.fps), packets.times
        for unit in packets.units():
            decoder.take(unit)
            if times.kept:
                continue
            if demand.idle():
                moment = times.of(unit.stamp_ns, unit.arrived_ns)
                if thinner.keeps(moment.at_ns / 1e9, demand.fps):
                    yield None
                continue
            for decoded in decoder.frames():
                moment = times.of(decoded.stamp_ns, decoded.arrived_ns)
                if thinner.keeps(moment.at_ns / 1e9, demand.fps):
                    yield self._picture(decoded.frame, moment)

    def _picture(self, frame: av.VideoFrame | bytes, moment: CaptureTime) -> CapturedFrame:
        age_ns = self._clock.monotonic_ns() - moment.at_ns
        content = frame if isinstance(frame, bytes) else self._pixels(frame)
        return CapturedFrame(content, self._clock.wall_ns() - age_ns, moment.error_ns)

    def _pixels(self, frame: av.VideoFrame) -> Bgr:
        """BGR in the requested size, or else in its own size."""
        size = self._camera.size
        width, height = (size.width, size.height) if size else (frame.width, frame.height)
        scaled = self._reformatter.reformat(
            frame, width, height, "bgr24", interpolation="AREA" if size else None
        )
        return cast(Bgr, scaled.to_ndarray())

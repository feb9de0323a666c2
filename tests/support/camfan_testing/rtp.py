"""Pictures with a readable clock, encoded live and cut into RTP packets by FFmpeg's own muxer.

The cells in the corner of a picture hold the millisecond in which it was drawn, so that any
decodes it reads its true age out of the pixels.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from camfan_nodes.camera.frame_number_mark import draw_number, read_number

RTP_HZ = 90_000
PACKET_BYTES = 1400
_RTCP = range(192, 224)
_MASK = 2**32 - 1

_LIVE: dict[str, dict[str, str]] = {  # encoders that give each picture back at once
    "h264": {"preset": "ultrafast", "tune": "zerolatency"},
    "hevc": {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x265-params": "log-level=none:pools=1:frame-threads=1:repeat-headers=1",
    },
    "mjpeg": {"huffman": "default"},  # the only tables that RFC 2435 knows
    "mpeg4": {},
    "vp8": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"},
}
_ENCODERS = {"h264": "libx264", "hevc": "libx265", "vp8": "libvpx"}
_NAMES = {"h264": "H264", "hevc": "H265", "mpeg4": "MP4V-ES", "vp8": "VP8"}  # of the SDP


def milliseconds() -> int:
    return time.time_ns() // 1_000_000


def age_of(grey: npt.NDArray[np.uint8]) -> float | None:
    """Seconds since the picture was drawn; None for a picture without a readable clock."""
    drawn = read_number(grey)
    return None if drawn is None else ((milliseconds() - drawn + 2**31) % 2**32 - 2**31) / 1000


@dataclass(frozen=True, slots=True)
class Film:
    """What a camera shows and how it is encoded."""

    codec: str = "h264"
    size: tuple[int, int] = (320, 240)
    fps: float = 10
    gop: int = 10
    b_frames: int = 0
    options: dict[str, str] = field(default_factory=dict)
    mpegts: bool = False  # in a transport stream, which lists what is in it only now and then


class _Packets:
    """A file for FFmpeg to write to: keeps packets apart, without its sender reports."""

    def __init__(self) -> None:
        self.found: list[bytes] = []

    def write(self, data: bytes) -> int:
        if data[1] not in _RTCP:
            self.found.append(bytes(data))
        return len(data)


class Projector:
    """Draws, encodes and packs pictures, one a call."""

    def __init__(self, film: Film) -> None:
        self.film = film
        self._packets = _Packets()
        self._output: Any = av.open(
            self._packets,
            "w",
            format="rtp_mpegts" if film.mpegts else "rtp",
            options={"packetsize": str(PACKET_BYTES)}
            | ({"mpegts_muxer_options": "pat_period=60"} if film.mpegts else {}),
            buffer_size=PACKET_BYTES,
        )
        stream: Any = self._output.add_stream(_ENCODERS.get(film.codec, film.codec), rate=1000)
        stream.width, stream.height = film.size
        stream.pix_fmt = "yuvj420p" if film.codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = film.gop
        stream.codec_context.bit_rate = 1_500_000
        stream.options = self._options()
        self._stream = stream
        self._count = 0

    def _options(self) -> dict[str, str]:
        film = self.film
        options = _LIVE[film.codec] | film.options
        if film.codec == "h264":
            parameters = (
                f"bframes={film.b_frames}:b-adapt=0:keyint={film.gop}:scenecut=0:"
                "rc-lookahead=0:sync-lookahead=0:repeat-headers=1"
            )
            options = options | {"x264-params": parameters}
        return options

    def shoot(self, at_ms: int, stamp_ms: int) -> list[tuple[int, list[bytes]]]:
        """One more picture, with the clock at `at_ms`: the access units that the encoder gives.

        Each is the `stamp_ms` of its picture and its RTP packets.
        """
        frame = av.VideoFrame.from_ndarray(self._draw(at_ms), format="gray")
        frame.pts, frame.time_base = stamp_ms, Fraction(1, 1000)
        frame = frame.reformat(format=self._stream.pix_fmt)
        units = []
        for packet in self._stream.encode(frame):
            stamp = packet.pts
            self._output.mux(packet)
            units.append((stamp, self._packets.found.copy()))
            self._packets.found.clear()
        return units

    def _draw(self, at_ms: int) -> npt.NDArray[np.uint8]:
        width, height = self.film.size
        grey = np.full((height, width), 60, np.uint8)
        left = self._count * 16 % (width - 16)
        grey[height // 4 : height // 2, left : left + 16] = 200
        draw_number(grey, at_ms)
        self._count += 1
        return grey


def sdp_of(codec: str, *, config: str = "", lines: tuple[str, ...] = ()) -> str:
    """The description of one video track; the decoder finds its parameters in the stream."""
    if codec == "mpegts":
        media = ["m=video 0 RTP/AVP 33"]
    elif codec == "mjpeg":
        media = ["m=video 0 RTP/AVP 26"]
    else:
        media = ["m=video 0 RTP/AVP 96", f"a=rtpmap:96 {_NAMES.get(codec, codec)}/{RTP_HZ}"]
    if codec == "h264":
        media.append("a=fmtp:96 packetization-mode=1")
    if codec == "mpeg4" and config:
        media.append(f"a=fmtp:96 profile-level-id=1;config={config}")
    head = ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=cam", "t=0 0"]
    return "".join(f"{line}\r\n" for line in (*head, *media, *lines, "a=control:track"))


def numbered(packet: bytes, sequence: int, stamp: int) -> bytes:
    """The same RTP packet with another number and timestamp."""
    number = (sequence & 0xFFFF).to_bytes(2, "big") + (stamp & _MASK).to_bytes(4, "big")
    return packet[:2] + number + packet[8:]

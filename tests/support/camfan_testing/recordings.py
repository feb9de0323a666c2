"""Frames to record, and what an independent reader finds in a segment."""

from __future__ import annotations

import functools
from pathlib import Path

import av
import numpy as np
import simplejpeg

from camfan.frame import Frame
from camfan_wire.header import Header

RUN = "00000000000000a1"
NEXT_RUN = "fedcba9876543210"
START_NS = 1_795_342_500_123_456_789  # 2026-11-22T10:15:00.123 UTC
INTERVAL_NS = 66_666_667


@functools.cache
def picture(seed: int, width: int = 64, height: int = 48) -> bytes:
    """A JPEG that is like no other."""
    noise = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    return bytes(simplejpeg.encode_jpeg(noise, quality=60))


def frame(
    sequence: int,
    *,
    camera: str = "porch",
    run: str = RUN,
    captured: int | None = None,
    offset: int | None = 0,
    width: int = 64,
    height: int = 48,
    jpeg: bytes | None = None,
    late: bool = False,
) -> Frame:
    """A frame as a Subscriber gives it; its time follows from its sequence unless given."""
    data = picture(sequence, width, height) if jpeg is None else jpeg
    header = Header(
        version=1,
        camera=camera,
        run=run,
        sequence=sequence,
        captured=START_NS + sequence * INTERVAL_NS if captured is None else captured,
        offset=offset,
        error=None if offset is None else 1_000,
        width=width,
        height=height,
        size=len(data),
        late=late,
    )
    return Frame(header, data)


def packets(path: Path) -> list[tuple[int, bytes]]:
    """(milliseconds, bytes) of what FFmpeg reads from a file."""
    with av.open(str(path)) as container:
        assert container.format.name == "matroska,webm"
        stream = container.streams.video[0]
        assert stream.time_base is not None
        scale = stream.time_base * 1000
        found = [packet for packet in container.demux(stream) if packet.size]
        return [(round((packet.pts or 0) * scale), bytes(packet)) for packet in found]

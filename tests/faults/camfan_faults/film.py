"""A film of JPEGs that are all known: what a `file` camera publishes, picture by picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

from camfan_faults.camera import picture
from camfan_faults.log import Run, checksum


def write_film(path: Path, frames: int, fps: int, size: int = 8_000) -> list[str]:
    """An MJPEG file; the checksums of its pictures."""
    found: list[str] = []
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number in range(frames):
            jpeg = picture("film", number, size)
            packet = av.Packet(jpeg)
            packet.pts = packet.dts = number
            packet.time_base, packet.stream = Fraction(1, fps), stream
            packet.is_keyframe = True
            container.mux(packet)
            found.append(checksum(jpeg))
    return found


def run_of(film: list[str], run: str) -> Run:
    """What a camera that played it to its end has numbered."""
    return Run(run, list(film))

"""Writes the drawn scene into a video file, once; later demonstrations find it there."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import simplejpeg

from camfan_nodes.demo.backdrop import HEIGHT, WIDTH
from camfan_nodes.demo.scene import FPS, FRAMES, DrawnScene

CLIP = "yard-1.avi"  # another number for another scene, so that an old one is not shown
QUALITY = 82


def write_clip(path: Path, progress: Callable[[int, int], None]) -> None:
    """Motion JPEG, so that its frames are published as they are. Raises OSError.

    The file gets its name only when it is complete, so an interrupted run leaves nothing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with av.open(str(unfinished), "w", format="avi") as container:
            stream = container.add_stream("mjpeg", rate=FPS)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
            stream.time_base = Fraction(1, FPS)
            scene = DrawnScene()
            for number in range(FRAMES):
                jpeg = simplejpeg.encode_jpeg(scene.frame(number), QUALITY, "BGR", "420")
                packet = av.Packet(jpeg)
                packet.stream, packet.time_base = stream, Fraction(1, FPS)
                packet.pts = packet.dts = number
                packet.is_keyframe = True
                container.mux(packet)
                progress(number + 1, FRAMES)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)

"""Encoded pictures: MP4 with H.264, GIF, animated WebP."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import av
import av.error
import av.filter
from av.container import OutputContainer
from av.video.stream import VideoStream

from camfan_nodes.export.pictures import PIXELS, Layout
from camfan_nodes.export.request import ExportFormat

_CODECS = {"mp4": "libx264", "gif": "gif", "webp": "libwebp_anim"}
_PIXELS = {"mp4": PIXELS, "gif": "pal8", "webp": PIXELS}
_UNITS = {"mp4": Fraction(1, 90_000), "gif": Fraction(1, 100), "webp": Fraction(1, 1000)}
_OF_CODEC = {
    # Without frames that refer forwards, the end of the file is known to the last frame.
    "mp4": {"preset": "veryfast", "crf": "23", "bf": "0"},
    "gif": {},
    "webp": {"quality": "75", "compression_level": "2"},
}
_OF_FILE = {"mp4": {"movflags": "+faststart"}, "gif": {"loop": "0"}, "webp": {"loop": "0"}}
COARSE = Fraction(1, 1000)
FINE_S = 6 * 3600  # the time of one picture has 31 bits
KEY_FRAMES = 60  # a player that jumps decodes no more frames than this


class EncodedVideo:
    """A file of pictures, each with its own duration."""

    def __init__(
        self,
        path: Path,
        kind: ExportFormat,
        layout: Layout,
        fps: float,
        title: str,
        *,
        length_s: float,
    ) -> None:
        """Raises av.error.FFmpegError."""
        self._unit = COARSE if kind == "mp4" and length_s > FINE_S else _UNITS[kind]
        container = av.open(str(path), "w", format=kind, container_options=_OF_FILE[kind])
        self._container: OutputContainer = container
        container.metadata["title"] = title
        rate = Fraction(fps).limit_denominator(1001)
        self._stream: VideoStream = cast(Any, container).add_stream(_CODECS[kind], rate=rate)
        self._stream.width, self._stream.height = layout.width, layout.height
        self._stream.pix_fmt = _PIXELS[kind]
        self._stream.options = _OF_CODEC[kind]
        self._stream.codec_context.time_base = self._unit
        if kind == "mp4":
            self._stream.codec_context.gop_size = KEY_FRAMES
        self._palette = _palette_graph(layout, self._unit) if kind == "gif" else None
        self._durations: dict[int, int] = {}  # by presentation time

    def add(self, picture: av.VideoFrame, at_ns: int, duration_ns: int) -> None:
        """The next picture, at a time since the beginning."""
        pts = self._units(at_ns)
        picture.pts, picture.time_base = pts, self._unit
        self._durations[pts] = max(self._units(at_ns + duration_ns) - pts, 1)
        if self._palette is not None:
            self._palette.push(picture)
            picture = cast(av.VideoFrame, self._palette.pull())
            picture.pts, picture.time_base = pts, self._unit
        picture.pict_type = 0  # the encoder chooses
        self._mux(picture)

    def finish(self) -> None:
        """Write what the encoder still holds, and the end of the file."""
        self._mux(None)
        self._container.close()

    def close(self) -> None:
        self._container.close()

    def __enter__(self) -> EncodedVideo:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _mux(self, picture: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(picture):
            if packet.pts is not None:
                packet.duration = self._durations.pop(packet.pts, packet.duration or 0)
            self._container.mux(packet)

    def _units(self, time_ns: int) -> int:
        return round(time_ns * self._unit.denominator / 1_000_000_000)


def _palette_graph(layout: Layout, unit: Fraction) -> av.filter.Graph:
    """Chooses 256 colours for each picture."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=layout.width, height=layout.height, format=av.VideoFormat(PIXELS), time_base=unit
    )
    split, sink = graph.add("split"), graph.add("buffersink")
    palette = graph.add("palettegen", "stats_mode=single")
    use = graph.add("paletteuse", "new=1:dither=bayer")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph

"""The picture of a clip: its peak, small."""

from __future__ import annotations

import os
from pathlib import Path

import simplejpeg

from camfan.recording.queries import IndexReader
from camfan.recording.rows import ClipRow
from camfan_nodes.recorder.segment import thumbnail_name

WIDTH = 480  # pixels, at least; scaling down costs little while it is decoded
QUALITY = 80
NEAR_NS = 2_000_000_000  # as far from the peak the frame may be


def make_thumbnail(folder: Path, index: IndexReader, clip: ClipRow) -> str | None:
    """Write the frame of a clip that is nearest to its peak; its path below the folder.

    None where there is no such frame, or none that can be decoded. Raises OSError.
    """
    near = (max(clip.peak_ns - NEAR_NS, clip.start_ns), min(clip.peak_ns + NEAR_NS, clip.end_ns))
    found = list(index.frames(clip.camera, near[0], near[1] + 1))
    if not found:
        return None
    segment, row = min(found, key=lambda pair: abs(pair[1].time_ns - clip.peak_ns))
    with (folder / segment.path).open("rb") as file:
        jpeg = os.pread(file.fileno(), row.size, row.offset)
    try:
        picture = simplejpeg.decode_jpeg(jpeg, min_width=WIDTH, min_height=1)
        small = simplejpeg.encode_jpeg(picture, quality=QUALITY, colorsubsampling="420")
    except ValueError:
        return None
    return _write(folder, clip, small)


def _write(folder: Path, clip: ClipRow, jpeg: bytes) -> str:
    attempt = 0
    while True:
        name = thumbnail_name(clip.camera, clip.start_ns, attempt)
        path = folder / name
        for parent in (path.parent.parent, path.parent):
            parent.mkdir(exist_ok=True)
        try:
            with path.open("xb") as file:
                file.write(jpeg)
        except FileExistsError:
            attempt += 1
        else:
            return name

"""What the index takes beside the frames."""

from __future__ import annotations

import random
from pathlib import Path

from camfan.recording.rows import FrameRow, SegmentRow
from camfan_nodes.recorder.index import Index
from camfan_testing.recordings import INTERVAL_NS, START_NS

CAMERAS, SECONDS, FPS, SEGMENT_S = 8, 600, 15, 60
SHIFT_NS = -3_123_456


def test_a_frame_takes_less_than_40_bytes(tmp_path: Path) -> None:
    """Eight cameras, committed each second, files of a minute, frames of about 50 kB."""
    sizes = random.Random(1)
    index = Index(tmp_path)
    opened: dict[int, tuple[int, int]] = {}  # by camera: id and length of its file
    for second in range(SECONDS):
        for camera in range(CAMERAS):
            if second % SEGMENT_S == camera or camera not in opened:
                opened[camera] = (index.new_id(), 600)
                index.add_segment(segment(opened[camera][0], camera, second))
            number, offset = opened[camera]
            for sequence in range(second * FPS, second * FPS + FPS):
                at_ns = START_NS + sequence * INTERVAL_NS + sizes.randrange(1_000_000)
                size = sizes.randrange(45_000, 55_000)
                row = FrameRow(sequence, at_ns + SHIFT_NS, at_ns, offset, size)
                index.add_frame(number, row, SHIFT_NS)
                offset += size + 115
            opened[camera] = (number, offset)
        index.commit(durable=False)
    index.close()

    stored = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert stored / (CAMERAS * SECONDS * FPS) < 40


def segment(number: int, camera: int, second: int) -> SegmentRow:
    return SegmentRow(
        id=number,
        camera=f"camera-{camera}",
        run=f"{camera:016x}",
        path=f"camera-{camera}/2026-11-22/{second}.mkv",
        width=1280,
        height=720,
        start_ns=START_NS + second * 1_000_000_000,
        shift_ns=SHIFT_NS,
    )

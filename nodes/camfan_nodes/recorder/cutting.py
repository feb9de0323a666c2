"""Cutting a file down to the frames that clips and protection need.

The frames that stay are copied, untouched, into a file of their own, which has no name yet when
the index begins to refer to it. So a kill at any moment leaves either the old file or the new one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from camfan.recording.matroska import About, FrameRecord
from camfan.recording.retention import Interval
from camfan.recording.rows import FrameRow, SegmentRow, shift_between
from camfan_nodes.recorder.segment import Segment


@dataclass(frozen=True, slots=True)
class CutFile:
    """A finished file that still has to be revealed, and its rows."""

    file: Segment
    row: SegmentRow
    frames: tuple[FrameRow, ...]


def frames_within(frames: Iterable[FrameRow], needed: Iterable[Interval]) -> list[FrameRow]:
    """Those whose site time lies in one of the intervals."""
    intervals = tuple(needed)
    return [
        frame for frame in frames if any(start <= frame.time_ns <= end for start, end in intervals)
    ]


def cut_segment(folder: Path, old: SegmentRow, frames: list[FrameRow], number: int) -> CutFile:
    """Copy these frames of a file into a new one, on the disk. Raises OSError.

    `number` is the id of the new row.
    """
    about = About(old.camera, old.width, old.height, frames[0].time_ns)
    file = Segment(folder, about, hidden=True)
    try:
        rows = _copy(folder / old.path, file, old, frames)
        file.finish()
        file.sync()
    except OSError:
        file.discard()
        raise
    row = SegmentRow(
        id=number,
        camera=old.camera,
        run=old.run,
        path=file.name,
        width=old.width,
        height=old.height,
        state="closed",
        start_ns=about.start_ns,
        end_ns=file.end_ns,
        first=file.first,
        last=file.last,
        bytes=file.bytes,
        synced_bytes=file.bytes,
        form=old.form,
        clock=old.clock,
        kept=1,
        shift_ns=shift_between(frames[0].captured_ns, frames[0].time_ns),
    )
    return CutFile(file, row, rows)


def _copy(
    source: Path, target: Segment, old: SegmentRow, frames: list[FrameRow]
) -> tuple[FrameRow, ...]:
    copied = []
    run = int(old.run, 16)
    with source.open("rb") as file:
        for frame in frames:
            jpeg = memoryview(os.pread(file.fileno(), frame.size, frame.offset))
            record = FrameRecord(run, frame.sequence, frame.captured_ns, frame.time_ns)
            offset = target.append(jpeg, record)
            copied.append(
                FrameRow(frame.sequence, frame.captured_ns, frame.time_ns, offset, jpeg.nbytes)
            )
    return tuple(copied)

"""Cutting a file down to the frames that clips and protection need.

The frames that stay are copied, untouched, into a file of their own, which has no name yet when
the index begins to refer to it. So a kill at any moment leaves either the old file or the new one.
A frame that is not as it was written is not copied: it would get a checksum that fits.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from camfan.recording.errors import FrameLostError
from camfan.recording.frame_files import FrameFiles
from camfan.recording.lookup import FramesFile
from camfan.recording.matroska import About, FrameRecord
from camfan.recording.retention import Interval
from camfan.recording.rows import FrameRow, SegmentRow, shift_between
from camfan_nodes.recorder.losses import DAMAGED
from camfan_nodes.recorder.segment import Segment
from camfan_wire.messages import Gap


@dataclass(frozen=True, slots=True)
class CutFile:
    """A finished file that still has to be revealed, its rows, and the frames that were damaged."""

    file: Segment
    row: SegmentRow
    frames: tuple[FrameRow, ...]
    gaps: tuple[Gap, ...]


def frames_within(frames: Iterable[FrameRow], needed: Iterable[Interval]) -> list[FrameRow]:
    """Those whose site time lies in one of the intervals."""
    intervals = tuple(needed)
    return [
        frame for frame in frames if any(start <= frame.time_ns <= end for start, end in intervals)
    ]


def cut_segment(
    folder: Path, old: SegmentRow, frames: list[FrameRow], number: int
) -> CutFile | None:
    """Copy these frames of a file into a new one, on the disk; None if all of them are damaged.

    `number` is the id of the new row. Raises OSError, and then leaves nothing behind.
    """
    about = About(old.camera, old.width, old.height, frames[0].time_ns)
    file = Segment(folder, about, hidden=True)
    try:
        copied = _copy(folder, file, old, frames)
        if not copied:
            file.discard()
            return None
        file.finish()
        file.sync()
    except OSError:
        file.discard()
        raise
    return CutFile(file, _row_of(file, old, frames[0], number), copied, _gaps(old, frames, copied))


def _row_of(file: Segment, old: SegmentRow, first: FrameRow, number: int) -> SegmentRow:
    return SegmentRow(
        id=number,
        camera=old.camera,
        run=old.run,
        path=file.name,
        width=old.width,
        height=old.height,
        state="closed",
        start_ns=file.about.start_ns,
        end_ns=file.end_ns,
        first=file.first,
        last=file.last,
        bytes=file.bytes,
        synced_bytes=file.bytes,
        form=old.form,
        clock=old.clock,
        kept=1,
        shift_ns=shift_between(first.captured_ns, first.time_ns),
    )


def _copy(
    folder: Path, target: Segment, old: SegmentRow, frames: list[FrameRow]
) -> tuple[FrameRow, ...]:
    """The frames that are as they were written, as rows of the new file. Raises OSError."""
    copied = []
    run = int(old.run, 16)
    place = (old.id, old.camera, old.path, old.run, old.width, old.height)
    source = FramesFile(*place, old.start_ns, old.end_ns, old.shift_ns)
    with closing(FrameFiles(folder)) as files:
        for frame in frames:
            try:
                jpeg = memoryview(files.read(source, frame).jpeg)
            except FrameLostError as exc:
                if isinstance(exc.__cause__, OSError):  # it may be there the next time
                    raise exc.__cause__ from None
                continue
            record = FrameRecord(run, frame.sequence, frame.captured_ns, frame.time_ns)
            offset = target.append(jpeg, record)
            copied.append(
                FrameRow(frame.sequence, frame.captured_ns, frame.time_ns, offset, jpeg.nbytes)
            )
    return tuple(copied)


def _gaps(old: SegmentRow, frames: list[FrameRow], copied: tuple[FrameRow, ...]) -> tuple[Gap, ...]:
    """The stretches of frames that were not copied."""
    lost = sorted({row.sequence for row in frames} - {row.sequence for row in copied})
    starts = lost[:1] + [later for earlier, later in pairwise(lost) if later != earlier + 1]
    ends = [earlier for earlier, later in pairwise(lost) if later != earlier + 1] + lost[-1:]
    return tuple(
        Gap(camera=old.camera, run=old.run, first=first, last=last, reason=DAMAGED)
        for first, last in zip(starts, ends, strict=True)
    )

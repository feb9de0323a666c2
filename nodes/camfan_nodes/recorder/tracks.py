"""Which file a frame belongs to, and at what time.

A camera has one track for the frames that come in order and one for those that come late, so that
a late frame is filed under its own time and the order inside a file is always that of time.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from camfan.frame import Frame
from camfan.recording.rows import SegmentRow, SegmentState, clock_state
from camfan_nodes.recorder.segment import Segment
from camfan_nodes.recorder.timeline import FrameTime, Timeline


@dataclass(slots=True, eq=False)
class OpenSegment:
    """A segment that a track writes to, or that waits to be finished."""

    id: int
    run: str
    file: Segment
    until_ns: int  # site time of the first frame that belongs to the next segment
    written_s: float  # monotonic
    shift_ns: int  # capture time minus site time, of the first frame

    def row(self, state: SegmentState = "open") -> SegmentRow:
        about = self.file.about
        return SegmentRow(
            id=self.id,
            camera=about.camera,
            run=self.run,
            path=self.file.name,
            width=about.width,
            height=about.height,
            state=state,
            start_ns=about.start_ns,
            end_ns=self.file.end_ns,
            first=self.file.first,
            last=self.file.last,
            bytes=self.file.bytes,
            synced_bytes=self.file.synced_bytes,
            shift_ns=self.shift_ns,
            clock=clock_state(about.start_ns),
        )


class Track:
    """Frames of one camera, one after the other in time."""

    def __init__(self) -> None:
        self.part: OpenSegment | None = None
        self._timeline = Timeline()

    def place(self, frame: Frame) -> FrameTime:
        """When the frame was; `restart`: the part that is open, if any, is not for it."""
        part = self.part
        if part is None or not _continues(part, frame):
            return FrameTime(self._timeline.start(frame.captured, frame.offset), restart=True)
        moment = self._timeline.follow(frame.captured, frame.offset, frame.error or 0)
        if not moment.restart and moment.time_ns >= part.until_ns:
            time_ns = self._timeline.start(frame.captured, frame.offset)
            return FrameTime(time_ns, moment.step_ns, restart=True)
        return moment


def _continues(part: OpenSegment, frame: Frame) -> bool:
    about = part.file.about
    in_order = part.file.last is None or frame.sequence > part.file.last
    same_size = (about.width, about.height) == (frame.width, frame.height)
    return part.run == frame.run and same_size and in_order


def next_boundary(camera: str, time_ns: int, segment_ns: int) -> int:
    """The end of the segment that a moment belongs to.

    Ends lie on a grid, the same after every start; each camera has its own, so that not all
    files are closed and opened in one moment.
    """
    phase_ns = zlib.crc32(camera.encode()) * segment_ns >> 32
    return ((time_ns - phase_ns) // segment_ns + 1) * segment_ns + phase_ns

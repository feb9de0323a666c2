"""What is shown at which moment: the frames of one camera, or of several side by side."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from camfan import Frame, FrameLostError, Recording
from camfan_nodes.export.request import ExportRequest

SAMPLE = 60  # frames, of which the usual interval is taken
STALE_NS = 3_000_000_000  # a camera is blank in a grid after this time without a frame
USUAL_NS = 100_000_000  # between two frames, where there are no two


class ExportShot(NamedTuple):
    """One picture of the result."""

    time_ns: int
    frames: tuple[Frame | None, ...]  # one for each camera; None: it has none at this time


@dataclass(slots=True)
class Source:
    """The recording of some cameras from one time to another."""

    recording: Recording
    cameras: tuple[str, ...]
    start_ns: int
    end_ns: int
    every_s: float | None
    lost: list[FrameLostError] = field(default_factory=list)

    def frames(self, camera: str) -> Iterator[Frame]:
        """Frames that cannot be read are noted in `lost`."""
        return self.recording.frames(
            camera, self.start_ns, self.end_ns, self.every_s, on_lost=self.lost.append
        )

    def usual_ns(self) -> int:
        """The usual time between two frames of the fastest camera."""
        return min(self._usual_ns(camera) for camera in self.cameras)

    def _usual_ns(self, camera: str) -> int:
        every_ns = None if self.every_s is None else int(self.every_s * 1e9)
        times: list[int] = []
        found = self.recording.frames(
            camera, self.start_ns, self.end_ns, self.every_s, on_lost=lambda _lost: None
        )
        for frame in found:
            times.append(time_of(frame))
            if len(times) == SAMPLE:
                break
        apart = sorted(b - a for a, b in itertools.pairwise(times) if b > a)
        return apart[len(apart) // 2] if apart else every_ns or USUAL_NS


def make_source(recording: Recording, request: ExportRequest) -> Source:
    """The part of a request that is recorded."""
    spans = [recording.span(camera) for camera in request.cameras]
    first_ns = min(span.start for span in spans)
    last_ns = max(span.end for span in spans) + 1
    start_ns = first_ns if request.start_ns is None else max(request.start_ns, first_ns)
    end_ns = last_ns if request.end_ns is None else min(request.end_ns, last_ns)
    return Source(recording, request.cameras, start_ns, max(start_ns, end_ns), request.every_s)


def time_of(frame: Frame) -> int:
    """Site time; a recorded frame always has one."""
    site_ns = frame.site_time
    assert site_ns is not None
    return site_ns


def shots(source: Source) -> Iterator[ExportShot]:
    """One a frame of one camera; of several, one a tick of the fastest, with what came in it."""
    if len(source.cameras) == 1:
        for frame in source.frames(source.cameras[0]):
            yield ExportShot(time_of(frame), (frame,))
        return
    yield from _grid_shots(source)


def _grid_shots(source: Source) -> Iterator[ExportShot]:
    apart_ns = source.usual_ns() if source.every_s is None else int(source.every_s * 1e9)
    stale_ns = max(STALE_NS, 2 * apart_ns)
    views = [_MovingView(source.frames(camera)) for camera in source.cameras]
    begins = [view.next_ns for view in views if view.next_ns is not None]
    time_ns = min(begins, default=source.end_ns)
    while any(view.next_ns is not None for view in views):
        for view in views:
            view.move_to(time_ns + apart_ns - 1)
        shown = tuple(view.newest(time_ns - stale_ns) for view in views)
        yield ExportShot(time_ns, shown)
        time_ns += apart_ns
        coming = [view.next_ns for view in views if view.next_ns is not None]
        if coming and not any(shown):  # no picture changes until then
            time_ns += max(min(coming) - time_ns, 0) // apart_ns * apart_ns


class _MovingView:
    """The frames of one camera, up to a moment that moves."""

    def __init__(self, frames: Iterator[Frame]) -> None:
        self._frames = frames
        self._newest: Frame | None = None
        self._next = next(frames, None)

    @property
    def next_ns(self) -> int | None:
        return None if self._next is None else time_of(self._next)

    def move_to(self, time_ns: int) -> None:
        while self._next is not None and time_of(self._next) <= time_ns:
            self._newest, self._next = self._next, next(self._frames, None)

    def newest(self, since_ns: int) -> Frame | None:
        frame = self._newest
        return frame if frame is not None and time_of(frame) >= since_ns else None


def merged_frames(source: Source) -> Iterator[tuple[int, Frame]]:
    """(number of the camera, frame), of all cameras in order of time."""
    tracks = [
        _numbered(number, source.frames(camera)) for number, camera in enumerate(source.cameras)
    ]
    yield from heapq.merge(*tracks, key=lambda item: time_of(item[1]))


def _numbered(number: int, frames: Iterator[Frame]) -> Iterator[tuple[int, Frame]]:
    return ((number, frame) for frame in frames)

"""Opens and closes the segments of a recorder, and tells the index of them.

Order, always: data, fsync of the file and of its folders, and only then the row that says so;
the commit is the caller's.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from camfan.frame import Frame
from camfan.recording.matroska import About, FrameRecord
from camfan.recording.rows import FrameRow, shift_between
from camfan_nodes.recorder.index import Index
from camfan_nodes.recorder.losses import DISK_FULL, reason_of
from camfan_nodes.recorder.segment import Segment
from camfan_nodes.recorder.timeline import FrameTime
from camfan_nodes.recorder.tracks import OpenSegment, Track, next_boundary

log = logging.getLogger(__name__)


class OpenSegments:
    """Every file that is written to, or is not yet safely on the disk."""

    def __init__(
        self, folder: Path, index: Index, segment_ns: int, before_open: Callable[[], None]
    ) -> None:
        """`before_open` is called before each new file."""
        self._before_open = before_open
        self._folder = folder
        self._index = index
        self._segment_ns = segment_ns
        self._tracks: dict[tuple[str, bool], Track] = {}
        self._retired: list[OpenSegment] = []  # full, and not yet finished and synced

    def write(self, frame: Frame, now_s: float, *, late: bool) -> FrameTime:
        """Put a frame where it belongs. Raises OSError, with every file as it was before."""
        track = self._tracks.get((frame.camera, late))
        if track is None:
            track = self._tracks[frame.camera, late] = Track()
        moment = track.place(frame)
        if moment.restart:
            self._retire(track)
        part = track.part = track.part or self._open(frame, moment.time_ns)
        jpeg = memoryview(frame.jpeg)
        record = FrameRecord(int(frame.run, 16), frame.sequence, frame.captured, moment.time_ns)
        offset = part.file.append(jpeg, record)
        part.written_s = now_s
        row = FrameRow(frame.sequence, frame.captured, moment.time_ns, offset, jpeg.nbytes)
        self._index.add_frame(part.id, row, part.shift_ns)
        return moment

    def retire(self, written_before_s: float) -> None:
        """Let go of the files that nothing was written to since then."""
        for track in self._tracks.values():
            if track.part is not None and track.part.written_s < written_before_s:
                self._retire(track)

    def note(self) -> None:
        """Tell the index how far the files have come."""
        for part in self._open_parts():
            self._index.update_segment(part.row())

    def sync(self) -> None:
        """All that was written is on the disk, retired files finished and closed.

        Raises the first OSError, after trying every file.
        """
        errors: list[OSError] = []
        for part in [*self._open_parts(), *self._retired]:
            try:
                self._secure(part)
            except OSError as exc:
                errors.append(exc)
                if reason_of(exc) != DISK_FULL:
                    self._abandon(part, exc)
        if errors:
            raise errors[0]

    def close(self) -> None:
        """Let go of everything, finished or not."""
        for part in [*self._open_parts(), *self._retired]:
            part.file.close()
        self._tracks.clear()
        self._retired.clear()

    def _open_parts(self) -> list[OpenSegment]:
        return [track.part for track in self._tracks.values() if track.part is not None]

    def _open(self, frame: Frame, time_ns: int) -> OpenSegment:
        self._before_open()
        about = About(frame.camera, frame.width, frame.height, time_ns)
        part = OpenSegment(
            id=self._index.new_id(),
            run=frame.run,
            file=Segment(self._folder, about),
            until_ns=next_boundary(frame.camera, time_ns, self._segment_ns),
            written_s=0.0,
            shift_ns=shift_between(frame.captured, time_ns),
        )
        self._index.add_segment(part.row())
        return part

    def _retire(self, track: Track) -> None:
        part, track.part = track.part, None
        if part is None:
            return
        if part.file.first is not None:
            self._retired.append(part)
            return
        with contextlib.suppress(OSError):  # an empty file is taken away at the next start
            part.file.discard()
        self._index.forget_segment(part.id)

    def _secure(self, part: OpenSegment) -> None:
        retired = part in self._retired
        if retired and not part.file.finished:
            part.file.finish()
        if part.file.bytes != part.file.synced_bytes or retired:
            part.file.sync()
            self._index.update_segment(part.row("closed" if retired else "open"))
        if retired:
            self._retired.remove(part)
            part.file.close()

    def _abandon(self, part: OpenSegment, error: OSError) -> None:
        """Give up a file that the disk has failed: the next start reads what is really there."""
        log.error("%s: %s; repaired at the next start", part.file.path, error)
        if part in self._retired:
            self._retired.remove(part)
        for track in self._tracks.values():
            if track.part is part:
                track.part = None
        part.file.close()

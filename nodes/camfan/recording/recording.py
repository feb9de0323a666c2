"""`Recording`: what a recorder wrote, for your own code."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from camfan.errors import ClosedError, UnknownCameraError
from camfan.frame import Frame
from camfan.recording.errors import FrameLostError, IndexDamagedError
from camfan.recording.frame_files import FrameFiles
from camfan.recording.lookup import FramesFile, Lookup
from camfan.recording.moments import Instant, read_interval, read_moment, read_range
from camfan.recording.past import RecordedClip, RecordedGap, RecordedSpan, RecordingPast
from camfan.recording.reader_index import open_to_read
from camfan.recording.rows import FrameRow, ProtectionRow
from camfan.recording.schema import FILE_NAME, explained
from camfan.recording.walking import Found, walk, walk_at_intervals
from camfan_config import did_you_mean
from camfan_wire.header import Position
from camfan_wire.messages import Event

OnLost = Callable[[FrameLostError], None]


class Recording:
    """Reads the recordings of one recorder; never writes.

    The recorder may run at the same time, in another process of the same machine: what it wrote
    is visible about a second later. From another machine, over a network share, the files can be
    read at any time; the index only if it lies on a local disk, or while the recorder is stopped.

    One thread at a time may use it. Close it, or use it in `with`.

    Args:
        path: folder of the recordings, `path` of the recorder in the site file.
        index: folder of index.sqlite, where the recorder has `index:`; None: `path`.

    Times are given as a datetime with a time zone, or as ns since 1970, and returned as ns since
    1970, on the broker's clock: the same as `Frame.site_time`. A frame from a recording has no
    `age`, and its `error` is 0: how exact its time was is not recorded.

    Raises:
        RecordingError: not a folder of recordings, or one that cannot be read safely; the
            message says why. IndexDamagedError: the index is damaged. Every method raises these.
        ClosedError: it was closed.
    """

    def __init__(self, path: str | Path, *, index: str | Path | None = None) -> None:
        self._path = Path(path)
        folder = self._path if index is None else Path(index)
        self._index = folder / FILE_NAME
        self._db = open_to_read(folder)
        self._closed = False
        self._lookup = Lookup(self._db)
        self._past = RecordingPast(self._db)
        self._files = FrameFiles(self._path)

    @property
    def path(self) -> Path:
        """Folder of the recordings."""
        return self._path

    def cameras(self) -> list[str]:
        """Names of all cameras that have frames here, in the order of the alphabet."""
        with self._reading():
            return self._past.cameras()

    def span(self, camera: str) -> RecordedSpan:
        """Times of the first and the last frame of a camera. Raises UnknownCameraError."""
        with self._reading():
            span = self._past.span(camera)
        if span is None:
            raise self._unknown(camera)
        return span

    def stretches(
        self, camera: str, start: Instant | None = None, end: Instant | None = None
    ) -> list[RecordedSpan]:
        """Whole stretches that overlap a time, in order: files that follow each other are one.

        Frames may be missing within a stretch: `gaps` has them. Raises TypeError and ValueError.
        """
        from_ns, until_ns = read_range(start, end)
        with self._reading():
            return self._past.stretches(camera, from_ns, until_ns)

    def frames(
        self,
        camera: str,
        start: Instant | None = None,
        end: Instant | None = None,
        every: float | timedelta | None = None,
        *,
        on_lost: OnLost | None = None,
    ) -> Iterator[Frame]:
        """Frames of a camera in order of time, read one by one as they are asked for.

        Args:
            camera: its name.
            start: the time from which on; None: from the first frame.
            end: the time before which; None: to the last frame that is recorded now.
            every: seconds or a timedelta: only the first frame of each such interval, counted
                from `start`; None: every frame.
            on_lost: called with a FrameLostError for each frame that cannot be read, after which
                the next frame follows; None: the error is raised.

        Raises:
            UnknownCameraError: the recording has no frame of this camera.
            FrameLostError: a file is damaged or gone; names the frame, the file and the reason.
            TypeError, ValueError: a time without a zone, or not a time.
        """
        from_ns, until_ns = read_range(start, end)
        every_ns = None if every is None else read_interval("every", every)
        self._check_camera(camera)
        return self._frames(camera, from_ns, until_ns, every_ns, on_lost)

    def at(self, camera: str, time: Instant) -> Frame | None:
        """The frame that was the newest at that time; None before the first one.

        Raises UnknownCameraError, FrameLostError, TypeError, ValueError as `frames`.
        """
        time_ns = read_moment("time", time)
        with self._reading():
            found = self._lookup.last_until(camera, time_ns)
        if found is None:
            self._check_camera(camera)
            return None
        return self._read(*found)

    def frame(self, camera: str, position: Position) -> Frame | None:
        """The frame with this run and sequence, as `Frame.position` has it; None if there is none.

        Raises FrameLostError.
        """
        with self._reading():
            found = self._lookup.of_sequence(camera, position.run, position.sequence)
        return None if found is None else self._read(*found)

    def gaps(
        self,
        camera: str | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
    ) -> list[RecordedGap]:
        """What is missing and why, in the order of time; frames that came late are not missing."""
        from_ns, until_ns = read_range(start, end)
        with self._reading():
            return self._past.gaps(camera, from_ns, until_ns)

    def events(
        self,
        camera: str | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
    ) -> list[Event]:
        """Starts, updates and ends of events, in the order of time; of all cameras for None."""
        from_ns, until_ns = read_range(start, end)
        with self._reading():
            return self._past.events(camera, from_ns, until_ns)

    def clips(
        self,
        camera: str | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
    ) -> list[RecordedClip]:
        """Clips that overlap a time, in the order of time."""
        from_ns, until_ns = read_range(start, end)
        with self._reading():
            return self._past.clips(camera, from_ns, until_ns)

    def protections(
        self, camera: str, start: Instant | None = None, end: Instant | None = None
    ) -> list[ProtectionRow]:
        """Intervals of a camera that are never deleted and overlap a time, in order of time."""
        from_ns, until_ns = read_range(start, end)
        with self._reading():
            return self._past.protections(camera, from_ns, until_ns)

    def close(self) -> None:
        """Close the index and all files."""
        self._closed = True
        self._files.close()
        self._db.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _frames(
        self, camera: str, from_ns: int, until_ns: int, every_ns: int | None, on_lost: OnLost | None
    ) -> Iterator[Frame]:
        found = self._found(camera, from_ns, until_ns, every_ns)
        while True:
            with self._reading():
                place = next(found, None)
            if place is None:
                return
            try:
                yield self._read(*place)
            except FrameLostError as exc:
                if on_lost is None:
                    raise
                on_lost(exc)

    def _found(
        self, camera: str, from_ns: int, until_ns: int, every_ns: int | None
    ) -> Iterator[Found]:
        if every_ns is None:
            return walk(self._lookup, camera, from_ns, until_ns)
        return walk_at_intervals(self._lookup, camera, from_ns, until_ns, every_ns)

    def _read(self, file: FramesFile, row: FrameRow) -> Frame:
        """Where the recorder has put another file in the place of this one, from that."""
        try:
            return self._files.read(file, row)
        except FrameLostError:
            self._files.forget(file)
            with self._reading():
                file_now = self._lookup.file(file.id) or file
                row_now = self._lookup.row(file_now, row.sequence)
            return self._files.read(file_now, row_now or row)

    def _check_camera(self, camera: str) -> None:
        with self._reading():
            known = self._past.span(camera) is not None
        if not known:
            raise self._unknown(camera)

    def _unknown(self, camera: str) -> UnknownCameraError:
        known = self.cameras()
        hint = did_you_mean(camera, known, otherwise="it has")
        return UnknownCameraError(f"{self._path} has no frame of a camera '{camera}'; {hint}")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        if self._closed:
            raise ClosedError("this Recording was closed")
        try:
            yield
        except sqlite3.Error as exc:
            raise explained(self._index, exc) from exc
        except (TypeError, ValueError, OverflowError) as exc:  # of values that are never written
            raise IndexDamagedError(f"{self._index} is damaged: {exc}") from exc

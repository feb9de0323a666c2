"""Questions to a recording, answered on threads: the loop never waits for a disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from camfan import Recording, RecordingError
from camfan.recording.protection import delete_protections, insert_protection, writable_index
from camfan.recording.queries import IndexReader
from camfan_nodes.recordings_http.answers import (
    CameraRecording,
    ProtectedInfo,
    ProtectedTime,
    RecordedCameraInfo,
    RecordedEventList,
    StretchInfo,
    clip_info,
    event_info,
    first_ns,
    gap_info,
    last_ns,
    milliseconds,
    protected_info,
)

THREADS = 4
KEPT = 8  # recordings that stay open between two requests

Result = TypeVar("Result")


class RecordingPool:
    """Opens one recording as often as it is read at the same time."""

    def __init__(self, path: Path, index: Path) -> None:
        self._path = path
        self._index = index
        self._idle: list[Recording] = []
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="recordings")

    async def run(self, work: Callable[[], Result]) -> Result:
        """On a thread. Where the caller is cancelled, it still ends after the work."""
        done = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            await asyncio.wait([done])  # until then the thread reads from a recording
            done.exception()
            raise

    async def read(self, work: Callable[[Recording], Result]) -> Result:
        """On a thread, with a recording for itself. Raises what the work raises."""
        async with self.lent() as recording:
            return await self.run(lambda: work(recording))

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Recording]:
        """A recording for one caller, on one thread at a time. Raises RecordingError."""
        recording = await self.run(self._take)
        try:
            yield recording
        except RecordingError:
            recording.close()  # what is opened next is what is there then
            raise
        except BaseException:
            self._keep(recording)
            raise
        self._keep(recording)

    def _take(self) -> Recording:
        if self._idle:
            return self._idle.pop()
        return Recording(self._path, index=self._index)

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        while self._idle:
            self._idle.pop().close()

    def _keep(self, recording: Recording) -> None:
        if len(self._idle) < KEPT:
            self._idle.append(recording)
        else:
            recording.close()


def list_cameras(recording: Recording, recorder: str) -> list[RecordedCameraInfo]:
    """All cameras with frames."""
    found = []
    for camera in recording.cameras():
        span = recording.span(camera)
        found.append(
            RecordedCameraInfo(
                camera=camera,
                recorder=recorder,
                start=milliseconds(span.start),
                end=milliseconds(span.end),
            )
        )
    return found


def describe_camera(
    recording: Recording, recorder: str, camera: str, times: tuple[int, int], limit: int
) -> CameraRecording:
    """Raises UnknownCameraError."""
    span = recording.span(camera)
    stretches = recording.stretches(camera, *times)
    gaps = recording.gaps(camera, *times)
    clips = recording.clips(camera, *times)
    protected = recording.protections(camera, *times)
    return CameraRecording(
        camera=camera,
        recorder=recorder,
        start=milliseconds(span.start),
        end=milliseconds(span.end),
        spans=[
            StretchInfo(start=milliseconds(start), end=milliseconds(end))
            for start, end in stretches[:limit]
        ],
        gaps=[gap_info(gap) for gap in gaps[:limit]],
        clips=[clip_info(clip) for clip in clips[:limit]],
        protected=[protected_info(row) for row in protected[:limit]],
        complete=max(len(stretches), len(gaps), len(clips), len(protected)) <= limit,
    )


def list_events(
    recording: Recording, camera: str, times: tuple[int, int], limit: int
) -> RecordedEventList:
    """Events about one camera."""
    found = recording.events(camera, *times)
    return RecordedEventList(
        events=[event_info(event) for event in found[:limit]], complete=len(found) <= limit
    )


def protect_time(index: Path, camera: str, wish: ProtectedTime) -> ProtectedInfo:
    """Raises RecordingError, and ValueError for an interval that is not one."""
    start, end = first_ns(wish.start), last_ns(wish.end)
    if wish.end <= wish.start:
        raise ValueError("to is not after from")
    if not wish.note.isprintable():
        raise ValueError("a note is one line that can be printed")
    with writable_index(index) as db:
        row = insert_protection(db, (camera, start, end - 1001, wish.note, time.time_ns()))
    return protected_info(row)


def unprotect_time(index: Path, camera: str, number: int) -> ProtectedInfo | None:
    """None where no interval of this camera has the number. Raises RecordingError."""
    with writable_index(index) as db:
        rows = IndexReader(db).protections()
        row = next((row for row in rows if (row.id, row.camera) == (number, camera)), None)
        if row is not None:
            delete_protections(db, [number])
    return None if row is None else protected_info(row)

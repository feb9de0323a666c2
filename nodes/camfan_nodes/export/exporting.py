"""`export_recording`: from a request to a file, a step at a time."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from camfan import Frame, FrameLostError, Recording
from camfan_nodes.export.manifest import (
    Manifest,
    ManifestCamera,
    encode_manifest,
    manifest_gap,
    manifest_loss,
    sha256_of,
    utc_text,
)
from camfan_nodes.export.originals import OriginalsArchive, OriginalsVideo
from camfan_nodes.export.partial_file import PartialFile
from camfan_nodes.export.request import (
    ExportCancelledError,
    ExportError,
    ExportRequest,
    check_request,
    manifest_path,
)
from camfan_nodes.export.shots import (
    ExportShot,
    Source,
    make_source,
    merged_frames,
    shots,
    time_of,
)

GRID_WIDTH = 1920
ANIMATION_WIDTH = 640
LONGEST_HOLD_NS = 24 * 3600 * 1_000_000_000

Progress = Callable[[float], None]
Item = TypeVar("Item")


@dataclass(slots=True)
class CameraTally:
    """Frames of one camera that are in the file."""

    frames: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    newest: Frame | None = None

    def count(self, frame: Frame) -> None:
        """The same frame is shown again in a grid, and counted once."""
        if frame is self.newest:
            return
        self.newest = frame
        self.frames += 1
        self.last_ns = time_of(frame)
        if self.first_ns is None:
            self.first_ns = self.last_ns


@dataclass(slots=True)
class ExportWork:
    """One export while it is made."""

    request: ExportRequest
    source: Source
    progress: Progress
    cancelled: Callable[[], bool]
    pictures: int = 0
    tallies: dict[str, CameraTally] = field(default_factory=dict)

    def step(self, time_ns: int) -> None:
        """Raises ExportCancelledError."""
        if self.cancelled():
            raise ExportCancelledError("the export was cancelled; nothing is left of it")
        span_ns = max(self.source.end_ns - self.source.start_ns, 1)
        self.progress(min(max((time_ns - self.source.start_ns) / span_ns, 0.0), 1.0))

    def count(self, frames: Iterable[Frame | None]) -> None:
        self.pictures += 1
        for frame in frames:
            if frame is not None:
                self.tallies.setdefault(frame.camera, CameraTally()).count(frame)


def export_recording(
    recording: Recording,
    request: ExportRequest,
    *,
    progress: Progress = lambda _share: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Manifest:
    """Write the file of a request and its manifest; both appear only when they are whole.

    Args:
        recording: where the frames are. Not to be used elsewhere meanwhile.
        request: what to export.
        progress: called with 0 to 1 for each picture.
        cancelled: asked before each picture; True ends the export.

    Raises:
        ExportError: it does not fit together, or cannot be written; ExportCancelledError.
        RecordingError, UnknownCameraError: as `Recording`. A frame that cannot be read does not
            end the export: the manifest names it.
    """
    check_request(request)
    work = ExportWork(request, make_source(recording, request), progress, cancelled)
    output, listing = request.output, manifest_path(request.output)
    try:
        with PartialFile(output) as part, PartialFile(listing) as part_listing:
            _write(work, part.path)
            manifest = _manifest_of(work, part.path)
            part_listing.path.write_bytes(encode_manifest(manifest))
            work.step(work.source.end_ns)
            part_listing.commit()
            part.commit()
    except OSError as exc:  # PyAV's errors are of this kind
        raise ExportError(f"cannot write {output}: {_words_of(exc)}") from exc
    return manifest


def _write(work: ExportWork, path: Path) -> None:
    if work.request.format == "zip":
        _write_archive(work, path)
    elif work.request.format == "mkv":
        _write_originals(work, path)
    else:
        _write_pictures(work, path)
    if not work.pictures:
        path.unlink(missing_ok=True)
        raise ExportError(_nothing(work))


def _write_archive(work: ExportWork, path: Path) -> None:
    with closing(OriginalsArchive(path)) as archive:
        for _, frame in merged_frames(work.source):
            work.step(time_of(frame))
            archive.add(frame)
            work.count([frame])
        archive.finish()


def _write_originals(work: ExportWork, path: Path) -> None:
    source, fps = work.source, work.request.fps
    sizes = [_size_of(source, camera) for camera in source.cameras]
    usual_ns = source.usual_ns()
    with closing(OriginalsVideo(path, source.cameras, sizes)) as video:
        timed = _timed(merged_frames(source), lambda item: time_of(item[1]), fps, usual_ns)
        for (track, frame), at_ns, duration_ns in timed:
            work.step(time_of(frame))
            video.add(track, frame, at_ns, duration_ns)
            work.count([frame])
        video.finish()


def _write_pictures(work: ExportWork, path: Path) -> None:
    from camfan_nodes.export.pictures import Painter, UnreadablePictureError, make_layout
    from camfan_nodes.export.video import EncodedVideo

    request, source = work.request, work.source
    at_most = ANIMATION_WIDTH if request.format in ("gif", "webp") else None
    if at_most is None and len(source.cameras) > 1:
        at_most = GRID_WIDTH
    sizes = [_size_of(source, camera) for camera in source.cameras]
    layout = make_layout(sizes, request.width, at_most)
    usual_ns = source.usual_ns()
    painter = Painter(layout, source.cameras, clock=request.clock)
    title = ", ".join(source.cameras)
    rate = request.fps or 1e9 / usual_ns
    length_s = (source.end_ns - source.start_ns) / 1e9
    with EncodedVideo(path, request.format, layout, rate, title, length_s=length_s) as video:
        for shot, at_ns, duration_ns in _timed(shots(source), _shot_time, request.fps, usual_ns):
            work.step(shot.time_ns)
            _check_hold(shot, duration_ns)
            try:
                picture = painter.paint(shot)
            except UnreadablePictureError as exc:
                _note_unreadable(source, shot, str(exc))
                continue
            video.add(picture, at_ns, duration_ns)
            work.count(shot.frames)
        video.finish()


def _timed(
    items: Iterator[Item], time_of_item: Callable[[Item], int], fps: float | None, usual_ns: int
) -> Iterator[tuple[Item, int, int]]:
    """Each item with its time since the first, and until the next one; evenly with `fps`."""
    if fps is not None:
        apart_ns = 1e9 / fps
        for number, item in enumerate(items):
            yield item, round(number * apart_ns), round(apart_ns)
        return
    waiting = next(items, None)
    if waiting is None:
        return
    first_ns = time_of_item(waiting)
    for item in items:
        at_ns = time_of_item(waiting)
        yield waiting, at_ns - first_ns, time_of_item(item) - at_ns
        waiting = item
    yield waiting, time_of_item(waiting) - first_ns, usual_ns


def _check_hold(shot: ExportShot, duration_ns: int) -> None:
    """Raises ExportError where a picture would stand for longer than a file can say."""
    if duration_ns > LONGEST_HOLD_NS:
        end = utc_text(shot.time_ns + duration_ns)
        raise ExportError(
            f"nothing is recorded from {utc_text(shot.time_ns)} to {end}; export the parts before "
            "and after, or show frames evenly with --fps"
        )


def _shot_time(shot: ExportShot) -> int:
    return shot.time_ns


def _size_of(source: Source, camera: str) -> tuple[int, int]:
    """Of the first frame that can be read; of the whole recording if the time has none."""
    for frame in source.recording.frames(
        camera, source.start_ns, source.end_ns, on_lost=lambda _lost: None
    ):
        return frame.width, frame.height
    return 640, 480


def _note_unreadable(source: Source, shot: ExportShot, reason: str) -> None:
    for frame in shot.frames:
        if frame is not None:
            source.lost.append(
                FrameLostError(
                    frame.camera,
                    frame.run,
                    frame.sequence,
                    time_of(frame),
                    str(source.recording.path),
                    f"the JPEG cannot be decoded: {reason}",
                )
            )


def _manifest_of(work: ExportWork, path: Path) -> Manifest:
    source = work.source
    return Manifest(
        file=work.request.output.name,
        format=work.request.format,
        bytes=path.stat().st_size,
        sha256=sha256_of(path),
        pictures=work.pictures,
        start=utc_text(source.start_ns),
        end=utc_text(source.end_ns),
        cameras=[_camera_of(work, camera) for camera in source.cameras],
    )


def _camera_of(work: ExportWork, camera: str) -> ManifestCamera:
    source = work.source
    tally = work.tallies.get(camera, CameraTally())
    gaps = source.recording.gaps(camera, source.start_ns, source.end_ns)
    return ManifestCamera(
        camera=camera,
        frames=tally.frames,
        start=None if tally.first_ns is None else utc_text(tally.first_ns),
        end=None if tally.last_ns is None else utc_text(tally.last_ns),
        gaps=[manifest_gap(gap) for gap in gaps],
        lost=[manifest_loss(lost) for lost in source.lost if lost.camera == camera],
    )


def _nothing(work: ExportWork) -> str:
    request, recording = work.request, work.source.recording
    spans = [(camera, recording.span(camera)) for camera in request.cameras]
    there = "; ".join(
        f"{camera} is recorded from {utc_text(span.start)} to {utc_text(span.end)}"
        for camera, span in spans
    )
    if work.source.lost:
        return f"no frame can be read: {work.source.lost[0]}"
    return f"nothing is recorded at this time; {there}"


def _words_of(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full"
    return error.strerror or os.strerror(error.errno or errno.EIO)

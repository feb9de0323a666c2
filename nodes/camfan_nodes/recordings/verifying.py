"""Comparing an index with its files: every row with its file, every file with its rows."""

from __future__ import annotations

import errno
import re
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from camfan import FrameLostError
from camfan.recording import matroska
from camfan.recording.frame_files import SEGMENT_PATH, FrameFiles
from camfan.recording.lookup import FramesFile, Lookup
from camfan.recording.matroska import About, End
from camfan.recording.moments import LAST_NS
from camfan.recording.rows import FrameRow
from camfan_config import NAME_PATTERN
from camfan_nodes.recorder.recovery import segment_files, unfinished_files
from camfan_nodes.recorder.salvage import SegmentContents, cue_points, read_segment
from camfan_nodes.recorder.segment import NEW
from camfan_nodes.recordings.locking import is_recording
from camfan_nodes.recordings.problems import ProblemKind, Verified, VerifyProblem


class Verifier:
    """Reads one folder and its index; changes nothing. The recorder may run."""

    def __init__(
        self,
        folder: Path,
        db: sqlite3.Connection,
        cameras: tuple[str, ...] | None = None,
        progress: Callable[[float], None] = lambda _share: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """`cameras` None: all, and what belongs to none."""
        self._folder = folder
        self._db = db
        self._cameras = cameras
        self._progress = progress
        self._cancelled = cancelled
        self._lookup = Lookup(db)
        self._running = is_recording(folder)
        self.found = Verified()

    def run(self) -> Verified:
        """Where the index cannot be read to its end, the files are checked alone."""
        try:
            self._compare()
        except (sqlite3.Error, TypeError, ValueError, OverflowError) as exc:
            self.found = verify_without_index(
                self._folder, f"damaged: {exc}", self._cancelled, self._cameras
            )
        return self.found

    def _compare(self) -> None:
        for line in self._inconsistencies():
            self._add(kind="index", reason=line)
        rows = self._rows()
        total = sum(size for _, size, _ in rows) or 1
        with closing(FrameFiles(self._folder)) as files:
            for file, size, state in rows:
                if self._cancelled():
                    return
                self._check_file(files, file, size, state)
                self._progress(min(self.found.bytes / total, 1.0))
        self._find_unknown()
        if self._cameras is None:
            self._find_orphans()
        self._check_clips()

    def _add(self, **fields: object) -> None:
        self.found.problems.append(VerifyProblem(**fields))  # type: ignore[arg-type]  # by name

    def _inconsistencies(self) -> list[str]:
        lines = [str(line) for (line,) in self._db.execute("PRAGMA quick_check(20)")]
        return [] if lines == ["ok"] else lines

    def _rows(self) -> list[tuple[FramesFile, int, str]]:
        rows = self._db.execute("SELECT id, bytes, state, camera FROM segments ORDER BY id")
        found = []
        for number, size, state, camera in rows.fetchall():
            if self._cameras is not None and camera not in self._cameras:
                continue
            file = self._lookup.file(number)
            if file is not None:
                found.append((file, int(size), str(state)))
        return found

    def _check_file(self, files: FrameFiles, file: FramesFile, size: int, state: str) -> None:
        rows = list(self._lookup.rows(file, -LAST_NS, LAST_NS))
        try:
            length = self._length(file)
        except OSError as exc:
            if not self._is_deleted(file):
                gone = isinstance(exc, FileNotFoundError)
                reason = "the file is gone" if gone else str(exc.strerror)
                self._about(file, "file-gone", [row.sequence for row in rows], reason)
            return
        self.found.files += 1
        self.found.bytes += length
        damaged = self._damaged(files, file, rows)
        files.forget(file)
        if self._is_deleted(file):
            return
        for reason, numbers in damaged.items():
            self._about(file, "frames-damaged", numbers, reason)
        if state != "open":
            if length != size:
                words = f"it has {length} bytes; the index says {size}"
                self._about(file, "length", [], words)
            self._check_structure(file, rows, {n for group in damaged.values() for n in group})
        elif length < size:
            self._about(file, "length", [], f"it has {length} bytes; the index says {size}")

    def _damaged(
        self, files: FrameFiles, file: FramesFile, rows: list[FrameRow]
    ) -> dict[str, list[int]]:
        """Sequences of the frames that cannot be read, by reason."""
        found: dict[str, list[int]] = {}
        for row in rows:
            try:
                files.read(file, row)
                self.found.frames += 1
            except FrameLostError as exc:
                found.setdefault(exc.reason, []).append(row.sequence)
        return found

    def _check_structure(self, file: FramesFile, rows: list[FrameRow], bad: set[int]) -> None:
        """What a player sees: the head, each frame in its place, the table of times."""
        try:
            contents = read_segment(self._folder / file.path, 0)
        except OSError as exc:
            self._about(file, "structure", [], f"the file cannot be read: {exc.strerror}")
            return
        if contents is None:
            self._about(file, "structure", [], "its head is damaged; players reject it")
            return
        known = {row.offset for row in rows}
        unknown = [place.record.sequence for place in contents.frames if place.offset not in known]
        if unknown:
            self._about(file, "frames-unknown", unknown, "whole, but not in the index")
        found = {place.offset for place in contents.frames}
        hidden = [r.sequence for r in rows if r.offset not in found and r.sequence not in bad]
        if hidden:
            self._about(file, "structure", hidden, "whole, but players do not find them")
        elif not bad and not contents.damaged and not is_as_finished(self._folder, file, contents):
            self._about(file, "structure", [], "its head or its table of times is damaged")

    def _find_unknown(self) -> None:
        known = {path for (path,) in self._db.execute("SELECT path FROM segments")}
        for name in [*segment_files(self._folder), *unfinished_files(self._folder)]:
            camera = name.split("/")[0]
            if name in known or (self._cameras is not None and camera not in self._cameras):
                continue
            if self._running and self._is_young(name):
                continue
            self._add(**self._unknown_file(name, camera))

    def _unknown_file(self, name: str, camera: str) -> dict[str, object]:
        if name.endswith(NEW):
            reason = "left by a recorder that was killed before its first frame was whole"
            return {"kind": "file-unfinished", "file": name, "camera": camera, "reason": reason}
        try:
            contents = read_segment(self._folder / name, 0)
        except OSError as exc:
            reason = f"the file cannot be read: {exc.strerror}"
            return {"kind": "file-foreign", "file": name, "camera": camera, "reason": reason}
        if contents is None or not contents.frames:
            reason = "it has the name of a recording and is not one"
            return {"kind": "file-foreign", "file": name, "camera": camera, "reason": reason}
        return {
            "kind": "file-unknown",
            "file": name,
            "camera": camera,
            "run": f"{contents.frames[0].record.run:016x}",
            "sequences": [place.record.sequence for place in contents.frames],
            "reason": "the index does not know the file",
        }

    def _find_orphans(self) -> None:
        ((count,),) = self._db.execute(
            "SELECT count(*) FROM frames WHERE segment NOT IN (SELECT id FROM segments)"
        )
        if count:
            self._add(kind="rows-orphaned", reason=f"{count} frames of files that it does not have")

    def _check_clips(self) -> None:
        clips = self._db.execute(
            "SELECT id, camera, start_ns, end_ns, event_end_ns, thumbnail FROM clips"
        )
        for number, camera, start_ns, end_ns, ended, thumbnail in clips.fetchall():
            if self._cameras is not None and camera not in self._cameras:
                continue
            if thumbnail is not None and not _is_file(self._folder, thumbnail):
                reason = f"clip {number}: its thumbnail is gone"
                self._add(kind="clip", camera=camera, file=str(thumbnail), reason=reason)
            files = self._lookup.files(camera, start_ns, end_ns + 1)
            if ended is not None and next(files, None) is None:
                reason = f"clip {number} of {camera}: nothing of it is recorded"
                self._add(kind="clip", camera=camera, reason=reason)

    def _about(self, file: FramesFile, kind: ProblemKind, numbers: list[int], reason: str) -> None:
        self._add(
            kind=kind,
            file=file.path,
            camera=file.camera,
            run=file.run,
            sequences=numbers,
            reason=reason,
        )

    def _length(self, file: FramesFile) -> int:
        """Raises OSError where there is no such file."""
        if SEGMENT_PATH.fullmatch(file.path) is None:
            raise OSError(errno.EINVAL, "not the path of a file of a recording")
        found = (self._folder / file.path).lstat()
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return found.st_size

    def _is_deleted(self, file: FramesFile) -> bool:
        """The recorder has deleted it since its row was read."""
        return self._running and self._lookup.file(file.id) is None

    def _is_young(self, name: str) -> bool:
        """Of a recorder that runs: its row comes within a second or two."""
        try:
            return (self._folder / name).stat().st_mtime > time.time() - 10
        except OSError:
            return True


def is_as_finished(folder: Path, file: FramesFile, contents: SegmentContents) -> bool:
    """Whether head and end of a file are those that a recorder gave it."""
    path = folder / file.path
    length = path.stat().st_size
    last_ns = contents.frames[-1].record.time_ns if contents.frames else file.start_ns
    tail = matroska.cues(cue_points(contents))
    about = About(file.camera, file.width, file.height, file.start_ns)
    end = End(last_ns - file.start_ns, contents.end, contents.end + len(tail))
    head = matroska.header(about, end)
    with path.open("rb") as data:
        same_head = data.read(len(head)) == head
        data.seek(contents.end)
        return same_head and data.read(length - contents.end) == tail


_THUMBNAIL = re.compile(rf"{NAME_PATTERN}/[0-9-]{{10}}/[A-Za-z0-9._-]+")


def _is_file(folder: Path, name: object) -> bool:
    return bool(_THUMBNAIL.fullmatch(str(name))) and (folder / str(name)).is_file()


def verify_without_index(
    folder: Path,
    reason: str,
    cancelled: Callable[[], bool] = lambda: False,
    cameras: tuple[str, ...] | None = None,
) -> Verified:
    """What the files say of themselves, where the index cannot be read."""
    found = Verified(problems=[VerifyProblem(kind="index", reason=reason)])
    for name in segment_files(folder):
        if cancelled():
            break
        if cameras is None or name.split("/")[0] in cameras:
            check_file_alone(folder, name, found)
    return found


def check_file_alone(folder: Path, name: str, found: Verified) -> None:
    """What a file itself says of its frames."""

    def add(kind: ProblemKind, reason: str, numbers: list[int] | None = None) -> None:
        camera = name.split("/")[0]
        problem = VerifyProblem(
            kind=kind, file=name, camera=camera, sequences=numbers or [], reason=reason
        )
        found.problems.append(problem)

    try:
        length = (folder / name).stat().st_size
        contents = read_segment(folder / name, 0)
    except OSError as exc:
        add("file-foreign", f"the file cannot be read: {exc.strerror}")
        return
    found.files += 1
    found.bytes += length
    if contents is None or not contents.frames:
        add("file-foreign", "it has the name of a recording and is not one")
        return
    found.frames += len(contents.frames)
    if contents.damaged:
        numbers = [place.record.sequence for place in contents.damaged]
        add("frames-damaged", "its checksum is wrong", numbers)
    if not contents.finished and not contents.damaged:
        left = length - contents.end
        add("length", f"not finished; behind its last whole frame are {left} bytes")

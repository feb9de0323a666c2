"""The folder of a ring on a disk: appends to its newest file, deletes its oldest.

Files are named by number and written once, from front to back. One process writes at a time; files
of earlier processes are cut to their last whole record and kept. Every call may raise OSError;
after that, `open` starts again.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from camfan.ring.absences import EncodingDecision
from camfan.ring.ring_file import (
    HEAD_BYTES,
    RecordKind,
    RingFileContents,
    RingFileError,
    RingFileStart,
    encode_about,
    pack,
    read_contents,
)

FILE_BYTES = 8_000_000
FILES = 16  # that a ring has at least, so that it loses little when the oldest is deleted
LOOK_S = 1.0  # between looks at whether the file is still in its folder
REMEMBERED_RUNS = 64

_NAME = re.compile(r"([0-9]{10})\.ring")

log = logging.getLogger(__name__)


class RingInUseError(OSError):
    """Another process writes this ring."""


@dataclass(slots=True)
class RingSegment:
    """One file of the ring."""

    path: Path
    number: int
    about: RingFileStart
    first: int  # sequence
    captured: int  # ns, of its first frame
    bytes: int
    ended: bool = False  # the run, and it is whole

    @property
    def run(self) -> str:
        return self.about.run


@dataclass(frozen=True, slots=True)
class PendingRecord:
    """One record that is to be written."""

    kind: RecordKind
    decision: EncodingDecision
    sequence: int
    extra: int = 0
    meta: bytes = b""
    body: bytes = b""
    captured: int = 0  # ns

    @property
    def bytes(self) -> int:
        return HEAD_BYTES + len(self.meta) + len(self.body)


class RingFolder:
    """Belongs to one thread, but for `segments`, `runs` and `sync`."""

    def __init__(self, path: Path, camera: str, run: str, limit_bytes: int) -> None:
        self.path = path
        self.boot = boot_id()
        self.segments: tuple[RingSegment, ...] = ()  # oldest first
        self.runs: tuple[str, ...] = ()  # known, also those of which nothing is left
        self.frames = 0  # written to this ring in all
        self.newest_ns = 0
        self._camera = camera
        self._run = run
        self._limit_bytes = limit_bytes
        self.file_bytes = min(FILE_BYTES, limit_bytes // FILES)
        self._lock = -1
        self._handle = -1
        self._look_s = 0.0
        self._unsynced: set[Path] = set()
        self._guard = threading.Lock()  # of the set

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(segment.bytes for segment in self.segments)

    @property
    def is_open(self) -> bool:
        return self._lock >= 0

    def open(self) -> None:
        """Lock the folder, and read the files in it."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            self.close()
            raise RingInUseError(errno.EBUSY, "another process writes this ring") from exc
        self._load()

    def append(self, write: PendingRecord) -> bool:
        """Write one record; on a full disk delete the oldest file. True if that was needed."""
        full = False
        while True:
            try:
                self._append(write)
            except OSError as exc:
                if exc.errno not in (errno.ENOSPC, errno.EDQUOT) or not self._drop_oldest():
                    raise
                full = True
            else:
                return full

    def sync(self) -> None:
        """Sync to the disk what was written; from another thread."""
        with self._guard:
            paths, self._unsynced = self._unsynced, set()
        for path in [*paths, *([self.path] if paths else [])]:
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fsync(handle) if path == self.path else os.fdatasync(handle)
                finally:
                    os.close(handle)

    def close(self) -> None:
        for handle in (self._handle, self._lock):
            if handle >= 0:
                os.close(handle)
        self._handle = self._lock = -1

    def _append(self, write: PendingRecord) -> None:
        if write.kind == RecordKind.END and self._handle < 0:
            return  # nothing was written in this run
        self._look()
        if self._handle < 0 or self.segments[-1].bytes + write.bytes > self.file_bytes:
            self._begin(write)
        active = self.segments[-1]
        self._write(
            pack(write.kind, write.decision, write.sequence, write.extra, write.meta, write.body)
        )
        with self._guard:
            self._unsynced.add(active.path)
        active.ended = write.kind == RecordKind.END
        if write.kind == RecordKind.FRAME:
            self.frames += 1
            self.newest_ns = write.captured

    def _begin(self, write: PendingRecord) -> None:
        """The next file, whose first record this will be."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        about = RingFileStart(
            camera=self._camera,
            run=self._run,
            boot=self.boot,
            frames=self.frames,
            runs=list(self.runs[-REMEMBERED_RUNS:]),
        )
        captured = write.captured or time.time_ns()
        start = pack(
            RecordKind.START, write.decision, write.sequence, captured, encode_about(about)
        )
        needed = max(self.file_bytes, sum(map(len, start)) + write.bytes)
        while self.size + needed > self._limit_bytes and self._drop_oldest():
            pass
        number = self.segments[-1].number + 1 if self.segments else 1
        path = self.path / f"{number:010d}.ring"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._handle = os.open(path, flags, 0o644)
        segment = RingSegment(path, number, about, write.sequence, captured, 0)
        self.segments = (*self.segments, segment)
        if self._run not in self.runs:
            self.runs = (*self.runs, self._run)
        self._write(start)

    def _write(self, pieces: list[bytes]) -> None:
        """All of it, or nothing."""
        active, whole = self.segments[-1], sum(map(len, pieces))
        try:
            written = os.writev(self._handle, pieces)
            while written < whole:  # a disk that fills up takes a part first
                written += os.write(self._handle, memoryview(b"".join(pieces))[written:])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, active.bytes)
            raise
        active.bytes += whole

    def _drop_oldest(self) -> bool:
        """Delete the oldest file, but never the one that is being written."""
        if len(self.segments) < (2 if self._handle >= 0 else 1):
            return False
        oldest, *rest = self.segments
        self.segments = tuple(rest)
        oldest.path.unlink(missing_ok=True)
        return True

    def _look(self) -> None:
        """Raises FileNotFoundError if the file that is written is no longer in its folder."""
        now_s = time.monotonic()
        if self._handle < 0 or now_s < self._look_s:
            return
        self._look_s = now_s + LOOK_S
        there, ours = self.segments[-1].path.stat(), os.fstat(self._handle)
        if (there.st_ino, there.st_dev) != (ours.st_ino, ours.st_dev):
            raise FileNotFoundError(errno.ENOENT, "the folder was replaced", str(self.path))

    def _load(self) -> None:
        found: list[RingSegment] = []
        paths = sorted(path for path in self.path.iterdir() if _NAME.fullmatch(path.name))
        for path in paths:
            segment = self._read(path, last=path == paths[-1])
            if segment is not None:
                found.append(segment)
        self.segments = tuple(found)
        if found:
            last = found[-1].about
            self.runs = tuple(dict.fromkeys([*last.runs, *(s.run for s in found), *self.runs]))

    def _read(self, path: Path, *, last: bool) -> RingSegment | None:
        """One file; the last is cut where it is damaged, and one without a record is deleted."""
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            size = os.fstat(handle).st_size
            contents = read_contents(handle, size, verify=last)
            if last:
                self.frames = contents.about.frames + len(contents.frames)
                if contents.end < size:
                    log.warning("%s: damaged at byte %d and cut there", path, contents.end)
                    os.ftruncate(handle, contents.end)
                    size = contents.end
        except RingFileError as exc:
            log.warning("%s: deleted: %s", path, exc)
            path.unlink()
            return None
        finally:
            os.close(handle)
        return self._segment(path, contents, size)

    def _segment(self, path: Path, contents: RingFileContents, size: int) -> RingSegment | None:
        if contents.about.camera != self._camera:
            log.warning("%s: belongs to camera %s; ignored", path, contents.about.camera)
            return None
        number = int(path.name[:10])
        return RingSegment(
            path, number, contents.about, contents.first, contents.captured, size, contents.ended
        )


def boot_id() -> str:
    """Id of the boot of this machine; a unique one where it is unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return f"unknown-{time.time_ns()}"

"""One file of a recording, while it is written.

Every frame is in the operating system's hands when `append` returns. A file gets its name once its
first frame is whole, so whatever has the name of a segment plays, also after a kill in between. It
is never another's: it is created, never opened, and its name is made from the time and a checked
camera name.
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from camfan.recording import matroska
from camfan.recording.errors import RecordingError
from camfan.recording.matroska import About, End, FrameRecord
from camfan_config import is_name

CUE_EVERY_MS = 1000
FILE_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z(_\d+)?\.mkv")
THUMBNAIL_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z(_\d+)?\.jpg")
DAY_NAME = re.compile(r"\d{4}-\d\d-\d\d")
NEW = ".new"  # behind the name of a file without a whole frame
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def file_name(camera: str, start_ns: int, attempt: int = 0) -> str:
    """`<camera>/<day>/<UTC start>.mkv`; the path of a segment below the recorder's folder."""
    if not is_name(camera):
        raise RecordingError(f"{camera!r} is not a name of a camera, so no file is named after it")
    start = _EPOCH + timedelta(milliseconds=start_ns // matroska.MILLISECOND_NS)
    stem = f"{start:%Y-%m-%dT%H-%M-%S}.{start.microsecond // 1000:03}Z"
    again = f"_{attempt + 1}" if attempt else ""
    return f"{camera}/{start:%Y-%m-%d}/{stem}{again}.mkv"


def thumbnail_name(camera: str, start_ns: int, attempt: int = 0) -> str:
    """As `file_name`, for the picture of a clip."""
    return file_name(camera, start_ns, attempt).removesuffix(".mkv") + ".jpg"


class Segment:
    """An open Matroska file of one camera, one run and one picture size."""

    def __init__(self, folder: Path, about: About, *, hidden: bool = False) -> None:
        """Creates the file, under a name of its own until it has a frame. Raises OSError.

        `hidden`: until `reveal`.
        """
        self._hidden = hidden
        self.about = about
        self.name, self._fd = _create(folder, about)
        self.path = folder / self.name
        self.bytes = 0  # whole frames, and the header before them
        self.synced_bytes = 0  # of these: what a power cut leaves
        self.first: int | None = None  # sequences
        self.last: int | None = None
        self.end_ns = about.start_ns  # site time of the last frame
        self.finished = False
        self._cues: list[tuple[int, int]] = []
        self._entered = False  # its name is safe in its folders

    def append(self, jpeg: memoryview, record: FrameRecord) -> int:
        """Write one frame and return the offset of its JPEG.

        Raises OSError; the file then ends with the frame before.
        """
        since_ns = record.time_ns - self.about.start_ns
        before, after = matroska.frame_parts(jpeg, record, since_ns)
        head = b"" if self.bytes else matroska.header(self.about)
        at = self.bytes + len(head)
        written = write_all(self._fd, [head, before, jpeg, after], self.bytes)
        if head and not self._hidden:
            _unnamed(self.path).rename(self.path)
        self.bytes += written
        at_ms = since_ns // matroska.MILLISECOND_NS
        if not self._cues or at_ms >= self._cues[-1][0] + CUE_EVERY_MS:
            self._cues.append((at_ms, at))
        self.end_ns, self.last = record.time_ns, record.sequence
        if self.first is None:
            self.first = record.sequence
        return at + matroska.PREFIX_BYTES

    def finish(self) -> None:
        """Make it seekable: write its cues, its duration and its size. May be tried again."""
        self.bytes = finish(self._fd, self.about, self.end_ns, self._cues, self.bytes)
        self.finished = True

    def sync(self) -> None:
        """What was written before is on the disk when this returns."""
        written = self.bytes
        os.fsync(self._fd)
        if not self._entered:
            for folder in (self.path.parent, *self.path.parent.parents[:2]):
                sync_folder(folder)
            self._entered = True
        self.synced_bytes = written

    def reveal(self) -> None:
        """Give a hidden file its name, durably."""
        _unnamed(self.path).rename(self.path)
        sync_folder(self.path.parent)

    def close(self) -> None:
        os.close(self._fd)

    def discard(self) -> None:
        """Close a file that holds no frame, and remove it."""
        self.close()
        _unnamed(self.path).unlink()


def finish(
    fd: int, about: About, last_ns: int, points: list[tuple[int, int]], frames_end: int
) -> int:
    """Turn a file that ends with a frame into a finished one; its length."""
    data = matroska.cues(points)
    end = End(last_ns - about.start_ns, frames_end, frames_end + len(data))
    write_all(fd, [data], frames_end)
    write_all(fd, [matroska.header(about, end)], 0)
    return end.file_bytes


def sync_folder(path: Path) -> None:
    """Names made in this folder are on the disk when this returns."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _create(folder: Path, about: About) -> tuple[str, int]:
    attempt = 0
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    while True:
        name = file_name(about.camera, about.start_ns, attempt)
        path = folder / name
        for parent in (path.parent.parent, path.parent):  # not the recorder's own folder:
            parent.mkdir(exist_ok=True)  # where it is gone, a disk is not mounted
            if parent.is_symlink():
                words = "a symbolic link, through which nothing is recorded or deleted"
                raise OSError(errno.ELOOP, words, str(parent))
        if not path.exists():  # the folder is locked: no other process makes one meanwhile
            with suppress(FileExistsError):
                return name, os.open(_unnamed(path), flags, 0o644)
        attempt += 1


def _unnamed(path: Path) -> Path:
    return path.with_name(path.name + NEW)


def write_all(fd: int, parts: list[bytes | memoryview], at: int) -> int:
    """Write at the end of a file, or over its header; the number of bytes.

    Raises OSError; a file that ended at `at` then still does.
    """
    total = sum(len(part) for part in parts)
    try:
        written = os.pwritev(fd, parts, at)
        while written < total:  # a full disk takes what fits, and says why the next time
            rest = b"".join(parts)[written:]
            written += os.pwrite(fd, rest, at + written)
    except OSError:
        if at:
            os.ftruncate(fd, at)
        raise
    return total

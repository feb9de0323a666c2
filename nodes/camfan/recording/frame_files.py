"""The JPEG of a frame out of its file, with one read, compared with what the index says of it."""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from pathlib import Path

from camfan.frame import Frame
from camfan.recording import matroska
from camfan.recording.errors import FrameLostError
from camfan.recording.lookup import FramesFile
from camfan.recording.matroska import SUFFIX_BYTES
from camfan.recording.rows import FrameRow
from camfan_config import NAME_PATTERN
from camfan_wire.header import Header
from camfan_wire.jpeg import MAX_BYTES

SEGMENT_PATH = re.compile(rf"{NAME_PATTERN}/[0-9-]{{10}}/[0-9TZ._-]+\.mkv")
OPEN_FILES = 16  # that are kept open; the one that was not used for longest is closed


class FrameFiles:
    """Reads frames; keeps the last few files open."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fds: OrderedDict[int, int] = OrderedDict()  # by the id of the file in the index

    def read(self, file: FramesFile, row: FrameRow) -> Frame:
        """One frame. Raises FrameLostError where the file does not have it."""
        if not _is_possible(file, row):
            raise _lost(file, row, f"the index is damaged: {row.size} bytes at {row.offset}")
        try:
            data = os.pread(self._fd(file), row.size + SUFFIX_BYTES, row.offset)
        except OSError as exc:
            raise _lost(file, row, _words_of(exc)) from exc
        jpeg = memoryview(data)[: row.size]
        reason = _fault(data, jpeg, file, row)
        if reason is not None:
            raise _lost(file, row, reason)
        return Frame(_header(file, row), jpeg)

    def forget(self, file: FramesFile) -> None:
        """Close a file, so that the next read opens it again by its name."""
        fd = self._fds.pop(file.id, None)
        if fd is not None:
            os.close(fd)

    def close(self) -> None:
        while self._fds:
            os.close(self._fds.popitem()[1])

    def _fd(self, file: FramesFile) -> int:
        fd = self._fds.get(file.id)
        if fd is not None:
            self._fds.move_to_end(file.id)
            return fd
        if len(self._fds) >= OPEN_FILES:
            os.close(self._fds.popitem(last=False)[1])
        path = self._folder / file.path
        fd = self._fds[file.id] = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        return fd


def _is_possible(file: FramesFile, row: FrameRow) -> bool:
    """False for what a recorder never enters into its index."""
    within = 0 < row.offset < 1 << 62 and 4 <= row.size <= MAX_BYTES
    return within and SEGMENT_PATH.fullmatch(file.path) is not None


def _fault(data: bytes, jpeg: memoryview, file: FramesFile, row: FrameRow) -> str | None:
    """What is wrong with the bytes of a frame; None when they are as they were written."""
    if len(data) < row.size + SUFFIX_BYTES:
        return "the file ends before it"
    found = matroska.read_suffix(data[row.size :])
    if found is None:
        return "the file has other bytes there"
    record, checksum = found
    if (f"{record.run:016x}", record.sequence) != (file.run, row.sequence):
        return f"the file has frame {record.sequence} of run {record.run:016x} there"
    return None if matroska.checksum(jpeg, record) == checksum else "its checksum is wrong"


def _header(file: FramesFile, row: FrameRow) -> Header:
    return Header(
        version=1,
        camera=file.camera,
        run=file.run,
        sequence=row.sequence,
        captured=row.captured_ns,
        offset=row.time_ns - row.captured_ns,
        error=0,
        width=file.width,
        height=file.height,
        size=row.size,
    )


def _lost(file: FramesFile, row: FrameRow, reason: str) -> FrameLostError:
    return FrameLostError(file.camera, file.run, row.sequence, row.time_ns, file.path, reason)


def _words_of(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file is gone"
    return f"the file cannot be read: {error.strerror}"

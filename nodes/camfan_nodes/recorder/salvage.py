"""Reading segments back, and repairing those that were not closed.

A torn tail is cut off behind the last whole frame; a frame whose checksum is wrong is made a void
that players skip. What is between the SOI and EOI of a JPEG is never looked at, so a hostile
picture cannot pass for frames.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from camfan.recording import matroska
from camfan.recording.matroska import About, FrameRecord
from camfan_nodes.recorder.segment import CUE_EVERY_MS, finish

_HEAD_BYTES = 4096  # more than any header of ours
_MASTERS = {matroska.SEGMENT, matroska.INFO, matroska.TRACKS, matroska.TRACK, matroska.VIDEO}


class FramePlace(Struct, frozen=True, gc=False):
    """A frame and where it lies in its file."""

    record: FrameRecord
    offset: int  # of the JPEG
    size: int

    @property
    def end(self) -> int:
        return self.offset + self.size + matroska.SUFFIX_BYTES

    @property
    def start(self) -> int:
        return self.offset - matroska.PREFIX_BYTES


@dataclass(frozen=True, slots=True)
class SegmentContents:
    """What a segment holds."""

    about: About
    frames: tuple[FramePlace, ...]
    damaged: tuple[FramePlace, ...]  # whole in length, but not as they were written
    end: int  # of the last whole frame
    finished: bool  # closed in an orderly way, nothing missing


def read_segment(path: Path, trusted_bytes: int | None = 0) -> SegmentContents | None:
    """The frames of a segment; None for a file that a recorder did not write.

    Frames that lie beyond the first `trusted_bytes` are compared with their checksums; None
    trusts all of a finished file. Raises OSError.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would wait
    try:
        return _read(fd, trusted_bytes)
    finally:
        os.close(fd)


def repair_segment(path: Path, contents: SegmentContents) -> int:
    """Cut and void what is not whole, and finish the file, on the disk; its new length."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.ftruncate(fd, contents.end)
        for place in contents.damaged:
            os.pwrite(fd, matroska.void_head(place.end - place.start), place.start)
        about, points = contents.about, cue_points(contents)
        last_ns = contents.frames[-1].record.time_ns if contents.frames else about.start_ns
        length = finish(fd, about, last_ns, points, contents.end)
        os.fsync(fd)
    finally:
        os.close(fd)
    return length


def _read(fd: int, trusted_bytes: int | None) -> SegmentContents | None:
    head = os.pread(fd, _HEAD_BYTES, 0)
    about = _read_header(head)
    if about is None:
        return None
    length = os.fstat(fd).st_size
    at = len(matroska.header(about))
    finished = length == _stated_bytes(head)
    trusted = length if trusted_bytes is None and finished else trusted_bytes or 0
    frames: list[FramePlace] = []
    damaged: list[FramePlace] = []
    while True:
        at = _behind_voids(fd, at, length)
        place = _read_place(fd, at, length)
        if place is None:
            break
        whole = place.end <= trusted or _whole(fd, place)
        (frames if whole else damaged).append(place)
        at = place.end
    finished = finished and not damaged
    return SegmentContents(about, tuple(frames), tuple(damaged), at, finished)


def _behind_voids(fd: int, at: int, length: int) -> int:
    while (size := matroska.read_void(os.pread(fd, matroska.VOID_HEAD_BYTES, at))) is not None:
        if at + size > length:
            break
        at += size
    return at


def _read_place(fd: int, at: int, length: int) -> FramePlace | None:
    before = matroska.read_prefix(os.pread(fd, matroska.PREFIX_BYTES, at))
    if before is None:
        return None
    offset, size = at + matroska.PREFIX_BYTES, before[1]
    if offset + size + matroska.SUFFIX_BYTES > length:
        return None
    after = matroska.read_suffix(os.pread(fd, matroska.SUFFIX_BYTES, offset + size))
    return FramePlace(after[0], offset, size) if after else None


def _whole(fd: int, place: FramePlace) -> bool:
    data = os.pread(fd, place.size + matroska.SUFFIX_BYTES, place.offset)
    after = matroska.read_suffix(data[place.size :])
    jpeg = memoryview(data)[: place.size]
    return after is not None and after[1] == matroska.checksum(jpeg, after[0])


def cue_points(contents: SegmentContents) -> list[tuple[int, int]]:
    """(milliseconds, offset) of one frame a second."""
    points: list[tuple[int, int]] = []
    for place in contents.frames:
        since_ns = place.record.time_ns - contents.about.start_ns
        at_ms = since_ns // matroska.MILLISECOND_NS
        if not points or at_ms >= points[-1][0] + CUE_EVERY_MS:
            points.append((at_ms, place.start))
    return points


def _read_header(head: bytes) -> About | None:
    """What the header says, if it is one that `matroska.header` wrote."""
    values = dict(_elements(head, 0))
    try:
        about = About(
            camera=values[matroska.TITLE].decode(),
            width=int.from_bytes(values[matroska.PIXEL_WIDTH], "big"),
            height=int.from_bytes(values[matroska.PIXEL_HEIGHT], "big"),
            start_ns=matroska.read_date(values[matroska.DATE]),
        )
        expected = matroska.header(about)
    except (KeyError, UnicodeDecodeError, struct.error):
        return None
    same_start = head[: matroska.DATA_AT - 8] == expected[: matroska.DATA_AT - 8]
    return about if same_start and len(head) >= len(expected) else None


def _stated_bytes(head: bytes) -> int:
    """The length that the header says the file has."""
    size = int.from_bytes(head[matroska.DATA_AT - 8 : matroska.DATA_AT], "big")
    return matroska.DATA_AT + (size & ~(1 << 56))


def _elements(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """The elements before the first cluster, those of masters after them."""
    while at < len(data) and data[at]:
        width = 9 - data[at].bit_length()
        identifier = int.from_bytes(data[at : at + width], "big")
        at += width
        marked = data[at : at + 1]
        if identifier == matroska.CLUSTER or not marked or not marked[0]:
            return
        width = 9 - marked[0].bit_length()
        size = int.from_bytes(data[at : at + width], "big") & ~(1 << (7 * width))
        at += width
        if identifier not in _MASTERS:
            yield identifier, data[at : at + size]
            at += size

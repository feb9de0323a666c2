"""The files of a ring on a disk: records one after the other, written once.

A record is a head of 32 bytes (little-endian), `meta` and `body`:

    magic "cfR1" | kind u8 | decision u8 | meta u16 | body u32 | sequence u64 | extra i64 | CRC-32

The checksum covers the head before it, `meta` and `body`. `decision` is what was decided for the
frame: demanded layers, and 16 times the layers of the uplink. Reading is total: for any bytes,
the records up to the first that is not whole.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

import msgspec
from msgspec import Struct

from camfan.ring.absences import Absences, EncodingDecision
from camfan.ring.ring import StoredFrame
from camfan_wire.errors import WireError
from camfan_wire.header import Camera, Count, Run, decode_header

MAGIC = b"cfR1"
_FIELDS = struct.Struct("<4sBBHIQq")
_CHECKSUM = struct.Struct("<I")
HEAD_BYTES = _FIELDS.size + _CHECKSUM.size


class RecordKind(IntEnum):
    """What a record is; `extra` in brackets."""

    START = 1  # the first of a file: `About` in meta [captured ns of its first frame]
    FRAME = 2  # header in meta, JPEG in body [wall minus monotonic clock, ns]
    LEFT_OUT = 3  # from this sequence on, frames are left out as `decision` says
    REFUSED = 4  # this frame was captured and not published
    END = 5  # the run has ended before this sequence, and all of it is here


class RingFileStart(Struct, frozen=True, kw_only=True):
    """What a file begins with."""

    camera: Camera
    run: Run
    boot: str  # id of the boot of the machine: what was written since then is on the disk
    frames: Count  # written to this ring before this file
    runs: list[Run] = []  # the last runs before this one


class RingRecord(NamedTuple):
    """One record in a file, without its bytes."""

    kind: int
    decision: EncodingDecision
    sequence: int
    extra: int
    at: int  # offset of `meta`
    meta: int  # bytes
    body: int


@dataclass(slots=True)
class RingFileContents:
    """What a file has, up to its first damaged record."""

    about: RingFileStart
    first: int  # sequence
    captured: int  # ns, of its first frame
    end: int  # offset behind the last whole record
    following: int  # the sequence behind the last one that a record speaks of
    ended: bool = False
    frames: list[RingRecord] = field(default_factory=list)
    absences: Absences = field(default_factory=Absences)


class RingFileError(Exception):
    """Not a file of a ring, or its first record is damaged."""


_about = msgspec.json.Decoder(RingFileStart)
encode_about = msgspec.json.encode


def pack(
    kind: RecordKind,
    decision: EncodingDecision,
    sequence: int,
    extra: int,
    meta: bytes = b"",
    body: bytes = b"",
) -> list[bytes]:
    """The pieces of one record, to be written one after the other."""
    word = decision.demand | decision.uplink << 4
    head = _FIELDS.pack(MAGIC, kind, word, len(meta), len(body), sequence, extra)
    return [head + _CHECKSUM.pack(_sum(head, meta, body)), meta, body]


def read_contents(handle: int, size: int, *, verify: bool = False) -> RingFileContents:
    """Skip through the records of the first `size` bytes; `verify`: read and check each of them.

    Raises RingFileError and OSError.
    """
    records = _records(handle, size, verify=verify)
    start = next(records, None)
    if start is None or start.kind != RecordKind.START:
        raise RingFileError("no ring begins here")
    meta = _checked(handle, start)
    try:
        about = _about.decode(meta or b"")
    except msgspec.MsgspecError as exc:
        raise RingFileError("its first record is damaged") from exc
    found = RingFileContents(
        about, start.sequence, start.extra, start.at + start.meta, start.sequence
    )
    found.absences.note(start.sequence, start.decision)
    for record in records:
        _add(found, record)
    return found


def read_frame(handle: int, record: RingRecord) -> StoredFrame | None:
    """The frame of a record; None if its bytes are not those that were written. Raises OSError."""
    data = _checked(handle, record)
    if data is None:
        return None
    try:
        header = decode_header(data[: record.meta])
    except WireError:
        return None
    return StoredFrame(header, data[record.meta :], record.extra)


def _add(found: RingFileContents, record: RingRecord) -> None:
    found.end = record.at + record.meta + record.body
    if record.sequence < found.following and record.kind != RecordKind.END:
        return  # sequences only rise
    if record.kind == RecordKind.FRAME:
        found.absences.note(record.sequence, record.decision)
        found.frames.append(record)
        found.following = record.sequence + 1
    elif record.kind == RecordKind.LEFT_OUT:
        found.absences.note(record.sequence, record.decision)
        found.following = record.sequence + 1
    elif record.kind == RecordKind.REFUSED:
        found.absences.note(record.sequence, record.decision)
        found.absences.refuse(record.sequence, record.sequence)
        found.following = record.sequence + 1
    elif record.kind == RecordKind.END:
        found.ended = True
        found.following = max(found.following, record.sequence)


def _records(handle: int, size: int, *, verify: bool) -> Iterator[RingRecord]:
    at = 0
    while at + HEAD_BYTES <= size:
        head = os.pread(handle, HEAD_BYTES, at)
        if len(head) < HEAD_BYTES or head[:4] != MAGIC:
            return
        _, kind, word, meta, body, sequence, extra = _FIELDS.unpack_from(head)
        decision = EncodingDecision(word & 15, word >> 4)
        at += HEAD_BYTES
        record = RingRecord(kind, decision, sequence, extra, at, meta, body)
        at += meta + body
        if at > size or (verify and _checked(handle, record) is None):
            return
        yield record


def _checked(handle: int, record: RingRecord) -> bytes | None:
    """Meta and body of a record; None if they are not what was written."""
    whole = os.pread(handle, HEAD_BYTES + record.meta + record.body, record.at - HEAD_BYTES)
    if len(whole) < HEAD_BYTES + record.meta + record.body:
        return None
    view = memoryview(whole)
    (expected,) = _CHECKSUM.unpack_from(view, _FIELDS.size)
    if _sum(view[: _FIELDS.size], view[HEAD_BYTES:]) != expected:
        return None
    return whole[HEAD_BYTES:]


def _sum(*pieces: bytes | memoryview) -> int:
    checksum = 0
    for piece in pieces:
        checksum = zlib.crc32(piece, checksum)
    return checksum

"""The bytes of a segment: a small Matroska writer for one track of JPEGs.

Every frame is one Cluster of known size, so a file is whole up to its last whole frame at any
moment, also while it is written. Each frame carries its own record (run, sequence, times, checksum)
as a BlockAddition: the files alone tell everything. All lengths are fixed, so that the header of
an open file is later overwritten in place. Nothing here opens a file; reading back, and repair,
is in `salvage`. `docs/design/recording.md` has the layout and the reasons.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from msgspec import Struct

MILLISECOND_NS = 1_000_000
_EPOCH_2001_NS = 978_307_200 * 1_000_000_000  # Matroska counts dates from 2001

SAMPLE_BYTES = 509  # prime, and less than a sector of 512
SIZE_BYTES = 8  # every size is written with eight bytes
_SIZE_MARK = 1 << 56
_SIZE_UNKNOWN = _SIZE_MARK | (_SIZE_MARK - 1)

EBML = 0x1A45DFA3
SEGMENT = 0x18538067
INFO = 0x1549A966
TITLE = 0x7BA9
DATE = 0x4461
TRACKS = 0x1654AE6B
TRACK = 0xAE
VIDEO = 0xE0
PIXEL_WIDTH = 0xB0
PIXEL_HEIGHT = 0xBA
CLUSTER = 0x1F43B675
CUES = 0x1C53BB6B
VOID = 0xEC
VOID_HEAD_BYTES = 1 + SIZE_BYTES

_SEEK_BYTES = (2 + SIZE_BYTES) + (2 + SIZE_BYTES + 4) + (2 + 1 + 8)  # Seek, SeekID, SeekPosition

# Cluster, Timestamp, BlockGroup, Block, track 1 at the time of the cluster, no flags
_PREFIX = struct.Struct(">IQ BBQ BQ BQ BhB")
# BlockAdditions, BlockMore, BlockAddID 1, BlockAdditional: the record of the frame
_SUFFIX = struct.Struct(">HQ BQ BBB BQ 4sQQqqI")
_RECORD_MARK = b"CFR1"
_RECORD = struct.Struct(">QQqq")
_RECORD_BYTES = 4 + _RECORD.size + 4
_BLOCK_HEAD_BYTES = 4
_MORE_BYTES = 3 + 1 + SIZE_BYTES + _RECORD_BYTES
_ADDITIONS_BYTES = 1 + SIZE_BYTES + _MORE_BYTES

PREFIX_BYTES = _PREFIX.size  # from the start of a cluster to its JPEG
SUFFIX_BYTES = _SUFFIX.size  # from the end of the JPEG to the end of the cluster


@dataclass(frozen=True, slots=True)
class About:
    """What a file says of itself before its first frame."""

    camera: str
    width: int
    height: int
    start_ns: int  # site time of the first frame


@dataclass(frozen=True, slots=True)
class End:
    """What is known only when the last frame is written."""

    duration_ns: int
    cues_at: int  # offset in the file
    file_bytes: int


class FrameRecord(Struct, frozen=True, gc=False):
    """What is kept beside each JPEG."""

    run: int  # 64 bits
    sequence: int
    captured_ns: int  # the camera's wall clock, as it came
    time_ns: int  # site time


def header(about: About, end: End | None = None) -> bytes:
    """Everything before the first cluster; as long with an `end` as without."""
    info, tracks = _info(about, end), _tracks(about)
    info_at = 4 + SIZE_BYTES + 3 * _SEEK_BYTES
    seeks = _seek(INFO, info_at) + _seek(TRACKS, info_at + len(info))
    seeks += _seek(CUES, end.cues_at - DATA_AT) if end else void(_SEEK_BYTES)
    size = (_SIZE_MARK | (end.file_bytes - DATA_AT)) if end else _SIZE_UNKNOWN
    segment = struct.pack(">IQ", SEGMENT, size)
    return _EBML_HEAD + segment + _element(0x114D9B74, seeks) + info + tracks


def frame_parts(jpeg: memoryview, record: FrameRecord, since_start_ns: int) -> tuple[bytes, bytes]:
    """What stands before and after a JPEG: together one cluster."""
    fields = (record.run, record.sequence, record.captured_ns, record.time_ns)
    return (
        prefix(jpeg.nbytes, since_start_ns),
        _SUFFIX.pack(*_SUFFIX_HEAD, *fields, checksum(jpeg, record)),
    )


def prefix(jpeg_bytes: int, since_start_ns: int) -> bytes:
    """The fixed start of a cluster that holds one JPEG."""
    block = jpeg_bytes + _BLOCK_HEAD_BYTES
    group = 1 + SIZE_BYTES + block + SUFFIX_BYTES
    cluster = 10 + 1 + SIZE_BYTES + group
    milliseconds = (since_start_ns + MILLISECOND_NS // 2) // MILLISECOND_NS
    return _PREFIX.pack(
        *(CLUSTER, _SIZE_MARK | cluster),
        *(0xE7, 0x88, milliseconds),
        *(0xA0, _SIZE_MARK | group),
        *(0xA1, _SIZE_MARK | block),
        *(0x81, 0, 0),
    )


def read_prefix(data: bytes) -> tuple[int, int] | None:
    """(milliseconds, bytes of JPEG) of the start of a cluster of ours; None for other bytes."""
    if len(data) != PREFIX_BYTES:
        return None
    fields = _PREFIX.unpack(data)
    milliseconds, jpeg_bytes = fields[4], (fields[8] & ~_SIZE_MARK) - _BLOCK_HEAD_BYTES
    if jpeg_bytes < 0 or milliseconds > 1 << 43:
        return None
    if data != prefix(jpeg_bytes, milliseconds * MILLISECOND_NS):
        return None
    return milliseconds, jpeg_bytes


def read_suffix(data: bytes) -> tuple[FrameRecord, int] | None:
    """(record, checksum) of the end of a cluster of ours; None for other bytes."""
    if len(data) != SUFFIX_BYTES:
        return None
    fields = _SUFFIX.unpack(data)
    if fields[: len(_SUFFIX_HEAD)] != _SUFFIX_HEAD:
        return None
    run, sequence, captured_ns, time_ns, check = fields[len(_SUFFIX_HEAD) :]
    return FrameRecord(run, sequence, captured_ns, time_ns), check


def checksum(jpeg: memoryview, record: FrameRecord) -> int:
    """CRC-32 of the record and of at least one byte of every disk sector that the JPEG fills.

    It is there to notice what never reached the disk, at a tenth of the cost of all bytes.
    """
    fields = _RECORD.pack(record.run, record.sequence, record.captured_ns, record.time_ns)
    return zlib.crc32(bytes(jpeg[::SAMPLE_BYTES]), zlib.crc32(fields))


def cues(points: Iterable[tuple[int, int]]) -> bytes:
    """Where to look for which moment: (milliseconds, offset of the cluster in the file)."""
    return _element(CUES, b"".join(_cue(at_ms, at - DATA_AT) for at_ms, at in points))


def void(length: int) -> bytes:
    """An element of that length, at least nine bytes, that every reader skips."""
    return void_head(length) + bytes(length - VOID_HEAD_BYTES)


def void_head(length: int) -> bytes:
    """What turns the `length` bytes that it begins into a void element."""
    return struct.pack(">BQ", VOID, _SIZE_MARK | (length - VOID_HEAD_BYTES))


def read_void(data: bytes) -> int | None:
    """The length of the void element that begins so; None for other bytes."""
    if len(data) != VOID_HEAD_BYTES or data[0] != VOID or data[1] != 1:
        return None
    return (int.from_bytes(data[1:], "big") & ~_SIZE_MARK) + VOID_HEAD_BYTES


def _info(about: About, end: End | None) -> bytes:
    duration = struct.pack(">HBd", 0x4489, 0x88, end.duration_ns / MILLISECOND_NS) if end else None
    return _element(
        INFO,
        _uint(0x2AD7B1, MILLISECOND_NS)  # TimestampScale
        + _element(0x4D80, b"camfan")  # MuxingApp
        + _element(0x5741, b"camfan")  # WritingApp
        + _element(TITLE, about.camera.encode())
        + struct.pack(">HBq", DATE, 0x88, about.start_ns - _EPOCH_2001_NS)
        + (duration or void(11)),
    )


def read_date(data: bytes) -> int:
    """Nanoseconds since 1970 of a DateUTC."""
    return int.from_bytes(data, "big", signed=True) + _EPOCH_2001_NS


def _tracks(about: About) -> bytes:
    track = (
        _uint(0xD7, 1)  # TrackNumber
        + _uint(0x73C5, 1)  # TrackUID
        + _uint(0x83, 1)  # TrackType: video
        + _uint(0x9C, 0)  # FlagLacing
        + _uint(0x55EE, 1)  # MaxBlockAdditionID: the record
        + _element(0x22B59C, b"und")  # Language
        + _element(0x86, b"V_MJPEG")
        + _element(VIDEO, _uint(PIXEL_WIDTH, about.width) + _uint(PIXEL_HEIGHT, about.height))
    )
    return _element(TRACKS, _element(TRACK, track))


def _cue(at_ms: int, position: int) -> bytes:
    place = _uint(0xF7, 1) + _uint(0xF1, position)  # CueTrack, CueClusterPosition
    return _element(0xBB, _uint(0xB3, at_ms) + _element(0xB7, place))


def _seek(identifier: int, position: int) -> bytes:
    place = _element(0x53AB, identifier.to_bytes(4, "big")) + _uint(0x53AC, position)
    return _element(0x4DBB, place)


def _element(identifier: int, payload: bytes) -> bytes:
    return _identifier(identifier) + struct.pack(">Q", _SIZE_MARK | len(payload)) + payload


def _uint(identifier: int, value: int) -> bytes:
    return _identifier(identifier) + struct.pack(">BQ", 0x88, value)


def _identifier(identifier: int) -> bytes:
    return identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")


_SUFFIX_HEAD = (
    *(0x75A1, _SIZE_MARK | _ADDITIONS_BYTES),
    *(0xA6, _SIZE_MARK | _MORE_BYTES),
    *(0xEE, 0x81, 1),
    *(0xA5, _SIZE_MARK | _RECORD_BYTES),
    _RECORD_MARK,
)
_EBML_HEAD = _element(
    EBML,
    _uint(0x4286, 1)  # EBMLVersion
    + _uint(0x42F7, 1)  # EBMLReadVersion
    + _uint(0x42F2, 4)  # EBMLMaxIDLength
    + _uint(0x42F3, 8)  # EBMLMaxSizeLength
    + _element(0x4282, b"matroska")
    + _uint(0x4287, 4)  # DocTypeVersion
    + _uint(0x4285, 2),  # DocTypeReadVersion
)
DATA_AT = len(_EBML_HEAD) + 4 + SIZE_BYTES  # positions inside a file count from here

"""What an export holds and what it lacks, beside it as JSON."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from msgspec import Struct

from camfan import FrameLostError, RecordedGap
from camfan.recording.moments import as_datetime
from camfan_nodes.export.request import ExportFormat


class ManifestGap(Struct, frozen=True, kw_only=True):
    """Frames that were never recorded."""

    reason: str
    run: str
    first: int
    last: int | None
    missing: int | None
    start: str | None
    end: str | None


class ManifestLoss(Struct, frozen=True, kw_only=True):
    """A frame that was recorded and cannot be read any more."""

    run: str
    sequence: int
    time: str
    file: str
    reason: str


class ManifestCamera(Struct, frozen=True, kw_only=True):
    """One camera of an export."""

    camera: str
    frames: int
    start: str | None  # of its first frame; None: it has none
    end: str | None
    gaps: list[ManifestGap]
    lost: list[ManifestLoss]


class Manifest(Struct, frozen=True, kw_only=True):
    """The whole of an export. Times are UTC."""

    version: int = 1
    file: str
    format: ExportFormat
    bytes: int
    sha256: str
    pictures: int  # in the file; of a grid each shows several cameras
    start: str
    end: str
    cameras: list[ManifestCamera]


def utc_text(time_ns: int) -> str:
    """`2026-11-22T10:15:00.123456Z`."""
    return as_datetime(time_ns).isoformat(timespec="microseconds").replace("+00:00", "Z")


def manifest_gap(gap: RecordedGap) -> ManifestGap:
    return ManifestGap(
        reason=gap.reason,
        run=gap.run,
        first=gap.first,
        last=gap.last,
        missing=gap.missing,
        start=None if gap.start is None else utc_text(gap.start),
        end=None if gap.end is None else utc_text(gap.end),
    )


def manifest_loss(lost: FrameLostError) -> ManifestLoss:
    return ManifestLoss(
        run=lost.run,
        sequence=lost.sequence,
        time=utc_text(lost.time),
        file=lost.path,
        reason=lost.reason,
    )


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def encode_manifest(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"

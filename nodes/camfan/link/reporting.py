"""The status of a camera, completed by what its Publisher knows of its frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from camfan.link.camera_settings import CameraSettings
from camfan.ring.camera_store import CameraStore
from camfan.ring.ring import MemoryRing
from camfan_wire.figures import PublisherFigures
from camfan_wire.header import Position
from camfan_wire.messages import Report

if TYPE_CHECKING:
    from camfan.ring.disk_ring import DiskRing


def complete_report(
    report: Callable[[], Report] | None, store: CameraStore, settings: CameraSettings
) -> Report:
    """The node's own report, and what became of its frames."""
    ring, disk = store.memory, store.disk
    own = report() if report is not None else _plain(ring)
    if own.state == "live" and settings.demand.layers == 0:
        own = replace(own, state="idle")
    figures = _with_settings(_with_accounts(own.publisher or PublisherFigures(), ring), settings)
    message = own.message or settings.adaptation.reason
    if disk is not None:
        figures = _with_disk(figures, disk)
        message = message or disk.trouble
    return replace(own, message=message, publisher=figures)


def _with_settings(figures: PublisherFigures, settings: CameraSettings) -> PublisherFigures:
    return replace(
        figures,
        demand=settings.demand.layers,
        layers=settings.adaptation.layers,
        quality=settings.jpeg_quality,
        adapted=settings.adaptation.reason,
        set_fps=settings.fps,
        set_quality=settings.quality,
    )


def _with_disk(figures: PublisherFigures, disk: DiskRing) -> PublisherFigures:
    span = disk.span()
    return replace(
        figures,
        disk_frames=span.frames,
        disk_bytes=span.bytes,
        disk_s=round(span.seconds, 3),
        disk_lost=disk.lost,
        disk_error=disk.trouble,
    )


def _with_accounts(figures: PublisherFigures, ring: MemoryRing) -> PublisherFigures:
    counts, span = ring.counts, ring.span()
    newest = counts.captured - 1
    return replace(
        figures,
        last_frame=Position(ring.run, newest) if newest >= 0 else None,
        last_frame_time=ring.newest_captured,
        captured=counts.captured,
        sent=counts.sent,
        unsent=counts.unsent,
        unwanted=counts.unwanted,
        uplink=counts.uplink,
        refused=counts.refused,
        late=counts.late,
        ring_frames=span.frames,
        ring_bytes=span.bytes,
        ring_s=round(span.seconds, 3),
        ring_oldest=span.oldest,
    )


def _plain(ring: MemoryRing) -> Report:
    """For code without a report of its own: live after the first frame."""
    return Report(state="live" if ring.sequence else "waiting")

"""The status of a camera, completed by the accounts that its Publisher keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from camfan.link.camera_settings import CameraSettings
from camfan.ring.ring import MemoryRing, RingSpan
from camfan_wire.link import Report
from camfan_wire.messages import Figures


class Disk(Protocol):
    """What is asked of a ring on a disk."""

    @property
    def trouble(self) -> str | None: ...

    @property
    def lost(self) -> int: ...

    def span(self) -> RingSpan: ...


def complete_report(
    report: Callable[[], Report] | None,
    camera: str,
    ring: MemoryRing,
    disk: Disk | None,
    settings: CameraSettings,
) -> Report:
    """What the node says of itself, and what became of its pictures."""
    own = report() if report is not None else _plain(ring)
    if own.state == "live" and settings.demand.layers == 0:
        own = replace(own, state="idle")
    figures = {**own.cameras.get(camera, {}), **accounts(ring), **_setting_figures(settings)}
    message = own.message or settings.adaptation.reason
    if disk is not None:
        figures |= _on_disk(disk)
        message = message or disk.trouble
    return replace(own, message=message, cameras={**own.cameras, camera: figures})


def _setting_figures(settings: CameraSettings) -> Figures:
    return {
        "demand": settings.demand.layers,
        "layers": settings.adaptation.layers,
        "quality": settings.jpeg_quality,
        "adapted": settings.adaptation.reason,
        "set_fps": settings.fps,
        "set_quality": settings.quality,
    }


def _on_disk(disk: Disk) -> Figures:
    span = disk.span()
    return {
        "disk_frames": span.frames,
        "disk_bytes": span.bytes,
        "disk_s": round(span.seconds, 3),
        "disk_lost": disk.lost,
        "disk_error": disk.trouble,
    }


def accounts(ring: MemoryRing) -> Figures:
    """captured = sent + unsent + unwanted + uplink + refused."""
    counts, span = ring.counts, ring.span()
    return {
        "run": ring.run,
        "sequence": counts.captured - 1 if counts.captured else None,
        "captured": counts.captured,
        "sent": counts.sent,
        "unsent": counts.unsent,
        "unwanted": counts.unwanted,
        "uplink": counts.uplink,
        "refused": counts.refused,
        "late": counts.late,
        "ring_frames": span.frames,
        "ring_bytes": span.bytes,
        "ring_s": round(span.seconds, 3),
        "ring_oldest": span.oldest,
    }


def _plain(ring: MemoryRing) -> Report:
    """Of code that says nothing of itself: it is live once it has published anything."""
    return Report(state="live" if ring.sequence else "waiting")

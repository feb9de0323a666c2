"""The frames that a camera keeps: in memory, and on a disk if the site file says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from camfan.ring.absences import EncodingDecision
from camfan.ring.repair import Archive, NoArchive
from camfan.ring.ring import MemoryRing, StoredFrame
from camfan_config import CameraRing

if TYPE_CHECKING:
    from camfan.ring.disk_ring import DiskRing


class CameraStore:
    """Belongs to the thread that publishes; `memory`, `disk` and `archive` may be read by any."""

    def __init__(self, camera: str, run: str, section: CameraRing) -> None:
        self.memory = MemoryRing(run, section.memory)
        self.disk = _disk_ring(section, camera, run)
        self.archive: Archive = self.disk or NoArchive()

    @property
    def sequence(self) -> int:
        """Of the next frame."""
        return self.memory.sequence

    def append(self, stored: StoredFrame, header: bytes, decision: EncodingDecision) -> None:
        """Keep the next frame, with its header as it is sent; `settle` waits for the disk."""
        self.memory.append(stored, decision)
        if self.disk is not None:
            self.disk.keep(stored, header, decision)

    def settle(self) -> None:
        """Wait, within limits, until the kernel has what was given to the disk."""
        if self.disk is not None:
            self.disk.settle()

    def skip(self, frames: int, decision: EncodingDecision) -> None:
        """Number frames that are not made because of `decision`."""
        sequence = self.memory.sequence
        changed = self.memory.leave_out(frames, decision)
        if changed and self.disk is not None:
            self.disk.leave_out(sequence, decision)

    def refuse(self, decision: EncodingDecision) -> None:
        """Number a frame that was captured and cannot be published."""
        sequence = self.memory.sequence
        self.memory.refuse(decision)
        if self.disk is not None:
            self.disk.refuse(sequence, decision)

    def close(self) -> None:
        if self.disk is not None:
            self.disk.close(self.memory.sequence)


def _disk_ring(section: CameraRing, camera: str, run: str) -> DiskRing | None:
    if section.disk is None or section.path is None:
        return None
    from camfan.ring.disk_ring import DiskRing  # only here: its locks exist on Linux only

    return DiskRing(Path(section.path) / camera, camera, run, section.disk)

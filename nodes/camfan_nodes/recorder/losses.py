"""Frames that came and could not be written: counted as gaps, one for each stretch."""

from __future__ import annotations

import errno
import sqlite3

from camfan.frame import Frame
from camfan_nodes.recorder.sentinel import DiskMissingError
from camfan_wire.messages import Gap

DISK_FULL = "disk-full"
DISK_ERROR = "disk-error"
DISK_MISSING = "disk-missing"
DISK_SLOW = "disk-slow"
DAMAGED = "damaged"  # they were written, and cannot be read any more


def reason_of(error: OSError | sqlite3.Error) -> str:
    """The word under which frames that met this error are lost."""
    if isinstance(error, DiskMissingError):
        return DISK_MISSING
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    else:
        full = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL
    return DISK_FULL if full else DISK_ERROR


class LostStretches:
    """The stretch of each camera that is being lost."""

    def __init__(self) -> None:
        self._gaps: dict[str, Gap] = {}

    def add(self, frame: Frame, reason: str) -> Gap | None:
        """Count a frame; the stretch before it, if this is not its continuation."""
        gap = self._gaps.get(frame.camera)
        continues = (
            gap is not None
            and (gap.run, gap.reason) == (frame.run, reason)
            and gap.last == frame.sequence - 1
        )
        first = gap.first if gap is not None and continues else frame.sequence
        self._gaps[frame.camera] = Gap(
            camera=frame.camera, run=frame.run, first=first, last=frame.sequence, reason=reason
        )
        return None if continues else gap

    def gaps(self) -> list[Gap]:
        """The stretches so far; they may still grow."""
        return list(self._gaps.values())

    def end(self) -> list[Gap]:
        """The stretches, which are over."""
        gaps = self.gaps()
        self._gaps.clear()
        return gaps

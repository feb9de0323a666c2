"""What a recorder knows of its own work: what it counted, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DiskTrouble:
    """Why nothing is being recorded."""

    reason: str  # disk-full, disk-error
    message: str
    event: str  # its id, from start to end
    retry_s: float  # monotonic


@dataclass(slots=True)
class CameraCounts:
    """What became of one camera's frames since the start."""

    frames: int = 0
    bytes: int = 0
    repeated: int = 0  # came again and were there already
    lost: int = 0  # came and could not be written
    skipped: int = 0  # came, and the mode does not keep them
    missing: int = 0  # in gaps that the broker reported, where it knew how many
    until_ns: int | None = None  # site time of the newest frame recorded

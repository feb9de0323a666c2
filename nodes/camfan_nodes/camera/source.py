"""What a source of frames is to the camera node, and how it says that it has none.

Protocols and data only. One thread opens a source, captures frames and closes it; each call returns
within about `SLICE_S`, so that the caller notices a stop and a stall.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

import numpy as np
import numpy.typing as npt

from camfan_config.errors import CamfanError

SLICE_S = 0.5  # how long `capture` may wait for a frame
IDLE_S = 0.9  # how long it lets frames pass while no subscriber watches

Bgr = npt.NDArray[np.uint8]  # (height, width, 3)
Plane = npt.NDArray[np.uint8]  # (height, width)


@dataclass(frozen=True, slots=True)
class Planes:
    """An image as JPEG stores it: full-range BT.601, chroma at half size each way (4:2:0)."""

    y: Plane
    u: Plane
    v: Plane


@dataclass(frozen=True, slots=True)
class CapturedFrame:
    """One captured frame: a JPEG that passes through, or pixels that are encoded here.

    Pixels may be painted on, and are valid until the next capture.
    """

    content: bytes | Planes | Bgr = field(repr=False)
    captured_ns: int  # wall clock at the moment of capture
    error_ns: int = 0  # the true moment is within ± this


@dataclass(frozen=True, slots=True)
class SkippedFrames:
    """Frames that passed and were not captured, because no subscriber wants them."""

    frames: int = 1


class Idle(Enum):
    """Why `capture` has no frame."""

    SILENT = auto()  # one was due, none came
    PACED = auto()  # the next one is not due yet
    ENDED = auto()  # there will never be another


class SourceError(CamfanError):
    """A source gives no frames now, but may later; says what was asked for and what was found."""


class FinalSourceError(CamfanError):
    """A source that this process cannot recover; a fresh process may."""


@dataclass(slots=True)
class SourceCounts:
    """What a source lost, over all its openings. Written by the capturing thread only."""

    dropped: int = 0  # frames that were there, and were read too late
    unreadable: int = 0  # frames that were damaged


class SourceDemand(Protocol):
    """Which frames of an open source are wanted. `rest` has one caller at a time."""

    @property
    def fps(self) -> float | None:
        """Limit of frames a second, in place of the site file's; None: as in the site file."""

    def wanted(self) -> bool:
        """True if the next frame is worth capturing; on the capturing thread only."""

    def idle(self) -> bool:
        """No subscriber watches: frames may pass unseen, many at a time."""

    def rest(self, seconds: float) -> None:
        """Wait this long while idle; return at once when frames are wanted."""


class FullDemand:
    """Every frame is wanted."""

    fps: float | None = None

    def wanted(self) -> bool:
        return True

    def idle(self) -> bool:
        return False

    def rest(self, seconds: float) -> None:
        """Nothing to wait for."""


FULL_DEMAND = FullDemand()


class CameraStream(Protocol):
    """A source while it is open."""

    @property
    def description(self) -> str:
        """What was opened: `1280x720 MJPEG, passed through`."""

    def capture(self) -> CapturedFrame | SkippedFrames | Idle:
        """The next frame, if it is wanted. Raises SourceError when the source is lost."""


class CameraSource(Protocol):
    """Where frames come from. `reopens`: it can be opened again within one process."""

    @property
    def name(self) -> str:
        """How a log line calls it; never holds a password."""

    @property
    def reopens(self) -> bool: ...

    @property
    def counts(self) -> SourceCounts: ...

    def look(self) -> None:
        """Raises SourceError if it cannot be opened, as far as that is known without opening it.

        Starts nothing, so a node that uses the source is not disturbed.
        """

    def open(self, demand: SourceDemand = FULL_DEMAND) -> AbstractContextManager[CameraStream]:
        """Raises SourceError when there is nothing to open."""

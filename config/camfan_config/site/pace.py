"""How often a camera gives a picture, and how long a silence may last because of it.

The one rule for when a picture is late, a camera stale or offline, and a source opened again. The
node, the broker, the window and the web pages use it, so that they agree on every camera: 30
pictures a second or one an hour.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from camfan_config.types import CameraBase, HttpCamera, ImagesCamera

LATE_S, LATE_INTERVALS = 1.0, 2  # a picture older than this is late
STALE_S, STALE_INTERVALS = 3.0, 3  # a camera without a new picture for this long is stale
OFFLINE_S, OFFLINE_STALES = 60.0, 2  # and after this long, offline
STALL_S = 5.0  # a source that is silent for this long is opened again
STREAM_PATIENCE_S = 60.0  # the same for an HTTP stream whose pace is not known yet
SLOWEST_FPS = 1.0  # images and snapshots without `fps`

_SURE = 3  # intervals that must have been seen before they count
_KEPT = 12


@dataclass(frozen=True, slots=True)
class StateLimits:
    """When a camera changes its state. The broker decides them, and sends them to viewers."""

    late_s: float  # a frame older than this is late
    stale_s: float  # without a new frame for this long the camera is stale
    offline_s: float  # and for this long, offline

    def at_least(self, interval_s: float) -> StateLimits:
        """Those of a reader that gets a frame only once in this interval."""
        slow = Pace(interval_s)
        return StateLimits(
            max(self.late_s, slow.late_s),
            max(self.stale_s, slow.stale_s),
            max(self.offline_s, slow.offline_s),
        )


@dataclass(frozen=True, slots=True)
class Pace:
    """What is known of a camera's rate. Seconds throughout."""

    interval_s: float = 0.0  # between two pictures, at least; 0: not known
    patience_s: float = 0.0  # how long a silence may be while the interval is not known for sure
    stall_after_s: float = STALL_S

    @property
    def late_s(self) -> float:
        return max(LATE_S, LATE_INTERVALS * self.interval_s)

    @property
    def stale_s(self) -> float:
        return max(STALE_S, STALE_INTERVALS * self.interval_s, self.patience_s)

    @property
    def offline_s(self) -> float:
        return max(OFFLINE_S, OFFLINE_STALES * self.stale_s)

    @property
    def limits(self) -> StateLimits:
        return StateLimits(self.late_s, self.stale_s, self.offline_s)

    @property
    def stall_s(self) -> float:
        """After this much silence the source is opened again."""
        return max(self.stall_after_s, STALE_INTERVALS * self.interval_s, self.patience_s)

    def at_least(self, interval_s: float) -> Pace:
        """The pace of a reader that gets fewer pictures than the camera takes."""
        return Pace(max(self.interval_s, interval_s), self.patience_s, self.stall_after_s)

    def seen(self, interval_s: float | None) -> Pace:
        """With what its pictures have shown; None: not enough of them came yet."""
        if interval_s is None:
            return self
        return Pace(max(self.interval_s, interval_s), 0.0, self.stall_after_s)


def planned_pace(camera: CameraBase, fps: float | None = None) -> Pace:
    """What the site file says of a camera's pace; `fps` in place of its own, if one was set.

    `fps` is an upper limit. What a network stream really gives is known only from its pictures.
    """
    fps = fps or camera.fps or _own_fps(camera)
    stall_after_s = STALL_S if camera.stall_after is None else camera.stall_after
    stream = isinstance(camera, HttpCamera) and not camera.snapshot
    if camera.stall_after is not None:
        patience_s = camera.stall_after
    elif stream:
        patience_s = STREAM_PATIENCE_S
    else:
        patience_s = 0.0 if fps else STALL_S
    return Pace(1 / fps if fps else 0.0, patience_s, stall_after_s)


def _own_fps(camera: CameraBase) -> float | None:
    asked_for = isinstance(camera, HttpCamera) and camera.snapshot
    return SLOWEST_FPS if asked_for or isinstance(camera, ImagesCamera) else None


class Gaps:
    """The intervals between the last pictures of a camera."""

    __slots__ = ("_gaps", "_interval_s")

    def __init__(self) -> None:
        self._gaps: deque[float] = deque(maxlen=_KEPT)
        self._interval_s: float | None = None

    def add(self, seconds: float) -> None:
        self._gaps.append(seconds)
        self._interval_s = None

    @property
    def interval_s(self) -> float | None:
        """The upper quartile, because cameras send pictures in pairs; None: too few were seen."""
        if len(self._gaps) < _SURE:
            return None
        if self._interval_s is None:
            self._interval_s = sorted(self._gaps)[3 * len(self._gaps) // 4]
        return self._interval_s

"""When each node last reported, by the clock of the receiver; and what that says of a camera.

A status carries its node's own clock, which may be wrong, so only its change counts here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from camfan_config.site.pace import StateLimits
from camfan_wire.figures import CameraFigures
from camfan_wire.messages import Status
from camfan_wire.states import STATES, CameraState

SILENT_S = 6.0  # three statuses missed

_WHY = {
    "waiting": "its source has given no picture yet",
    "stale": "its source stopped",
    "offline": "its source is not there",
    "ended": "its source has ended",
}


@dataclass(frozen=True, slots=True)
class LastStatus:
    """A node's last status, and how long ago it arrived."""

    status: Status
    silent_s: float

    @property
    def gone(self) -> bool:
        return self.silent_s > SILENT_S


class LastStatuses:
    """Remembers when each status changed. One thread."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[Status, float]] = {}

    def update(self, statuses: Mapping[str, Status], now_s: float) -> None:
        for node, status in statuses.items():
            known = self._since.get(node)
            if known is None or known[0].time != status.time:
                self._since[node] = (status, now_s)

    def words(self, now_s: float) -> dict[str, LastStatus]:
        return {
            node: LastStatus(status, now_s - heard_s)
            for node, (status, heard_s) in self._since.items()
        }


def camera_trouble(camera: str, words: Mapping[str, LastStatus], *, connected: bool) -> str:
    """Why there is no new frame, in a few words; empty if no node has reported why."""
    if not connected:
        return "the broker does not answer"
    word = words.get(camera)
    if word is None:
        return "its node was not heard" if words else ""
    if word.gone:
        return "its node stopped answering"
    if word.status.message:
        return word.status.message.rstrip(".")
    return _WHY.get(word.status.state, "")


def figures_of(camera: str, status: Status | None) -> CameraFigures | None:
    """The broker's figures of a camera, from its status; None if it has not sent any."""
    return None if status is None or status.broker is None else status.broker.cameras.get(camera)


def said_of_camera(camera: str, words: Mapping[str, LastStatus]) -> CameraFigures | None:
    """The broker's figures of a camera, from the last statuses; None if it has not sent any."""
    found = (figures_of(camera, word.status) for word in words.values())
    return next((figures for figures in found if figures is not None), None)


def state_said(figures: CameraFigures | None) -> CameraState | None:
    """The state of a camera, from the broker's figures of it; None: not known."""
    said = None if figures is None else figures.state
    return next((state for state in STATES if state == said), None)


def limits_said(figures: CameraFigures | None) -> StateLimits | None:
    """When a camera is late, stale or offline, from the broker's figures of it."""
    if figures is None:
        return None
    late_ms, stale_ms = figures.late_after_ms, figures.stale_after_ms
    offline_ms = figures.offline_after_ms
    if late_ms is None or stale_ms is None or offline_ms is None:
        return None
    return StateLimits(late_ms / 1000, stale_ms / 1000, offline_ms / 1000)

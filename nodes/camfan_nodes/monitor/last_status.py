"""When each node was last heard, by the clock of who listens; and what that says of a camera.

A status carries its node's own clock, which may be wrong, so only its change counts here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from camfan_config.site.pace import Pace
from camfan_wire.messages import Figures, Status
from camfan_wire.states import STATES, CameraState

SILENT_S = 6.0  # three statuses missed

_WHY = {
    "waiting": "its source has given no picture yet",
    "stale": "its source stopped",
    "offline": "its source is not there",
    "ended": "its source is over",
}


@dataclass(frozen=True, slots=True)
class LastStatus:
    """A node's last status, and how long ago it came."""

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
    """Why there is no new picture, in a few words; empty when nobody has said why."""
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


def said_of_camera(camera: str, words: Mapping[str, LastStatus]) -> Figures:
    """The broker's figures of a camera, as it said them last; empty if it has not."""
    for word in words.values():
        if word.status.kind == "broker" and camera in word.status.cameras:
            return word.status.cameras[camera]
    return {}


def state_said(figures: Figures) -> CameraState | None:
    """The state of a camera, from the broker's figures of it."""
    return next((state for state in STATES if state == figures.get("state")), None)


def pace_said(figures: Figures) -> Pace | None:
    """How often pictures of a camera should come, from the broker's figures of it."""
    interval_ms, stale_ms = figures.get("interval_ms"), figures.get("stale_after_ms")
    if not isinstance(stale_ms, int | float):
        return None
    interval_s = interval_ms / 1000 if isinstance(interval_ms, int | float) else 0.0
    return Pace(interval_s, stale_ms / 1000)

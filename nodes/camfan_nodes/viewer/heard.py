"""When each node was last heard, by the clock of who listens; and what that says of a camera.

A status carries its node's own clock, which may be wrong, so only its change counts here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from camfan_wire.messages import Status

SILENT_S = 6.0  # three statuses missed


@dataclass(frozen=True, slots=True)
class Word:
    """A node's last status, and how long ago it came."""

    status: Status
    silent_s: float

    @property
    def gone(self) -> bool:
        return self.silent_s > SILENT_S


class Heard:
    """Remembers when each status changed. One thread."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[Status, float]] = {}

    def update(self, statuses: Mapping[str, Status], now_s: float) -> None:
        for node, status in statuses.items():
            known = self._since.get(node)
            if known is None or known[0].time != status.time:
                self._since[node] = (status, now_s)

    def words(self, now_s: float) -> dict[str, Word]:
        return {
            node: Word(status, now_s - heard_s) for node, (status, heard_s) in self._since.items()
        }


def camera_trouble(camera: str, words: Mapping[str, Word], *, connected: bool) -> str:
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
    return {"waiting": "its source is not there", "stalled": "its source stopped"}.get(
        word.status.state, ""
    )

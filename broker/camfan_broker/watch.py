"""Which cameras are live, and saying so when it changes.

A camera is `wait` until its first frame, `live` while frames come, `stale` when none came for its
`stall_after`, and `offline` when neither frames nor its node are heard.
"""

from __future__ import annotations

import logging
import time

from camfan_broker.board import Board
from camfan_broker.camera import Camera, State

log = logging.getLogger(__name__)

NODE_SILENCE_NS = 6_000_000_000  # three statuses
PAUSES = 2  # between frames that a camera nobody watches may be late by


class Watch:
    """Belongs to the loop's thread."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def look(self, camera: Camera, site_ns: int, pause_s: float | None = 0.0) -> None:
        """Compare what is with what was said last, and say what changed.

        `pause_s` is how far apart the camera's frames are meant to be now; None: there are none.
        """
        state = self._state(camera, site_ns, pause_s)
        if state == camera.state:
            return
        before, camera.state, camera.state_since_ns = camera.state, state, site_ns
        log.info("%s is %s", camera.name, state)
        if state in ("stale", "offline"):
            if camera.outage is not None:
                self._end(camera, before)
            camera.outage = self._board.say_event(state, "start", camera=camera.name)
        elif camera.outage is not None:
            self._end(camera, before)

    def _end(self, camera: Camera, before: State) -> None:
        self._board.say_event(before, "end", event_id=camera.outage or "", camera=camera.name)
        camera.outage = None

    def _state(self, camera: Camera, site_ns: int, pause_s: float | None) -> State:
        silent = camera.silent_ns(time.monotonic_ns())
        if silent is not None and silent < camera.stall_after_ns + PAUSES * (pause_s or 0) * 1e9:
            return "live"
        heard = self._board.heard_ns.get(camera.name)
        node_is_there = heard is not None and site_ns - heard < NODE_SILENCE_NS
        if silent is None:
            return "wait"
        if pause_s is None and node_is_there:  # asked for no pictures, it gives none
            return camera.state
        return "stale" if node_is_there else "offline"

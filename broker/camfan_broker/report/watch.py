"""The state of each camera, and an event when it changes.

`camfan_wire.states` defines the states. `late` is not decided here: it depends on the age of the
newest frame when it came, and `status.py` reports it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from camfan_broker.access.board import NoticeBoard
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.camera.cameras import CameraTable
from camfan_broker.camera.demand import SHARES, DemandTable
from camfan_broker.camera.ring import RingEntry
from camfan_config import Camera as Section
from camfan_config.site.pace import Pace, planned_pace
from camfan_wire.clock import Clock, SiteClock
from camfan_wire.messages import Status
from camfan_wire.states import NORMAL, STATES, TROUBLE, CameraState, state_of
from camfan_wire.topics import LAYERS

log = logging.getLogger(__name__)

NODE_SILENCE_NS = 6_000_000_000  # three statuses
_NODE_PACE = Pace(2.0)  # of the statuses of a node


class CameraWatch:
    """Belongs to the loop's thread."""

    def __init__(
        self,
        cameras: CameraTable,
        demands: DemandTable,
        board: NoticeBoard,
        clock: SiteClock,
        monotonic_ns: Clock = time.monotonic_ns,
    ) -> None:
        self._cameras = cameras
        self._demands = demands
        self._board = board
        self._clock = clock
        self._now = monotonic_ns
        self._sections: Mapping[str, Section] = {}

    def configure(self, sections: Mapping[str, Section]) -> None:
        """From now on, the cameras are as this site file says."""
        self._sections = sections

    def frame_came(self, camera: TrackedCamera, entry: RingEntry) -> None:  # noqa: ARG002 - its arrival counts
        """The first frame after an outage is seen at once."""
        if camera.state not in ("live", "idle"):
            self._look(camera)

    def tick(self) -> None:
        """Look at all cameras."""
        for camera in self._cameras.values():
            self._look(camera)

    def _look(self, camera: TrackedCamera) -> None:
        layers, trickle = self._demands.layers(camera.name), self._demands.trickle(camera.name)
        section = self._sections[camera.name]
        self.look(camera, section, self._clock.now_ns(), layers=layers, trickle=trickle)

    def look(
        self,
        camera: TrackedCamera,
        section: Section,
        site_ns: int,
        *,
        layers: int,
        trickle: float | None,
    ) -> None:
        """Find the state of a camera, and publish an event if it has changed.

        `layers` of it are wanted; with 0, one frame each `trickle` seconds, or none at all.
        """
        status = self._board.statuses.get(camera.name)
        self._set_pace(camera, section, status, layers, trickle)
        state = self._state(camera, status, site_ns, unasked=layers == 0 and trickle is None)
        if layers == 0 and state == "live":
            state = "idle"
        if state == camera.state:
            return
        before, camera.state, camera.state_since_ns = camera.state, state, site_ns
        calm = before in NORMAL and state in NORMAL
        log.log(logging.DEBUG if calm else logging.INFO, "%s is %s", camera.name, state)
        if state in TROUBLE:
            if camera.outage is not None:
                self._end(camera, before)
            camera.outage = self._board.say_event(state, "start", camera=camera.name)
        elif camera.outage is not None:
            self._end(camera, before)

    def _end(self, camera: TrackedCamera, before: CameraState) -> None:
        self._board.say_event(before, "end", event_id=camera.outage or "", camera=camera.name)
        camera.outage = None

    def _set_pace(
        self,
        camera: TrackedCamera,
        section: Section,
        status: Status | None,
        layers: int,
        trickle: float | None,
    ) -> None:
        said = None if status is None else status.publisher
        camera.plan = planned_pace(section, None if said is None else said.set_fps)
        own = camera.own_pace()
        made = min(layers or 1, LAYERS if said is None else said.layers or LAYERS)
        camera.pace = own.at_least(own.interval_s / SHARES[min(made, LAYERS) - 1])
        if layers == 0 and trickle is not None:
            camera.pace = camera.pace.at_least(trickle + camera.pace.interval_s)

    def _state(
        self, camera: TrackedCamera, status: Status | None, site_ns: int, *, unasked: bool
    ) -> CameraState:
        now = self._now()
        silent_ns = camera.silent_ns(now)
        heard_ns = self._board.heard_ns.get(camera.name)
        unheard_ns = None if heard_ns is None else site_ns - heard_ns
        said = next((one for one in STATES if status is not None and one == status.state), None)
        if unheard_ns is not None and unheard_ns < NODE_SILENCE_NS:
            if said == "ended" and (silent_ns is None or unheard_ns <= silent_ns):
                return "ended"
            if unasked and said is not None and said not in NORMAL:
                return said
        if unasked and unheard_ns is not None:
            camera.asked_ns = now  # no frame is expected, so none is missing
            return state_of(_NODE_PACE.limits, unheard_ns / 1e9, came=True, watched=False)
        asked_ns = now - camera.asked_ns
        quiet_ns = asked_ns if silent_ns is None else min(silent_ns, asked_ns)
        came = silent_ns is not None and silent_ns <= asked_ns
        return state_of(camera.pace.limits, quiet_ns / 1e9, came=came)

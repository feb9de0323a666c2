"""At which cameras something moves now, from the events of the motion nodes."""

from __future__ import annotations

from camfan import Event

MOTION = "motion"  # the kind of its events
FORGOTTEN_S = 60.0  # without an update for this long, a motion has ended, reported or not


class MotionState:
    """Open motions by camera. One thread at a time; times are monotonic seconds."""

    def __init__(self) -> None:
        self._open: dict[str, dict[str, float]] = {}  # by camera: when each event was heard last

    def note(self, event: Event, now_s: float) -> None:
        """Take an event into account; those of other kinds change nothing."""
        if event.kind != MOTION or event.camera is None:
            return
        going = self._open.setdefault(event.camera, {})
        if event.state == "end":
            going.pop(event.id, None)
        else:
            going[event.id] = now_s

    def moving(self, camera: str, now_s: float) -> bool:
        """Something moves at this camera, as far as the motion nodes have reported."""
        heard = self._open.get(camera, {}).values()
        return any(now_s - heard_s < FORGOTTEN_S for heard_s in heard)

"""The states of a camera: one word for each, with one meaning, and one function that decides.

The broker, the nodes, the window, the table and the web pages use only these words. A state follows
from the times at which frames came, on the clock of the program that decides it; a message can make
a camera `ended`, but never live.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, get_args

from camfan_config.site.pace import StateLimits

CameraState = Literal["live", "late", "stale", "offline", "waiting", "idle", "ended"]

STATES: tuple[CameraState, ...] = get_args(CameraState)
LIVE: tuple[CameraState, ...] = ("live", "late")  # frames come
TROUBLE: tuple[CameraState, ...] = ("offline", "stale")  # a person may have to act
NORMAL: tuple[CameraState, ...] = (*LIVE, "idle", "ended")
RANK: dict[CameraState, int] = {
    "offline": 0, "stale": 1, "late": 2, "waiting": 3, "live": 4, "idle": 5, "ended": 6
}  # fmt: skip
_COUNTED: tuple[CameraState, ...] = ("offline", "stale", "waiting", "idle", "ended")


def state_of(
    limits: StateLimits,
    quiet_s: float,
    *,
    came: bool,
    age: tuple[float, float] | None = (0.0, 0.0),
    watched: bool = True,
    ended: bool = False,
) -> CameraState:
    """The state of a camera at one moment.

    Args:
        limits: of this camera.
        quiet_s: seconds since the newest frame came; before the first, since it was asked for.
        came: a frame has come.
        age: of the newest frame now and its error, in seconds; None while it is not known.
        watched: a subscriber wants its frames.
        ended: its source is over.
    """
    if ended:
        return "ended"
    if quiet_s >= limits.offline_s:
        return "offline"
    if came and quiet_s >= limits.stale_s:
        return "stale"
    if not watched:
        return "idle"
    if not came:
        return "waiting"
    return "live" if age is not None and is_within(limits.late_s, *age) else "late"


def is_within(limit_s: float, age_s: float, error_s: float) -> bool:
    """Whether a frame is certainly not older than the limit.

    With an error greater than the limit nothing is certain: then the age alone decides.
    """
    return age_s + (error_s if error_s <= limit_s else 0.0) <= limit_s


def live_text(states: Iterable[CameraState]) -> str:
    """The first sentence, whose counts add up: `13 of 16 live, 1 stale, 2 waiting`."""
    counts = Counter(states)
    total = counts.total()
    live = sum(counts[state] for state in LIVE)
    if not total:
        return "no cameras"
    if live == total:
        return f"{total} live"
    others = [f"{counts[state]} {state}" for state in _COUNTED if counts[state]]
    return ", ".join((f"{live} of {total} live", *others))

"""What state a camera is in, from when its pictures came and nothing else.

Decided by whoever looks, on a clock of their own, never by a message: the message may be what
is missing. A picture is live only while that is certain.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Literal

LATE_S = 1.0  # older than this: late, still live
STALE_S = 3.0  # no new picture for this long (3 frame times, if longer): stale
OFFLINE_S = 60.0  # for this long: offline
WORST_S = 0.5  # the age shown is the worst of this long

_INTERVALS = 12  # from which the frame rate is taken

State = Literal["live", "late", "stale", "offline", "wait"]
LIVE: tuple[State, ...] = ("live", "late")


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a picture came, and how old it was then."""

    received_s: float  # monotonic
    taken_ns: int  # site clock, or the camera's own while that is not known
    age_s: float | None  # None: the camera's clock is not known
    error_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Look:
    """A camera at one moment."""

    state: State
    age_s: float | None  # of the newest picture, now
    error_s: float
    since_ns: int | None  # when the newest picture was taken
    quiet_s: float  # no new picture for this long
    fps: float | None


class Watch:
    """Follows one camera from the moment somebody asked for it."""

    def __init__(self, asked_s: float) -> None:
        self._asked_s = asked_s
        self._newest: Arrival | None = None
        self._quiet_from_s = asked_s
        self._intervals: deque[float] = deque(maxlen=_INTERVALS)

    def arrived(self, arrival: Arrival) -> None:
        """A new picture came. One that was old already does not make a silent camera live."""
        flowing = self._newest is not None and (
            arrival.received_s - self._newest.received_s <= self._stale_s
        )
        if self._newest is not None:
            self._intervals.append(max(0.0, arrival.received_s - self._newest.received_s))
        fresh = arrival.age_s is not None and arrival.age_s + arrival.error_s <= self._stale_s
        if fresh or flowing:
            self._quiet_from_s = arrival.received_s
        else:
            already_s = max(self._stale_s, arrival.age_s or 0.0)
            self._quiet_from_s = arrival.received_s - already_s
        self._newest = arrival

    def look(self, now_s: float, *, connected: bool = True) -> Look:
        """The state now. Without the broker nothing is live, and nothing is known offline."""
        newest = self._newest
        if newest is None:
            waited_s = now_s - self._asked_s
            waiting = waited_s < OFFLINE_S or not connected
            return Look("wait" if waiting else "offline", None, 0.0, None, waited_s, None)
        quiet_s = now_s - self._quiet_from_s
        age_s = None if newest.age_s is None else newest.age_s + now_s - newest.received_s
        state = self._state(quiet_s, age_s, newest.error_s, connected)
        fps = self._fps if state in LIVE else None
        return Look(state, age_s, newest.error_s, newest.taken_ns, quiet_s, fps)

    def _state(self, quiet_s: float, age_s: float | None, error_s: float, connected: bool) -> State:
        if not connected:
            return "stale"
        if quiet_s >= OFFLINE_S:
            return "offline"
        if quiet_s >= self._stale_s:
            return "stale"
        late_s = max(LATE_S, 2 * self._frame_s)
        return "live" if age_s is not None and age_s + error_s <= late_s else "late"

    @property
    def _frame_s(self) -> float:
        return median(self._intervals) if self._intervals else 0.0

    @property
    def _stale_s(self) -> float:
        return min(OFFLINE_S, max(STALE_S, 3 * self._frame_s))

    @property
    def _fps(self) -> float | None:
        if not self._intervals:
            return None
        total_s = sum(self._intervals)
        return len(self._intervals) / total_s if total_s > 0 else None


class WorstAge:
    """The worst age of the last half second, renewed twice a second so that it can be read."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float, float]] = deque()
        self._shown: tuple[float, float] | None = None
        self._renewed_s = float("-inf")

    def note(self, now_s: float, age_s: float | None, error_s: float) -> None:
        if age_s is None:
            self._seen.clear()
            self._shown = None
            self._renewed_s = float("-inf")
            return
        self._seen.append((now_s, age_s, error_s))
        while self._seen and now_s - self._seen[0][0] > WORST_S:
            self._seen.popleft()
        if now_s - self._renewed_s >= WORST_S:
            _, worst_s, worst_error_s = max(self._seen, key=lambda seen: seen[1] + seen[2])
            self._shown, self._renewed_s = (worst_s, worst_error_s), now_s

    @property
    def shown(self) -> tuple[float, float] | None:
        """Age and error in seconds; None while the age is not known."""
        return self._shown

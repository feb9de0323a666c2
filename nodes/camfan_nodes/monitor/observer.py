"""The state of a camera, from the times at which its frames arrived.

Decided by the program that shows it, on its own clock: a message may be what is missing. A picture
is live only while that is certain. What the broker says counts only for a camera whose source is
over, and for one without a picture that was offline before it was asked for.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from camfan_config.site.pace import Gaps, StateLimits
from camfan_wire.states import LIVE, CameraState, is_within, state_of

WORST_S = 0.5  # the age shown is the worst of this long

_INTERVALS = 12  # from which the frame rate is taken


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a frame arrived, and how old it was then."""

    received_s: float  # monotonic
    taken_ns: int  # site clock, or the camera's own while that is not known
    age_s: float | None  # None: the camera's clock is not known
    error_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ObservedState:
    """A camera at one moment."""

    state: CameraState
    age_s: float | None  # of the newest frame, now
    error_s: float
    since_ns: int | None  # when the newest frame was taken
    quiet_s: float  # without a new frame for this time
    fps: float | None


class CameraObserver:
    """Follows one camera from the moment at which it was asked for."""

    def __init__(self, asked_s: float, limits: StateLimits) -> None:
        self.broker_limits = limits  # those of the site file, until the broker has sent its own
        self._asked_s = asked_s
        self._newest: Arrival | None = None
        self._quiet_from_s = asked_s
        self._intervals: deque[float] = deque(maxlen=_INTERVALS)
        self._gaps = Gaps()

    @property
    def limits(self) -> StateLimits:
        """Here: those of the broker, or longer ones where fewer frames come over a thin link."""
        interval_s = self._gaps.interval_s
        return self.broker_limits.at_least(interval_s) if interval_s else self.broker_limits

    def arrived(self, arrival: Arrival) -> None:
        """A new frame arrived. One that is old on arrival does not make a silent camera live."""
        stale_s = self.limits.stale_s
        flowing = self._newest is not None and (
            arrival.received_s - self._newest.received_s <= stale_s
        )
        if self._newest is not None:
            gap_s = max(0.0, arrival.received_s - self._newest.received_s)
            self._intervals.append(gap_s)
            self._gaps.add(gap_s)
        fresh = arrival.age_s is not None and is_within(stale_s, arrival.age_s, arrival.error_s)
        if fresh or flowing:
            self._quiet_from_s = arrival.received_s
        else:
            already_s = max(stale_s, arrival.age_s or 0.0)
            self._quiet_from_s = arrival.received_s - already_s
        self._newest = arrival

    def look(
        self, now_s: float, *, connected: bool = True, said: CameraState | None = None
    ) -> ObservedState:
        """The state now; `said`: as the broker reported it. Without the broker nothing is live."""
        newest, ended = self._newest, said == "ended"
        if newest is None:
            waited_s = now_s - self._asked_s
            state = state_of(self.limits, waited_s if connected else 0.0, came=False, ended=ended)
            state = "offline" if said == "offline" else state
            return ObservedState(state, None, 0.0, None, waited_s, None)
        quiet_s = now_s - self._quiet_from_s
        age_s = None if newest.age_s is None else newest.age_s + now_s - newest.received_s
        age = None if age_s is None else (age_s, newest.error_s)
        state = state_of(self.limits, quiet_s, came=True, age=age, ended=ended)
        state = state if connected else "stale"
        fps = self._fps if state in LIVE else None
        return ObservedState(state, age_s, newest.error_s, newest.taken_ns, quiet_s, fps)

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

"""Which frames of each camera are wanted.

The broker decides it from what its own subscribers want, subscribes to those layers and no more,
and tells the camera, which then does not even encode the others. More is asked for at once, less
only after a while; a camera that a recorder of the site file records is always wanted whole.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from camfan_broker.camera.camera import TrackedCamera
from camfan_config import Site, select
from camfan_wire.messages import Demand, Subscribe
from camfan_wire.topics import LAYERS

GRACE_NS = 15_000_000_000  # after the start, until subscribers have come back
LINGER_NS = 3_000_000_000  # after the last subscriber left, before less is asked for
AWAY_NS = 60_000_000_000  # how long a reader in mode `every` that died still counts
SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)  # of the frames, with 1 to 4 layers
SPARE = 2.0  # times the rate that is wanted: frames then come close to when they are due


@dataclass(frozen=True, slots=True)
class Wishes:
    """What subscribers want of a camera."""

    layers: int = 0
    whole: bool = False  # every frame, also those that were missed
    rate: float | None = 0.0  # fps that are enough; None: all frames


class DemandSource(Protocol):
    """Knows subscribers."""

    def wishes(self, camera: str, fps: float | None) -> Wishes:
        """What they want of a camera; `fps`: its rate in the site file."""


class DemandObserver(Protocol):
    """Acts on a demand."""

    def demand_changed(self, camera: TrackedCamera, demand: Demand) -> None:
        """This is wanted of the camera from now on."""


@dataclass(slots=True)
class _CameraDemand:
    """What a camera was asked for."""

    wishes: Wishes
    layers: int = -1
    trickle: float | None = None
    lower_ns: int = 0  # since when less would do; 0: it would not


class DemandTable:
    """Demands by camera. Belongs to the loop's thread."""

    def __init__(self, cameras: Mapping[str, TrackedCamera]) -> None:
        self.sources: list[DemandSource] = []
        self.observers: list[DemandObserver] = []
        self.is_stale = True  # subscribers have changed since the last `update`
        self._cameras = cameras
        self._demands: dict[str, _CameraDemand] = {}
        self._recorded: frozenset[str] = frozenset()
        self._trickle: Mapping[str, float | None] = {}
        self._fps: Mapping[str, float | None] = {}
        self._began_ns = time.monotonic_ns()

    def configure(self, site: Site) -> None:
        """From now on, as this site file says."""
        recorders = site.recorders.values()
        self._recorded = frozenset(n for r in recorders for n in select(site, r.cameras))
        self._trickle = {name: camera.trickle for name, camera in site.cameras.items()}
        self._fps = {name: camera.fps for name, camera in site.cameras.items()}
        self._demands = {n: a for n, a in self._demands.items() if n in self._cameras}
        self.is_stale = True

    def layers(self, camera: str) -> int:
        """What was asked for last."""
        found = self._demands.get(camera)
        return LAYERS if found is None else found.layers

    def trickle(self, camera: str) -> float | None:
        """Seconds between frames of a camera that is not watched; None: no frames."""
        return self._trickle.get(camera)

    def demand(self, camera: str) -> Demand | None:
        """What was asked for last, as a message; None before the first `update`."""
        found = self._demands.get(camera)
        if found is None:
            return None
        return Demand(camera=camera, layers=found.layers, trickle=found.trickle)

    def wishes(self, camera: str) -> Wishes:
        """What is wanted of a camera, all subscribers together, at the last `update`."""
        found = self._demands.get(camera)
        return Wishes() if found is None else found.wishes

    def update(self) -> None:
        """Ask each camera for what is wanted now."""
        now = time.monotonic_ns()
        self.is_stale = False
        for name, camera in self._cameras.items():
            found = self._demands.get(name)
            wishes = self._wishes(camera, now)
            if found is None:
                found = self._demands[name] = _CameraDemand(wishes)
            found.wishes = wishes
            wanted = LAYERS if self._is_slow(camera) else wishes.layers
            if wanted > found.layers or self._trickle.get(name) != found.trickle:
                self._ask(camera, found, max(wanted, found.layers))
            elif wanted == found.layers:
                found.lower_ns = 0
            elif not found.lower_ns:
                found.lower_ns = now
            elif now - found.lower_ns > LINGER_NS:
                self._ask(camera, found, wanted)

    def _wishes(self, camera: TrackedCamera, now: int) -> Wishes:
        name = camera.name
        found = [source.wishes(name, self._fps.get(name)) for source in self.sources]
        kept = name in self._recorded or now - self._began_ns < GRACE_NS
        if kept:  # by a recorder of the site file, or by subscribers that may be coming back
            found.append(Wishes(LAYERS, whole=True, rate=None))
        rates = [wishes.rate for wishes in found]
        known = [rate for rate in rates if rate is not None]
        return Wishes(
            layers=max((wishes.layers for wishes in found), default=0),
            whole=any(wishes.whole for wishes in found),
            rate=max(known, default=0.0) if len(known) == len(rates) else None,
        )

    def _is_slow(self, camera: TrackedCamera) -> bool:
        """It takes no more frames than the trickle asks for: all of them are wanted."""
        trickle = self._trickle.get(camera.name)
        return trickle is not None and camera.own_pace().interval_s >= trickle

    def _ask(self, camera: TrackedCamera, found: _CameraDemand, layers: int) -> None:
        trickle = self._trickle.get(camera.name)
        found.layers, found.trickle, found.lower_ns = layers, trickle, 0
        demand = Demand(camera=camera.name, layers=layers, trickle=trickle)
        for observer in self.observers:
            observer.demand_changed(camera, demand)


def subscribed_layers(demand: Demand) -> int:
    """How many layers the broker subscribes to: the trickle travels on the first one."""
    return demand.layers or int(demand.trickle is not None)


def layers_of(wishes: Subscribe, fps: float | None) -> int:
    """How many layers of a camera of this rate a subscriber wants; all, if the rate is unknown."""
    if wishes.idle:
        return 0
    if wishes.mode == "every" or wishes.max_fps is None or fps is None:
        return LAYERS
    enough = (n for n, share in enumerate(SHARES, 1) if fps * share >= SPARE * wishes.max_fps)
    return next(enough, LAYERS)

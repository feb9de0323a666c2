"""Which frames of each camera somebody wants, and saying so to the camera.

The broker decides it from what its own subscribers want, subscribes to those layers and no more,
and tells the camera, which then does not even encode the others. More is asked for at once, less
only after a while; a camera that a recorder of the site file records is always wanted whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from camfan_broker.camera.camera import TrackedCamera
from camfan_wire.messages import Demand, Subscribe
from camfan_wire.topics import LAYERS

GRACE_NS = 15_000_000_000  # after the start, until those who want something have come back
LINGER_NS = 3_000_000_000  # after the last one left, before a camera is told
AWAY_NS = 60_000_000_000  # how long a reader in mode `every` that died still counts
SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)  # of the frames, with 1 to 4 layers
SPARE = 2.0  # times the rate that is wanted: frames then come when they are due, or nearly


@dataclass(slots=True)
class _CameraDemand:
    """What a camera was asked for."""

    layers: int
    trickle: float | None
    lower_ns: int = 0  # since when less would do; 0: it would not


class DemandTable:
    """Belongs to the loop's thread."""

    def __init__(
        self,
        cameras: Mapping[str, TrackedCamera],
        wanted: Callable[[TrackedCamera], int],
        subscribe: Callable[[str, int], None],
        tell: Callable[[Demand], None],
    ) -> None:
        self._cameras = cameras
        self._wanted = wanted
        self._subscribe = subscribe
        self._tell = tell
        self._asked: dict[str, _CameraDemand] = {}
        self._recorded: frozenset[str] = frozenset()
        self._trickle: Mapping[str, float | None] = {}
        self._began_ns = time.monotonic_ns()

    def configure(self, recorded: Iterable[str], trickle: Mapping[str, float | None]) -> None:
        """What the site file says: cameras that are recorded; seconds between pictures of each
        camera that nobody wants, or None for none at all.
        """
        self._recorded, self._trickle = frozenset(recorded), trickle
        self._asked = {n: a for n, a in self._asked.items() if n in self._cameras}

    def layers(self, camera: str) -> int:
        """What was asked for last."""
        asked = self._asked.get(camera)
        return LAYERS if asked is None else asked.layers

    def trickle(self, camera: str) -> float | None:
        return self._trickle.get(camera)

    def update(self) -> None:
        """Ask each camera for what is wanted now."""
        now = time.monotonic_ns()
        for name, camera in self._cameras.items():
            whole = self.whole(name, now) or self._is_slow(camera)
            wanted = LAYERS if whole else self._wanted(camera)
            asked = self._asked.get(name)
            if asked is None:
                asked = self._asked[name] = _CameraDemand(-1, None)
            if wanted > asked.layers or self._trickle.get(name) != asked.trickle:
                self._ask(name, asked, max(wanted, asked.layers))
            elif wanted == asked.layers:
                asked.lower_ns = 0
            elif not asked.lower_ns:
                asked.lower_ns = now
            elif now - asked.lower_ns > LINGER_NS:
                self._ask(name, asked, wanted)

    def camera_came(self, camera: str) -> None:
        """Its node is connected, and has to be told again."""
        asked = self._asked.get(camera)
        if asked is not None:
            self._tell(Demand(camera=camera, layers=asked.layers, trickle=asked.trickle))

    def whole(self, name: str, now: int) -> bool:
        """A recorder of the site file wants every frame, or may be coming back."""
        return name in self._recorded or now - self._began_ns < GRACE_NS

    def _is_slow(self, camera: TrackedCamera) -> bool:
        """It takes no more pictures than the trickle asks for: all of them are wanted."""
        trickle = self._trickle.get(camera.name)
        return trickle is not None and camera.own_pace().interval_s >= trickle

    def _ask(self, name: str, asked: _CameraDemand, layers: int) -> None:
        asked.layers, asked.trickle, asked.lower_ns = layers, self._trickle.get(name), 0
        self._subscribe(name, layers or int(asked.trickle is not None))
        self.camera_came(name)


def layers_of(wishes: Subscribe, fps: float | None) -> int:
    """How many layers of a camera of so many fps a subscriber wants; all, if that is unknown."""
    if wishes.idle:
        return 0
    if wishes.mode == "every" or wishes.max_fps is None or fps is None:
        return LAYERS
    enough = (n for n, share in enumerate(SHARES, 1) if fps * share >= SPARE * wishes.max_fps)
    return next(enough, LAYERS)

"""Which frames of a camera are wanted, as the broker says.

The last demand stays in force while the broker is away; before the first one, all are wanted.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from camfan_wire.topics import LAYERS, layer_of


class LayerDemand:
    """Written by the link's thread; asked, and waited for, by the thread that publishes."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._demanded: tuple[int, float | None] = (LAYERS, None)
        self._made_s = -math.inf  # when the last frame of layer 0 was
        self._changed = threading.Event()

    @property
    def layers(self) -> int:
        """0: no subscriber watches; 4: every frame is wanted."""
        return self._demanded[0]

    def ask(self, layers: int, trickle: float | None) -> None:
        """From now on these layers; a thread that waits in `rest` is woken."""
        self._demanded = (layers, trickle)
        self._changed.set()

    def layers_of(self, sequence: int) -> int:
        """The layers that are wanted, for the frame with this sequence."""
        layers = self._demanded[0]
        if layers == 0 and layer_of(sequence) == 0 and self._idle_s() <= 0:
            return 1
        return layers

    def made(self, sequence: int) -> None:
        """A frame was made: the next of the trickle counts from here."""
        if layer_of(sequence) == 0:
            self._made_s = self._monotonic()

    def rest(self, seconds: float) -> None:
        """Wait this long, or until a frame may be wanted; return at once if one is."""
        self._changed.clear()
        idle_s = min(self._idle_s(), seconds)
        if idle_s > 0:
            self._changed.wait(idle_s)

    def idle(self) -> bool:
        """No subscriber watches, and no frame of the trickle is due."""
        return self._idle_s() > 0

    def _idle_s(self) -> float:
        """Seconds for which no frame is wanted, if nothing changes."""
        layers, trickle = self._demanded
        if layers > 0:
            return 0.0
        return math.inf if trickle is None else self._made_s + trickle - self._monotonic()

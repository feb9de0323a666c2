"""What decides how a camera works while it runs: demand, the link, and what an operator has set."""

from __future__ import annotations

from collections.abc import Callable

from camfan.link.adaptation import Adaptation
from camfan.link.demand import LayerDemand
from camfan.ring.absences import EncodingDecision


class CameraSettings:
    """Written by the link's thread, read by the one that publishes; each field is one assignment.

    `changed` is called on the link's thread when an operator has set something.
    """

    def __init__(self, quality: int | None, changed: Callable[[], None]) -> None:
        self.demand = LayerDemand()
        self.adaptation = Adaptation(quality)
        self.fps: float | None = None  # as an operator has set it; None: as in the site file
        self.quality: int | None = None
        self.changed = changed

    @property
    def jpeg_quality(self) -> int | None:
        """Of the next frame; None for a camera whose JPEGs are not made here."""
        return self.adaptation.quality(self.quality)

    def decide(self, sequence: int) -> EncodingDecision:
        """Which layers are made, as far as the frame with this sequence goes."""
        return EncodingDecision(self.demand.layers_of(sequence), self.adaptation.layers)

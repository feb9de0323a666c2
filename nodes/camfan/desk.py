"""What a camera answers to its broker: demand is obeyed, repair answered.

All on the link's thread, which touches the ring and never the sockets of frames.
"""

from __future__ import annotations

from collections.abc import Iterator

from camfan.demand import Demand
from camfan.repair import Past, Repairs
from camfan.ring import Ring
from camfan_wire import messages
from camfan_wire.clock import ClockEstimate
from camfan_wire.link import LinkUser, Parts


class Desk(LinkUser):
    """Hears what is meant for this camera."""

    def __init__(
        self,
        camera: str,
        ring: Ring,
        demand: Demand,
        clock: ClockEstimate,
        past: Past,
    ) -> None:
        self._camera = camera
        self._demand = demand
        self._repairs = Repairs(camera, ring, clock, past)

    def on_message(self, message: messages.FromBroker) -> Iterator[Parts] | None:
        match message:
            case messages.Demand() if message.camera == self._camera:
                self._demand.ask(message.layers, message.trickle)
            case messages.Repair() if message.camera == self._camera:
                return self._repairs.answer(message)
        return None

"""What a camera does when its broker speaks: settings are taken, questions answered.

All on the link's thread, which touches the ring and never the sockets of frames.
"""

from __future__ import annotations

from collections.abc import Iterator

from camfan.link.camera_settings import CameraSettings
from camfan.link.claim import Claim
from camfan.link.tracing import TraceResponder
from camfan.ring.repair import Archive, RepairResponder
from camfan.ring.ring import MemoryRing
from camfan_wire import messages
from camfan_wire.clock import ClockEstimate
from camfan_wire.link import LinkUser, Parts


class CameraCommands(LinkUser):
    """Hears what is meant for this camera."""

    def __init__(
        self,
        camera: str,
        ring: MemoryRing,
        archive: Archive,
        clock: ClockEstimate,
        settings: CameraSettings,
        claim: Claim,
    ) -> None:
        self._camera = camera
        self._ring = ring
        self._settings = settings
        self._claim = claim
        self._clock = clock
        self._repairs = RepairResponder(camera, ring, clock, archive)
        self._traces = TraceResponder(camera, ring, archive)

    def on_message(self, message: messages.FromBroker) -> Iterator[Parts] | None:
        if isinstance(message, messages.Refused):
            self._claim.refuse(message)
            if message.code == messages.TAKEN_OVER:
                self.link.withdraw_take_over()  # which is not fought for
        if getattr(message, "camera", None) != self._camera:
            return None
        match message:
            case messages.Demand():  # the first answer to a hello that is accepted
                self._claim.grant()
                self.link.withdraw_take_over()
                self._settings.demand.ask(message.layers, message.trickle)
            case messages.Receipt() if message.run == self._ring.run:
                self._settings.adaptation.received(
                    message.sequence,
                    message.frames,
                    self._monotonic_s(message.time),
                    message.late / 1e9,
                )
            case messages.Set():
                self._settings.fps, self._settings.quality = message.fps, message.quality
                self._settings.changed()
            case messages.Trace():
                return iter([[messages.encode(self._traces.answer(message))]])
            case messages.Repair():
                return self._repairs.answer(message)
        return None

    def _monotonic_s(self, site_ns: int | None) -> float | None:
        """A time of the broker's clock on ours; None if either is not known."""
        known = self._clock.offset()
        return None if known is None or site_ns is None else (site_ns - known.offset_ns) / 1e9

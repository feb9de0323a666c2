"""What a camera does with the messages of its broker: applies settings, answers questions.

All of it runs on the link's thread, which touches the rings and never the sockets of frames.
"""

from __future__ import annotations

from collections.abc import Iterator

from camfan.link.camera_settings import CameraSettings
from camfan.link.claim import Claim
from camfan.link.tracing import TraceResponder
from camfan.ring.camera_store import CameraStore
from camfan.ring.repair import RepairResponder
from camfan_wire import messages
from camfan_wire.clock import ClockEstimate
from camfan_wire.link import LinkUser, Parts


class CameraCommands(LinkUser):
    """Handles the messages that are meant for this camera."""

    def __init__(
        self,
        camera: str,
        store: CameraStore,
        clock: ClockEstimate,
        settings: CameraSettings,
        claim: Claim,
    ) -> None:
        self._camera = camera
        self._run = store.memory.run
        self._settings = settings
        self._claim = claim
        self._clock = clock
        self._repairs = RepairResponder(camera, store.memory, clock, store.archive)
        self._traces = TraceResponder(camera, store.memory, store.archive)

    def on_message(self, message: messages.FromBroker) -> Iterator[Parts] | None:
        if isinstance(message, messages.Refused):
            self._claim.refuse(message)
            if message.code == messages.TAKEN_OVER:
                self.link.withdraw_take_over()  # the newer publisher keeps the camera
        if getattr(message, "camera", None) != self._camera:
            return None
        match message:
            case messages.Demand():  # the first answer to a hello that is accepted
                self._claim.grant()
                self.link.withdraw_take_over()
                self._settings.demand.ask(message.layers, message.trickle)
            case messages.Receipt() if message.run == self._run:
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

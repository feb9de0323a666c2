"""Messages to nodes: what is wanted of a camera, what has come, what to set and to record."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.delivery.peers import PeerTable
from camfan_broker.delivery.refused_cameras import no_camera
from camfan_broker.delivery.router import Router
from camfan_wire.clock import SiteClock
from camfan_wire.messages import Demand, Receipt, Record, RecordReceipt, Set

log = logging.getLogger(__name__)

RECEIPT_NS = 1_000_000_000


class CameraNodes:
    """Belongs to the loop's thread."""

    def __init__(
        self,
        router: Router,
        peers: PeerTable,
        cameras: Mapping[str, TrackedCamera],
        clock: SiteClock,
    ) -> None:
        self._router = router
        self._peers = peers
        self._cameras = cameras
        self._clock = clock
        self._receipt_ns = 0
        self._late_ns = 0  # the most since the last receipts

    def demand_changed(self, camera: TrackedCamera, demand: Demand) -> None:
        """Send it to the node of the camera, if it is connected."""
        node = self._peers.publisher_of(camera.name)
        if node is not None:
            self._router.reply(node.identity, demand)

    def set(self, sender: str, message: Set) -> str | None:
        """Pass settings on to the node of a camera; a reason, if that is not possible."""
        if message.camera not in self._cameras:
            return no_camera(message.camera, self._cameras)
        node = self._peers.publisher_of(message.camera)
        if node is None or not self._router.reply(node.identity, message):
            return f"the node of camera '{message.camera}' is not connected"
        log.info("%s sets %s: %s", sender, message.camera, _values(message))
        return None

    def record(self, sender: str, message: Record) -> RecordReceipt | str:
        """Pass the start or stop of a recording on to the recorders of a camera, or a reason."""
        camera = self._cameras.get(message.camera)
        if camera is None:
            return no_camera(message.camera, self._cameras)
        recorders = [peer for peer in self._peers.values() if peer.records(camera.name)]
        names = [
            peer.hello.name for peer in recorders if self._router.reply(peer.identity, message)
        ]
        if not names:
            return f"no recorder of camera '{message.camera}' is connected"
        verb = "starts" if message.on else "stops"
        log.info("%s %s a recording of %s by %s", sender, verb, message.camera, ", ".join(names))
        return RecordReceipt(camera=message.camera, recorders=sorted(set(names)))

    def tick(self, now: int, late_ns: int) -> None:
        """Send a receipt to each node, once a second: what of its run has arrived.

        `late_ns`: by how much this tick comes late.
        """
        self._late_ns = max(self._late_ns, late_ns)
        if now < self._receipt_ns:
            return
        self._receipt_ns = now + RECEIPT_NS
        for name, camera in self._cameras.items():
            node = self._peers.publisher_of(name)
            if node is None or camera.run is None or camera.last_sequence is None:
                continue
            receipt = Receipt(
                camera=name,
                run=camera.run,
                sequence=camera.last_sequence,
                frames=camera.run_frames,
                time=self._clock.now_ns(),
                late=self._late_ns,
            )
            self._router.reply(node.identity, receipt)
        self._late_ns = 0


def _values(message: Set) -> str:
    return f"fps {message.fps or 'as in the file'}, quality {message.quality or 'as in the file'}"

"""What the nodes of cameras answer to repairs: late frames, gaps, and the end of an answer."""

from __future__ import annotations

from camfan_broker.access.access import AccessControl
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.camera.cameras import CameraTable
from camfan_broker.camera.late_frame import late_frame
from camfan_broker.delivery.charges import RequestCharges
from camfan_broker.delivery.greeter import Greeter
from camfan_broker.delivery.peer import Peer
from camfan_broker.delivery.router import PeerMessage
from camfan_wire.errors import WireError
from camfan_wire.messages import Gap, Repaired


class LateFrameHandler:
    """Handles messages of three parts, and those that belong to them. Of the loop's thread."""

    def __init__(
        self, cameras: CameraTable, greeter: Greeter, charges: RequestCharges, access: AccessControl
    ) -> None:
        self._cameras = cameras
        self._greeter = greeter
        self._charges = charges
        self._access = access

    def handle(self, message: PeerMessage) -> None:
        """Take a late frame. Raises WireError."""
        if message.peer is None:
            self._charges.charge(message.identity, message.rights)
            self._greeter.welcome(message.identity)
            return
        camera = self._published_by(message.peer)
        camera.repairs.frame(late_frame(camera, message.parts, self._access.limits))
        self._cameras.repaired(camera)

    def answer(self, peer: Peer, message: Gap | Repaired) -> None:
        """Take a gap, or the end of an answer. Raises WireError."""
        camera = self._published_by(peer)
        if message.camera != camera.name:
            raise WireError("not-allowed", f"{peer.hello.name} speaks for {message.camera}")
        if isinstance(message, Gap):
            camera.repairs.gap(message)
        else:
            camera.repairs.repaired_to(message)
        self._cameras.repaired(camera)

    def _published_by(self, peer: Peer) -> TrackedCamera:
        camera = self._cameras.get(peer.hello.publishes or "")
        if camera is None:
            raise WireError("not-allowed", f"{peer.hello.name} is not the node of a camera")
        return camera

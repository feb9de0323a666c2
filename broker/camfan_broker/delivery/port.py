"""The delivery port put together: one ROUTER socket, and what handles and sends its messages."""

from __future__ import annotations

import zmq

from camfan_broker.access.access import AccessControl
from camfan_broker.access.board import NoticeBoard
from camfan_broker.camera.cameras import CameraTable
from camfan_broker.camera.demand import DemandTable
from camfan_broker.delivery.charges import RequestCharges
from camfan_broker.delivery.claims import PublisherClaims
from camfan_broker.delivery.control import ControlHandler
from camfan_broker.delivery.delivery import Delivery
from camfan_broker.delivery.greeter import Greeter
from camfan_broker.delivery.late_frames import LateFrameHandler
from camfan_broker.delivery.nodes import CameraNodes
from camfan_broker.delivery.notices import NoticeHandler
from camfan_broker.delivery.peers import PeerTable
from camfan_broker.delivery.router import Router
from camfan_broker.delivery.subscribing import SubscribeHandler
from camfan_broker.delivery.tracer import Tracer
from camfan_broker.reload import Reloader
from camfan_wire.clock import SiteClock
from camfan_wire.messages import Welcome


class DeliveryPort:
    """The parts, for those that need one of them. Belongs to the loop's thread."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        cameras: CameraTable,
        demands: DemandTable,
        board: NoticeBoard,
        access: AccessControl,
        clock: SiteClock,
        reloader: Reloader | None,
        welcome: Welcome,
    ) -> None:
        self._access = access
        self._charges = charges = RequestCharges(access)
        self.peers = peers = PeerTable(cameras, access)
        self.router = router = Router(socket, peers, charges, access)
        self.claims = PublisherClaims(router, peers, cameras, clock)
        self.delivery = Delivery(router, peers)
        self.nodes = CameraNodes(router, peers, cameras, clock)
        self.greeter = Greeter(router, peers, self.claims, cameras, demands, access, clock, welcome)
        self._tracer = Tracer(cameras, peers, clock, router)
        late_frames = LateFrameHandler(cameras, self.greeter, charges, access)
        subscribing = SubscribeHandler(
            router, self.delivery, board, cameras, demands, charges, access, clock
        )
        control = ControlHandler(
            router,
            self.greeter,
            subscribing,
            late_frames,
            self.nodes,
            self.delivery,
            self._tracer,
            reloader,
            charges,
            access,
            clock,
        )
        notices = NoticeHandler(board, self.claims, charges, access)
        router.handlers = {1: control, 2: notices, 3: late_frames}
        peers.observers.append(self.delivery)

    def tick(self, now: int, late_ns: int) -> None:
        """`late_ns`: by how much this tick comes late, because the loop was busy."""
        self.delivery.tick(now)
        welcomed = self.greeter.tick(now)
        self._charges.keep(self.peers.keys() | welcomed)
        self._access.budget.keep({peer.rights.name for peer in self.peers.values()})
        self._tracer.tick(now)
        self.nodes.tick(now, late_ns)

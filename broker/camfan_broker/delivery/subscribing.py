"""How a peer subscribes: which of the cameras that it names it gets, and what it gets at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

from msgspec import structs

from camfan_broker.access.access import AccessControl
from camfan_broker.access.board import NoticeBoard
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.camera.demand import DemandTable
from camfan_broker.delivery.charges import RequestCharges
from camfan_broker.delivery.delivery import Delivery
from camfan_broker.delivery.peer import Peer
from camfan_broker.delivery.refused_cameras import left_out, no_camera
from camfan_broker.delivery.router import Router
from camfan_config.text.globs import Patterns, is_glob
from camfan_wire.clock import SiteClock
from camfan_wire.errors import WireError
from camfan_wire.messages import Ready, Refused, Subscribe
from camfan_wire.topics import NAME

MAX_GLOBS = 64  # in one subscription; names may be as many as the message holds


class SubscribeHandler:
    """Belongs to the loop's thread."""

    def __init__(
        self,
        router: Router,
        delivery: Delivery,
        board: NoticeBoard,
        cameras: Mapping[str, TrackedCamera],
        demands: DemandTable,
        charges: RequestCharges,
        access: AccessControl,
        clock: SiteClock,
    ) -> None:
        self._router = router
        self._delivery = delivery
        self._board = board
        self._cameras = cameras
        self._demands = demands
        self._charges = charges
        self._access = access
        self._clock = clock

    def subscribe(self, peer: Peer, wishes: Subscribe, refused: Counter[str]) -> None:
        """Give the peer what it asks for from now on. Raises WireError for too many globs.

        `refused` counts a camera that the peer is not permitted to see.
        """
        self._charge_globs(peer, wishes)
        may_see = {n: c for n, c in self._cameras.items() if peer.rights.may_see(n)}
        asked = Patterns(wishes.cameras)
        cameras = [camera for name, camera in may_see.items() if asked.match(name)]
        unknown = [p for p in wishes.cameras if p not in may_see and NAME.fullmatch(p)]
        reasons: dict[str, str] = {}
        if peer.hello.site is not None:  # what it cannot get costs it nothing of the rest
            reasons = left_out(peer.hello.site, cameras, unknown, may_see)
            cameras = [camera for camera in cameras if camera.name not in reasons]
        elif unknown:
            if unknown[0] in self._cameras:  # which a peer that may not see it does not learn
                self._access.count_refusal(peer.rights, f"may not see {unknown[0]}")
                refused["not-allowed"] += 1
            reason = no_camera(unknown[0], may_see)
            self._router.reply(peer.identity, Refused(about="subscribe", reason=reason))
            return
        self._begin(peer, wishes, cameras, reasons)

    def _charge_globs(self, peer: Peer, wishes: Subscribe) -> None:
        globs = sum(map(is_glob, wishes.cameras))
        if globs > MAX_GLOBS:
            raise WireError("too-many", f"{globs} globs in a subscription; {MAX_GLOBS} are allowed")
        if globs > 1:
            self._charges.charge(peer.identity, peer.rights, globs)

    def _begin(
        self,
        peer: Peer,
        wishes: Subscribe,
        cameras: list[TrackedCamera],
        refused: dict[str, str],
    ) -> None:
        if wishes.since_ago is not None and wishes.since_time is None:
            began = self._clock.now_ns() - wishes.since_ago
            wishes = structs.replace(wishes, since_time=began)
        new_topics = self._delivery.subscribe(peer, wishes, cameras)
        via = {c.name: list(c.via) for c in cameras if c.via is not None and peer.hello.site}
        names = sorted(camera.name for camera in cameras)
        self._router.reply(peer.identity, Ready(cameras=names, via=via, refused=refused))
        for topic, body in self._board.current(
            lambda topic, camera: topic.startswith(new_topics) and peer.wants(topic, camera),
            wishes.open,
        ):
            self._router.send(peer.identity, topic, body)
        self._delivery.pump(peer, time.monotonic_ns())
        self._demands.is_stale = True

"""How a peer becomes known: welcome, hello, and bye.

A peer that is not known is welcomed, answers with a hello, and then says what it wants. A peer
that was forgotten is welcomed again when it wakes, and no other peer notices.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from msgspec import structs

from camfan_broker.access.access import AccessControl
from camfan_broker.access.rights import KeyRights
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.camera.demand import DemandTable
from camfan_broker.delivery.claims import PublisherClaims
from camfan_broker.delivery.peer import Peer
from camfan_broker.delivery.peers import SILENCE_NS, PeerTable
from camfan_broker.delivery.refused_cameras import no_camera
from camfan_broker.delivery.router import PeerMessage, Router
from camfan_wire import messages
from camfan_wire.clock import SiteClock
from camfan_wire.messages import PROTOCOL, Hello

WELCOME_NS = 900_000_000
MAX_PEERS = 1024


class Greeter:
    """Belongs to the loop's thread."""

    def __init__(
        self,
        router: Router,
        peers: PeerTable,
        claims: PublisherClaims,
        cameras: Mapping[str, TrackedCamera],
        demands: DemandTable,
        access: AccessControl,
        clock: SiteClock,
        welcome: messages.Welcome,
    ) -> None:
        self._router = router
        self._peers = peers
        self._claims = claims
        self._cameras = cameras
        self._demands = demands
        self._access = access
        self._clock = clock
        self._site = welcome.site
        self._welcome = messages.encode(welcome)
        self._welcomed_ns: dict[bytes, int] = {}  # peers that have not said hello yet

    def welcome(self, identity: bytes) -> None:
        """Once a second at most: what a peer sent before it heard the first is answered by it."""
        now = time.monotonic_ns()
        if now - self._welcomed_ns.get(identity, -WELCOME_NS) >= WELCOME_NS:
            self._welcomed_ns[identity] = now
            self._router.send(identity, self._welcome)

    def welcome_sites(self) -> None:
        """Have the brokers of other sites subscribe again."""
        for peer in list(self._peers.values()):
            if peer.hello.site is not None:
                self._router.send(peer.identity, self._welcome)

    def hello(self, message: PeerMessage, hello: Hello) -> None:
        """Make the sender a known peer, or reply why not."""
        identity, rights = message.identity, message.rights
        if self._access.keyed and hello.name != rights.name:  # the key decides on the name
            hello = structs.replace(hello, name=f"{rights.name}-{hello.session[:4]}")
        since = self._clock.now_ns()
        for other in list(self._peers.values()):
            if other.hello.session == hello.session and other.rights.name == rights.name:
                self._peers.forget(other)  # the same process, after its connection was cut
                since = min(since, other.since_ns)
        reason = self._unwelcome(hello, rights)
        if reason is not None:
            self._router.reply(identity, messages.Refused(about="hello", reason=reason))
            return
        refusal = self._claims.refusal(hello, identity)
        if refusal is not None:
            self._access.refusals.log(hello.name, f"may not publish now: {refusal.reason}")
            self._router.reply(identity, refusal)
            return
        self._welcomed_ns.pop(identity, None)
        self._claims.take(hello, identity)
        peer = self._peers.add(identity, hello, rights)
        peer.since_ns = since
        peer.connection = self._access.connection(message.routing, "delivery")
        if hello.publishes is not None:
            self._camera_came(peer, self._cameras[hello.publishes])

    def bye(self, peer: Peer) -> None:
        """The peer leaves by itself."""
        self._claims.release(peer)
        self._peers.forget(peer, said_bye=True)
        self._demands.is_stale = True

    def tick(self, now: int) -> set[bytes]:
        """Forget peers that were welcomed and never said hello; those that are left."""
        late = [i for i, at in self._welcomed_ns.items() if now - at > SILENCE_NS]
        for identity in late:
            del self._welcomed_ns[identity]
        return set(self._welcomed_ns)

    def _camera_came(self, peer: Peer, camera: TrackedCamera) -> None:
        """The node of a camera is connected: it can be asked, and learns what is wanted."""
        camera.repairs.camera_came(lambda request: self._router.reply(peer.identity, request))
        demand = self._demands.demand(camera.name)
        if demand is not None:
            self._router.reply(peer.identity, demand)

    def _unwelcome(self, hello: Hello, rights: KeyRights) -> str | None:
        """Why this hello is refused; None if it is not."""
        if hello.protocol != PROTOCOL:
            return f"protocol {hello.protocol}; this broker speaks {PROTOCOL}"
        if self._serves_too_many(rights):
            self._peers.forget_gone()
            if self._serves_too_many(rights):
                self._access.count_refusal(rights, "has too many peers", "too-many")
                return f"this broker serves {self._of_key(rights)} peers of this key already"
        if hello.publishes is not None and hello.publishes not in self._cameras:
            return no_camera(hello.publishes, self._cameras)
        if hello.publishes is not None and self._cameras[hello.publishes].via is not None:
            return f"camera '{hello.publishes}' comes from another site; it cannot be published"
        if hello.site == self._site:
            return f"this is the broker of site '{self._site}' too: two sites need two names"
        return None

    def _serves_too_many(self, rights: KeyRights) -> bool:
        own = self._access.limits.connections_per_key if self._access.keyed else MAX_PEERS
        return len(self._peers) >= MAX_PEERS or self._of_key(rights) >= own

    def _of_key(self, rights: KeyRights) -> int:
        return sum(peer.rights.name == rights.name for peer in self._peers.values())

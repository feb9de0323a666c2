"""What the peers of the delivery port get: frames by credit, gaps, events and statuses."""

from __future__ import annotations

import time
from collections.abc import Callable

from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.camera.demand import AWAY_NS, Wishes, layers_of
from camfan_broker.camera.ring import RingEntry
from camfan_broker.delivery.accounts import SubscriberAccounts
from camfan_broker.delivery.every import EveryReader
from camfan_broker.delivery.latest import LatestReader
from camfan_broker.delivery.peer import Peer
from camfan_broker.delivery.peers import PeerTable
from camfan_broker.delivery.reader import Reader
from camfan_broker.delivery.router import Router
from camfan_config.text.globs import matches
from camfan_wire import messages
from camfan_wire.messages import Gap, Subscribe
from camfan_wire.topics import LAYERS


class Delivery:
    """The subscriptions of all peers. Belongs to the loop's thread; others may read its plain
    counts.

    It is a sink of frames, repairs, events and statuses, a source of demand, and observes peers.
    """

    def __init__(self, router: Router, peers: PeerTable) -> None:
        self.accounts = SubscriberAccounts()
        self._router = router
        self._peers = peers
        self._by_camera: dict[str, list[tuple[Peer, Reader]]] = {}
        self._away: dict[
            str, tuple[int, tuple[str, ...]]
        ] = {}  # readers of every frame that may come back: until when, cameras
        self.due_ns: int | None = None  # when `pump_due` has something to do, monotonic

    # ---- subscriptions ----

    def subscribe(
        self, peer: Peer, wishes: Subscribe, cameras: list[TrackedCamera]
    ) -> tuple[bytes, ...]:
        """From now on the peer gets this; the topics that it did not ask for before."""
        name = peer.hello.name
        self._away.pop(name, None)
        peer.reader = self._reader(peer, wishes, cameras)
        known, peer.asked = peer.asked, tuple(topic.encode() for topic in wishes.topics)
        peer.topics = tuple(t for asked in peer.asked for t in peer.rights.permitted(asked))
        self._index()
        return tuple(topic for topic in peer.asked if topic not in known)

    def _reader(self, peer: Peer, wishes: Subscribe, cameras: list[TrackedCamera]) -> Reader:
        accounts = self.accounts.of(peer.hello.name, peer.rights.name)
        if wishes.mode == "every":
            return EveryReader(wishes, accounts, cameras)
        before = peer.reader if isinstance(peer.reader, LatestReader) else None
        return LatestReader(wishes, accounts, cameras, before)

    def add_camera(self, camera: TrackedCamera) -> None:
        """The site has a new camera: subscriptions by glob may include it."""
        for peer in self._peers.values():
            reader = peer.reader
            if reader is None or not peer.rights.may_see(camera.name):
                continue
            if matches(camera.name, reader.wishes.cameras):
                reader.add_camera(camera)
        self._index()

    def peer_left(self, peer: Peer, *, said_bye: bool) -> None:
        """A peer that wants every frame counts for a while, unless it has said bye."""
        reader, peer.reader = peer.reader, None
        if reader is not None and _counts_away(reader.wishes) and not said_bye:
            until = time.monotonic_ns() + AWAY_NS
            self._away[peer.hello.name] = (until, tuple(reader.cursors))
        self._index()

    def _index(self) -> None:
        by_camera: dict[str, list[tuple[Peer, Reader]]] = {}
        for peer in self._peers.values():
            if peer.reader is not None:
                for name in peer.reader.cursors:
                    by_camera.setdefault(name, []).append((peer, peer.reader))
        self._by_camera = by_camera

    # ---- frames ----

    def frame_came(self, camera: TrackedCamera, entry: RingEntry) -> None:  # noqa: ARG002 - readers look for it in the ring
        """Send the frame where credit is waiting for it."""
        self.repair_came(camera)

    def repair_came(self, camera: TrackedCamera) -> None:
        """Send what there is where credit is waiting for it."""
        for peer, reader in self._by_camera.get(camera.name, ()):
            if reader.credit.is_open:
                self.pump(peer, time.monotonic_ns())

    def pump(self, peer: Peer, now: int) -> None:
        """Send what there is, as far as the credit goes."""
        reader = peer.reader
        while reader is not None and reader.credit.is_open:
            item = reader.next(now)
            if item is None or not self._send(peer.identity, item):
                return
            reader.sent(now)

    def _send(self, identity: bytes, item: RingEntry | Gap) -> bool:
        if isinstance(item, Gap):
            return self._router.send(identity, messages.encode(item))
        return self._router.send_frame(identity, item)

    def pump_due(self, now: int) -> None:
        """Send what waited for its time."""
        due: list[int] = []
        for peer in list(self._peers.values()):
            reader = peer.reader
            if reader is None:
                continue
            when = reader.next_due()
            if when is not None and when <= now:
                self.pump(peer, now)
                when = reader.next_due()
            if when is not None:
                due.append(when)
        self.due_ns = min(due, default=None)

    def tick(self, now: int) -> None:
        """Forget peers and subscribers that have been silent for long."""
        self._peers.forget_silent(now)
        for name in [name for name, (until, _) in self._away.items() if now > until]:
            del self._away[name]
        self.pump_due(now)

    # ---- events and statuses ----

    def topic_came(self, topic: bytes, body: bytes, about: str | None) -> None:
        """Send an event or a status to the peers that want it."""
        for peer in list(self._peers.values()):
            if peer.wants(topic, about):
                self._router.send(peer.identity, topic, body)

    def send_parts(self, topic: bytes, part_for: Callable[[Peer], bytes]) -> None:
        """Send a status about all cameras to the peers that are permitted to have a part of it."""
        for peer in list(self._peers.values()):
            if peer.wants_part(topic):
                self._router.send(peer.identity, topic, part_for(peer))

    # ---- demand ----

    def wishes(self, camera: str, fps: float | None) -> Wishes:
        """What the subscribers here want of a camera, also those that may come back."""
        if any(camera in cameras for _, cameras in self._away.values()):
            return Wishes(LAYERS, whole=True, rate=None)
        found = [reader.wishes for _, reader in self._by_camera.get(camera, ())]
        rates = [wishes.max_fps for wishes in found if not wishes.idle]
        known = [rate for rate in rates if rate is not None]
        return Wishes(
            layers=max((layers_of(wishes, fps) for wishes in found), default=0),
            whole=any(map(_counts_away, found)),
            rate=max(known, default=0.0) if len(known) == len(rates) else None,
        )


def _counts_away(wishes: Subscribe) -> bool:
    """It wants every frame, also those that come while it is away."""
    return wishes.mode == "every" and not wishes.idle

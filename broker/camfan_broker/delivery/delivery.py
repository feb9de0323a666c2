"""What goes out of the delivery socket: frames by credit, gaps, events, statuses, answers.

What the peers say is heard by `control.py`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial

import zmq

from camfan_broker.access.rights import Rights
from camfan_broker.camera.account import Account
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.camera.demand import AWAY_NS, layers_of
from camfan_broker.camera.ring import RingEntry
from camfan_broker.delivery.latest import Reader
from camfan_broker.delivery.peer import Peer
from camfan_config.text.globs import matches
from camfan_wire import messages
from camfan_wire.messages import Gap, Hello
from camfan_wire.sockets import COPIED, DONTWAIT, DONTWAIT_SNDMORE, NOT_COPIED, send
from camfan_wire.topics import LAYERS

log = logging.getLogger(__name__)

SILENCE_NS = 10_000_000_000
MAX_ACCOUNTS = 1024  # of subscribers by name; the one that came first is forgotten first
MAX_KEY_ACCOUNTS = 64  # of these, with the same key


class Delivery:
    """The sending side of the broker's ROUTER. Belongs to the loop's thread; others may read its
    plain counts.
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        cameras: Mapping[str, TrackedCamera],
        may_log: Callable[[str], bool],
    ) -> None:
        self._may_log = may_log  # whether another line about this key is due
        self._socket = socket
        self._cameras = cameras
        self.touched = True  # see `Poller`
        self.peers: dict[bytes, Peer] = {}
        self.accounts: dict[str, dict[str, Account]] = {}  # by subscriber, by camera
        self._account_keys: dict[str, str] = {}  # whose key each account is of
        self._by_camera: dict[str, list[Peer]] = {}
        self._away: dict[str, tuple[int, tuple[str, ...]]] = {}  # `every`: until when, cameras

    def welcome(self, identity: bytes, hello: Hello, rights: Rights) -> Peer:
        """A peer is here."""
        # A node has one connection that reads, one that reports.
        if not self._knows(hello.name) and self._may_log(rights.name):
            log.info("%s (%s) is here", hello.name, hello.kind)
        peer = self.peers[identity] = Peer(identity, hello, time.monotonic_ns(), rights)
        if hello.publishes is not None:
            self._cameras[hello.publishes].repairs.camera_came(partial(self.reply, identity))
        return peer

    def _knows(self, name: str) -> bool:
        return any(peer.hello.name == name for peer in self.peers.values())

    def subscribe(
        self, peer: Peer, wishes: messages.Subscribe, cameras: list[TrackedCamera]
    ) -> tuple[bytes, ...]:
        """From now on the peer gets this; the topics that it did not ask for before."""
        name = peer.hello.name
        accounts = self._account(name, peer.rights.name)
        self._away.pop(name, None)
        peer.reader = Reader(wishes, accounts, cameras, before=peer.reader)
        known, peer.asked = peer.asked, tuple(topic.encode() for topic in wishes.topics)
        peer.topics = tuple(t for asked in peer.asked for t in peer.rights.permitted(asked))
        self._index()
        return tuple(topic for topic in peer.asked if topic not in known)

    def _account(self, name: str, key: str) -> dict[str, Account]:
        """What this subscriber had; a key that comes with ever new names forgets its own first."""
        found = self.accounts.get(name)
        if found is not None:
            return found
        own = [n for n, of in self._account_keys.items() if of == key] if key else []
        if len(own) >= MAX_KEY_ACCOUNTS or len(self.accounts) >= MAX_ACCOUNTS:
            oldest = own[0] if own else next(iter(self.accounts))
            del self.accounts[oldest], self._account_keys[oldest]
        self._account_keys[name] = key
        found = self.accounts[name] = {}
        return found

    def camera_added(self, camera: TrackedCamera) -> None:
        for peer in self.peers.values():
            reader = peer.reader
            if reader is None or not peer.rights.may_see(camera.name):
                continue
            if matches(camera.name, reader.wishes.cameras):
                reader.add_camera(camera)
        self._index()

    def layers(self, camera: TrackedCamera, fps: float | None) -> int:
        """How many layers of a camera are wanted here."""
        wanted = [
            layers_of(peer.reader.wishes, fps)
            for peer in self._by_camera.get(camera.name, ())
            if peer.reader is not None
        ]
        if any(camera.name in cameras for _, cameras in self._away.values()):
            return LAYERS
        return max(wanted, default=0)

    def whole(self, camera: str) -> bool:
        """Somebody here has to get every frame of a camera."""
        readers = [peer.reader for peer in self._by_camera.get(camera, ()) if peer.reader]
        return any(_counts_away(reader.wishes) for reader in readers) or any(
            camera in cameras for _, cameras in self._away.values()
        )

    def rate(self, camera: str) -> float | None:
        """So many fps are enough for everybody here; None: they may be never enough."""
        rates = [
            peer.reader.wishes.max_fps
            for peer in self._by_camera.get(camera, ())
            if peer.reader is not None and not peer.reader.wishes.idle
        ]
        known = [rate for rate in rates if rate is not None]
        return max(known, default=0.0) if len(known) == len(rates) else None

    def frame_came(self, camera: TrackedCamera) -> None:
        """A camera has a new frame, or a late one."""
        for peer in self._by_camera.get(camera.name, ()):
            if peer.reader is not None and peer.reader.open:
                self.pump(peer, time.monotonic_ns())

    def pump_due(self, now: int) -> int | None:
        """Send what waited for its time; when to come back, monotonic ns."""
        due: list[int] = []
        for peer in list(self.peers.values()):
            reader = peer.reader
            if reader is None:
                continue
            when = reader.next_due()
            if when is not None and when <= now:
                self.pump(peer, now)
                when = reader.next_due()
            if when is not None:
                due.append(when)
        return min(due, default=None)

    def pump(self, peer: Peer, now: int) -> None:
        """Send what there is, as far as the credit goes."""
        reader = peer.reader
        while reader is not None and reader.open:
            found = reader.next(now)
            if found is None:
                return
            cursor, item = found
            if isinstance(item, Gap):
                if not self.send(peer.identity, messages.encode(item)):
                    return
                reader.told(cursor, item)
            else:
                if not self._send_frame(peer.identity, item):
                    return
                reader.sent(cursor, item, now)

    def send_topic(self, topic: bytes, body: bytes, camera: str | None) -> None:
        """An event or a status; `camera`: the one that it is about."""
        for peer in list(self.peers.values()):
            if peer.wants(topic, camera):
                self.send(peer.identity, topic, body)

    def send_parts(self, topic: bytes, part_for: Callable[[Peer], bytes]) -> None:
        """A status about all cameras, to those who may have only a part of it."""
        for peer in list(self.peers.values()):
            if peer.wants_part(topic):
                self.send(peer.identity, topic, part_for(peer))

    def reply(self, identity: bytes, message: messages.FromBroker) -> bool:
        return self.send(identity, messages.encode(message))

    def send(self, identity: bytes, *parts: bytes) -> bool:
        """False if the peer is gone, or its queue is full."""
        if not self._address(identity):
            return False
        for part in parts[:-1]:
            send(self._socket, part, DONTWAIT_SNDMORE, COPIED)
        send(self._socket, parts[-1], DONTWAIT, COPIED)
        return True

    def forget_gone(self) -> None:
        """Forget the peers whose connection has ended."""
        for peer in [p for p in self.peers.values() if p.is_gone]:
            self._forget_lost(peer)

    def forget_silent(self, now: int) -> None:
        self.forget_gone()
        for peer in [p for p in self.peers.values() if now - p.heard_ns > SILENCE_NS]:
            self.forget(peer)
            if not self._knows(peer.hello.name):
                log.info("%s: silent for %d s; forgotten", peer.hello.name, SILENCE_NS // 10**9)
        for name in [name for name, (until, _) in self._away.items() if now > until]:
            del self._away[name]

    def forget(self, peer: Peer, *, left: bool = False) -> None:
        """The peer is no more: it `left`, or it died and may come back."""
        self.peers.pop(peer.identity, None)
        if left and not self._knows(peer.hello.name) and self._may_log(peer.rights.name):
            log.info("%s has left", peer.hello.name)
        reader, peer.reader = peer.reader, None
        if reader is not None and _counts_away(reader.wishes) and not left:
            until = time.monotonic_ns() + AWAY_NS
            self._away[peer.hello.name] = (until, tuple(reader.cursors))
        camera = self._cameras.get(peer.hello.publishes or "")
        if camera is not None and not self.publisher_of(camera.name):
            camera.repairs.camera_left()
        self._index()

    def publisher_of(self, camera: str) -> bytes | None:
        """The peer that publishes a camera; the one that came last, if there are several."""
        found = [p.identity for p in self.peers.values() if p.hello.publishes == camera]
        return found[-1] if found else None

    def _send_frame(self, identity: bytes, entry: RingEntry) -> bool:
        if not self._address(identity):
            return False
        socket = self._socket
        send(socket, entry.topic, DONTWAIT_SNDMORE, NOT_COPIED)
        send(socket, entry.text, DONTWAIT_SNDMORE, COPIED)
        send(socket, entry.jpeg, DONTWAIT, NOT_COPIED)
        return True

    def _address(self, identity: bytes) -> bool:
        """The first part of a message, the only one that can fail."""
        if identity[:1] != b"\0" and self._is_another(identity):
            return False
        self.touched = True
        try:
            send(self._socket, identity, DONTWAIT_SNDMORE, COPIED)
        except zmq.Again:
            return False
        except zmq.ZMQError as exc:
            if exc.errno != zmq.EHOSTUNREACH:
                raise
            peer = self.peers.get(identity)
            if peer is not None:
                self._forget_lost(peer)
            return False
        return True

    def _is_another(self, identity: bytes) -> bool:
        """A client that chose its routing id has left, and another one may have taken the id."""
        peer = self.peers.get(identity)
        if peer is None or not peer.may_be_another:
            return False
        self._forget_lost(peer)
        return True

    def _forget_lost(self, peer: Peer) -> None:
        self.forget(peer)
        if not self._knows(peer.hello.name) and self._may_log(peer.rights.name):
            log.info("%s is gone", peer.hello.name)

    def _index(self) -> None:
        by_camera: dict[str, list[Peer]] = {}
        for peer in self.peers.values():
            for name in peer.reader.cursors if peer.reader else ():
                by_camera.setdefault(name, []).append(peer)
        self._by_camera = by_camera


def _counts_away(wishes: messages.Subscribe) -> bool:
    """It wants every frame, also those that come while it is away."""
    return wishes.mode == "every" and not wishes.idle

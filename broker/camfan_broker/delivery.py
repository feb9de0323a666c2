"""The delivery socket: who is there, what they want, and giving it to them by credit.

A peer that says nothing for a while is forgotten; when it wakes, it is welcomed anew and says
what it wants, and nobody else has noticed.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import zmq

from camfan_broker.camera import Camera
from camfan_broker.reader import Reader
from camfan_broker.ring import Entry
from camfan_wire import messages
from camfan_wire.clock import SiteClock
from camfan_wire.errors import WireError
from camfan_wire.messages import PROTOCOL, Gap, Hello
from camfan_wire.topics import NAME

log = logging.getLogger(__name__)

BATCH = 256  # messages taken before the other sockets get their turn
SILENCE_NS = 10_000_000_000
WELCOME_NS = 900_000_000
MAX_PEERS = 1024


@dataclass(slots=True)
class Peer:
    """One connection to the delivery socket that has said hello."""

    identity: bytes
    hello: Hello
    heard_ns: int
    reader: Reader | None = None
    topics: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Backstage:
    """What delivery asks the broker to do."""

    publish: Callable[[bytes, bytes], None]  # an event or a status, to all who want it
    current: Callable[[tuple[bytes, ...]], list[tuple[bytes, bytes]]]  # last statuses, open events
    reload: Callable[[bytes], None]  # for this peer; `reply` follows when it is done


class Delivery:
    """The broker's ROUTER. Belongs to the loop's thread; others may read its plain counts."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        cameras: Mapping[str, Camera],
        clock: SiteClock,
        welcome: messages.Welcome,
        backstage: Backstage,
    ) -> None:
        self._socket = socket
        self._cameras = cameras
        self._clock = clock
        self._welcome = messages.encode(welcome)
        self._backstage = backstage
        self.peers: dict[bytes, Peer] = {}
        self.refused: Counter[str] = Counter()
        self._by_camera: dict[str, list[Peer]] = {}
        self._welcomed_ns: dict[bytes, int] = {}  # peers that have not said hello yet

    def frame_came(self, camera: Camera) -> None:
        """A camera has a new frame."""
        now = time.monotonic_ns()
        for peer in self._by_camera.get(camera.name, ()):
            if peer.reader is not None and peer.reader.credit > 0:
                self._pump(peer, now)

    def send_topic(self, topic: bytes, body: bytes) -> None:
        for peer in list(self.peers.values()):
            if topic.startswith(peer.topics):
                self._send(peer.identity, topic, body)

    def camera_added(self, camera: Camera) -> None:
        for peer in self.peers.values():
            if peer.reader and _wanted(camera.name, peer.reader.wishes.cameras):
                peer.reader.add_camera(camera)
        self._index()

    def pump_due(self, now: int) -> int | None:
        """Send what waited for its time; when to come back, monotonic ns."""
        due: list[int] = []
        for peer in list(self.peers.values()):
            reader = peer.reader
            if reader is None:
                continue
            when = reader.next_due()
            if when is not None and when <= now:
                self._pump(peer, now)
                when = reader.next_due()
            if when is not None:
                due.append(when)
        return min(due, default=None)

    def forget_silent(self, now: int) -> None:
        for peer in [p for p in self.peers.values() if now - p.heard_ns > SILENCE_NS]:
            log.info("%s: silent for %d s; forgotten", peer.hello.name, SILENCE_NS // 10**9)
            self._forget(peer)
        late = [i for i, at in self._welcomed_ns.items() if now - at > SILENCE_NS]
        for identity in late:
            del self._welcomed_ns[identity]

    def receive(self) -> None:
        for _ in range(BATCH):
            try:
                parts = self._socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            try:
                self._message(parts[0], parts[1:])
            except WireError as exc:
                self.refused[exc.reason] += 1
                self.reply(parts[0], messages.Refused(about="message", reason=str(exc)[:500]))

    def _message(self, identity: bytes, parts: list[bytes]) -> None:
        now = self._clock.now_ns()
        peer = self.peers.get(identity)
        if peer is not None:
            peer.heard_ns = time.monotonic_ns()
        if len(parts) == 2:
            self._backstage.publish(parts[0], parts[1])
            return
        if len(parts) != 1:
            raise WireError("bad-parts", f"a message of {len(parts)} parts")
        if parts == [b""]:  # ZMQ_PROBE_ROUTER: somebody has connected
            self._say_welcome(identity)
            return
        message = messages.decode_to_broker(parts[0])
        match message:
            case messages.Probe():
                self._echo(identity, message, now)
            case messages.Hello():
                peer = self._hello(identity, message)
            case messages.Bye():
                if peer is not None:
                    log.info("%s has left", peer.hello.name)
                    self._forget(peer)
                return
            case _ if peer is None:
                self._say_welcome(identity)
            case messages.Subscribe():
                self._subscribe(peer, message)
            case messages.Credit():
                self._credit(peer, message)
            case messages.Heartbeat():
                self.reply(identity, messages.Heartbeat())
            case messages.Reload():
                self._backstage.reload(identity)
        if peer is None and isinstance(message, messages.Probe):
            self._say_welcome(identity)

    def _say_welcome(self, identity: bytes) -> None:
        """Once a second at most: what a peer sent before it heard the first is answered already."""
        now = time.monotonic_ns()
        if now - self._welcomed_ns.get(identity, -WELCOME_NS) >= WELCOME_NS:
            self._welcomed_ns[identity] = now
            self._send(identity, self._welcome)

    def _echo(self, identity: bytes, probe: messages.Probe, received: int) -> None:
        clock = self._clock
        self.reply(
            identity,
            messages.Echo(
                sent=probe.sent, received=received, replied=clock.now_ns(), epoch=clock.epoch
            ),
        )

    def _hello(self, identity: bytes, hello: Hello) -> Peer | None:
        if hello.protocol != PROTOCOL:
            reason = f"protocol {hello.protocol}; this broker speaks {PROTOCOL}"
            self.reply(identity, messages.Refused(about="hello", reason=reason))
            return None
        for other in [p for p in self.peers.values() if p.hello.session == hello.session]:
            self._forget(other)  # the same, after a cut link
        if len(self.peers) >= MAX_PEERS:
            reason = f"this broker serves {MAX_PEERS} peers already"
            self.reply(identity, messages.Refused(about="hello", reason=reason))
            return None
        self._welcomed_ns.pop(identity, None)
        peer = self.peers[identity] = Peer(identity, hello, time.monotonic_ns())
        log.info("%s (%s) is here", hello.name, hello.kind)
        return peer

    def _subscribe(self, peer: Peer, wishes: messages.Subscribe) -> None:
        cameras = [c for c in self._cameras.values() if _wanted(c.name, wishes.cameras)]
        unknown = [p for p in wishes.cameras if NAME.fullmatch(p) and p not in self._cameras]
        if unknown:
            names = ", ".join(sorted(self._cameras))
            reason = f"no camera '{unknown[0]}' here; there is {names}"[:500]
            self.reply(peer.identity, messages.Refused(about="subscribe", reason=reason))
            return
        peer.reader = Reader(wishes, cameras, before=peer.reader)
        known, peer.topics = peer.topics, tuple(topic.encode() for topic in wishes.topics)
        self._index()
        self.reply(peer.identity, messages.Ready(cameras=sorted(c.name for c in cameras)))
        new = tuple(topic for topic in peer.topics if topic not in known)
        for topic, body in self._backstage.current(new):
            self._send(peer.identity, topic, body)
        self._pump(peer, time.monotonic_ns())

    def _credit(self, peer: Peer, credit: messages.Credit) -> None:
        if peer.reader is None:
            raise WireError("bad-message", "credit before subscribe")
        peer.reader.add_credit(credit.frames)
        self._pump(peer, time.monotonic_ns())

    def _pump(self, peer: Peer, now: int) -> None:
        reader = peer.reader
        while reader is not None and reader.credit > 0:
            found = reader.next(now)
            if found is None:
                return
            cursor, item = found
            if isinstance(item, Gap):
                if not self._send(peer.identity, messages.encode(item)):
                    return
                reader.told(cursor, item)
            else:
                if not self._send_frame(peer.identity, item):
                    return
                reader.sent(cursor, item, now)

    def _send_frame(self, identity: bytes, entry: Entry) -> bool:
        if not self._send_parts(identity, entry.topic, entry.header_bytes):
            return False
        self._socket.send(entry.jpeg, zmq.DONTWAIT, copy=False)
        return True

    def reply(self, identity: bytes, message: messages.FromBroker) -> None:
        self._send(identity, messages.encode(message))

    def _send(self, identity: bytes, *parts: bytes) -> bool:
        if not self._send_parts(identity, *parts[:-1]):
            return False
        self._socket.send(parts[-1], zmq.DONTWAIT)
        return True

    def _send_parts(self, identity: bytes, *parts: bytes) -> bool:
        """All but the last part. Only the first can fail: the peer is gone, or its queue full."""
        try:
            self._socket.send(identity, zmq.DONTWAIT | zmq.SNDMORE)
        except zmq.Again:
            return False
        except zmq.ZMQError as exc:
            if exc.errno != zmq.EHOSTUNREACH:
                raise
            peer = self.peers.get(identity)
            if peer is not None:
                log.info("%s is gone", peer.hello.name)
                self._forget(peer)
            return False
        for part in parts:
            self._socket.send(part, zmq.DONTWAIT | zmq.SNDMORE)
        return True

    def _forget(self, peer: Peer) -> None:
        self.peers.pop(peer.identity, None)
        peer.reader = None
        self._index()

    def _index(self) -> None:
        by_camera: dict[str, list[Peer]] = {}
        for peer in self.peers.values():
            for name in peer.reader.cursors if peer.reader else ():
                by_camera.setdefault(name, []).append(peer)
        self._by_camera = by_camera


def _wanted(camera: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(camera, pattern) for pattern in patterns)

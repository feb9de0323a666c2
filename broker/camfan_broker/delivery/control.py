"""What the peers of the delivery socket say: who they are, what they want, and late frames.

A peer that says nothing for a while is forgotten; when it wakes, it is welcomed anew and says
what it wants, and nobody else has noticed.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import zmq
from msgspec import structs

from camfan_broker.access.access import NOBODY, Access
from camfan_broker.access.budget import REQUEST_BYTES, TOO_FAST
from camfan_broker.access.rights import Rights
from camfan_broker.access.suspensions import SUSPENDED
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.camera.late_frame import late_frame
from camfan_broker.delivery.claims import PublisherClaims
from camfan_broker.delivery.delivery import Delivery
from camfan_broker.delivery.peer import Peer
from camfan_broker.delivery.tracer import Tracer
from camfan_broker.loop.draining import Drain
from camfan_config.text.globs import Patterns, is_glob
from camfan_wire import messages
from camfan_wire.clock import SiteClock
from camfan_wire.errors import WireError
from camfan_wire.messages import PROTOCOL, Hello
from camfan_wire.rate_limit import CHEAP, RateLimit
from camfan_wire.sockets import NOT_COPIED, has_input, receive
from camfan_wire.topics import NAME

log = logging.getLogger(__name__)

BATCH = 256  # messages taken before the other sockets get their turn
SLICE_NS = 4_000_000  # or so long: frames must not wait for the requests of others
SILENCE_NS = 10_000_000_000
WELCOME_NS = 900_000_000
MAX_PEERS = 1024
MAX_PARTS = 8  # of a message; the longest that means anything has three
MAX_GLOBS = 64  # in one subscription; names may be as many as the message holds
REFUSED_PER_S = 1.0  # answers that say what was refused, to one connection; 40 at once
COSTLY = 5.0  # all peers are gone through
_COSTLY = (messages.Hello, messages.Subscribe, messages.Trace, messages.Reload)
_CHEAP = (messages.Credit, messages.Gap, messages.Repaired, messages.Traced)  # come with frames


Wants = Callable[[bytes, str | None], bool]  # topic, and the camera that it is about


@dataclass(frozen=True, slots=True)
class Backstage:
    """What the peers may ask of the broker."""

    publish: Callable[[bytes, bytes, Rights], None]  # an event or a status, to all who want it
    current: Callable[[Wants, bool], list[tuple[bytes, bytes]]]  # last statuses, open events too?
    reload: Callable[[bytes], None]  # for this peer; an answer follows when it is done
    wants_changed: Callable[[], None]  # somebody wants other frames than before
    camera_came: Callable[[str], None]  # the node of a camera is here


class Control:
    """The receiving side of the broker's ROUTER. Belongs to the loop's thread."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        cameras: Mapping[str, TrackedCamera],
        clock: SiteClock,
        delivery: Delivery,
        welcome: messages.Welcome,
        backstage: Backstage,
        access: Access,
        claims: PublisherClaims,
    ) -> None:
        self._claims = claims
        self._socket = socket
        self._cameras = cameras
        self._clock = clock
        self._delivery = delivery
        self._peers = delivery.peers
        self._reply = delivery.reply
        self._welcome = messages.encode(welcome)
        self._site = welcome.site
        self._backstage = backstage
        self._access = access
        self._rest = Drain(socket)
        self._paces: dict[bytes, RateLimit] = {}  # of requests, by peer
        self._answers: dict[bytes, RateLimit] = {}  # of answers that say what was refused
        self.tracer = Tracer(cameras, delivery.peers, clock, delivery.reply)
        self.refused: Counter[str] = Counter()
        self._welcomed_ns: dict[bytes, int] = {}  # peers that have not said hello yet

    def receive(self) -> None:
        socket, delivery = self._socket, self._delivery
        until_ns = time.monotonic_ns() + SLICE_NS
        for _ in range(BATCH):
            if time.monotonic_ns() > until_ns:
                break
            if self._rest.active and not self._rest.run():
                break
            delivery.touched = False
            if not has_input(socket):
                return
            first = part = receive(socket, 0, NOT_COPIED)
            parts: list[zmq.Frame] = []
            while part.more and len(parts) <= MAX_PARTS:
                part = receive(socket, 0, NOT_COPIED)
                parts.append(part)
            if part.more:
                self._rest.start(part)  # first of all: what is left of it is not the next message
            rights = NOBODY
            try:
                rights = self._access.sender(first, "delivery")
                if part.more:
                    self._access.offend(first, "bad-parts", f"sent more than {MAX_PARTS} parts")
                    raise WireError("bad-parts", f"a message of more than {MAX_PARTS} parts")
                self._message(first, parts, rights)
            except WireError as exc:
                self._refuse(first, rights, exc)
        delivery.touched = True

    def _refuse(self, first: zmq.Frame, rights: Rights, error: WireError) -> None:
        self.refused[error.reason] += 1
        if error.reason == SUSPENDED:
            self._access.end(first)
            return
        self._access.tell(rights, error)
        self._say_refused(first.bytes, error)
        if error.reason != TOO_FAST:
            try:
                self._charge(first.bytes, rights)
            except WireError as exc:
                error = exc
        if error.reason == TOO_FAST:
            self._access.end(first)

    def _say_refused(self, identity: bytes, error: WireError) -> None:
        """Not more often than a client can read it: the rest is only counted."""
        if self._rate(self._answers, identity, REFUSED_PER_S).allows():
            self._reply(identity, messages.Refused(about=error.about, reason=str(error)[:500]))

    def _rate(self, rates: dict[bytes, RateLimit], identity: bytes, per_second: float) -> RateLimit:
        found = rates.get(identity)
        if found is None:
            found = rates[identity] = RateLimit(per_second)
        return found

    def _charge(self, identity: bytes, rights: Rights, cost: float = 1.0) -> None:
        """Raises WireError for a peer, or a key, that asks too much too fast."""
        rate = self._rate(self._paces, identity, self._access.limits.requests)
        if not rate.allows(cost):
            raise self._access.too_fast(rights)
        if cost > CHEAP:
            self._access.charge_request(rights, cost)

    def tick(self, now: int) -> None:
        for rates in (self._paces, self._answers):
            for identity in rates.keys() - self._peers.keys() - self._welcomed_ns.keys():
                if rates[identity].is_full():  # a peer that says no hello does not get a new one
                    del rates[identity]
        late = [i for i, at in self._welcomed_ns.items() if now - at > SILENCE_NS]
        for identity in late:
            del self._welcomed_ns[identity]
        self._access.budget.keep({peer.rights.name for peer in self._peers.values()})
        self.tracer.tick(now)

    def _message(self, first: zmq.Frame, parts: list[zmq.Frame], rights: Rights) -> None:
        identity = first.bytes
        peer = self._peers.get(identity)
        if peer is not None and peer.rights is not rights:
            if peer.rights.name != rights.name:  # another one with the same routing id
                self._delivery.forget(peer)
                peer = None
            else:
                peer.rights = rights
        if peer is not None:
            peer.heard_ns = time.monotonic_ns()
        if len(parts) < 3 and any(len(part) > self._access.limits.message for part in parts):
            raise WireError("bad-message", f"more than {self._access.limits.message} bytes")
        match len(parts):
            case 1:
                self._control(first, peer, parts[0].bytes, rights)
            case 2:
                self._charge(identity, rights)
                self._access.charge_notice(rights, len(parts[1]))
                self._claims.check_speaker(parts[0].bytes, identity)
                self._backstage.publish(parts[0].bytes, parts[1].bytes, rights)
            case 3 if peer is not None:
                camera = self._published_by(peer)
                camera.repairs.frame(late_frame(camera, parts, self._access.limits))
                self._delivery.frame_came(camera)
            case 3:
                self._say_welcome(identity)
            case count:
                raise WireError("bad-parts", f"a message of {count} parts")

    def _control(self, first: zmq.Frame, peer: Peer | None, body: bytes, rights: Rights) -> None:
        identity = first.bytes
        if not body:  # ZMQ_PROBE_ROUTER: somebody has connected
            self._say_welcome(identity)
            return
        if len(body) > REQUEST_BYTES:  # reading it is work as well
            self._charge(identity, rights, len(body) / REQUEST_BYTES)
        message = messages.decode_to_broker(body)
        self._charge(identity, rights, _cost(message))
        if self._access.keyed:
            rights.check_message(message)
        match message:
            case messages.Credit() if peer is not None:
                self._credit(peer, message)
            case messages.Probe():
                self._echo(identity, message, self._clock.now_ns())
                if peer is None:
                    self._say_welcome(identity)
            case messages.Hello():
                self._hello(first, message, rights)
            case messages.Bye():
                self._bye(peer)
            case _ if peer is None:
                self._say_welcome(identity)
            case messages.Subscribe():
                self._subscribe(peer, message)
            case messages.Heartbeat():
                self._reply(identity, messages.Heartbeat())
            case messages.Reload():
                self._backstage.reload(identity)
            case messages.Gap() | messages.Repaired():
                self._repair(peer, message)
            case messages.Set():
                self._set(peer, message)
            case messages.Trace():
                self._trace(identity, message, rights)
            case messages.Traced():
                self.tracer.answered(identity, message)

    def _say_welcome(self, identity: bytes) -> None:
        """Once a second at most: what a peer sent before it heard the first is answered already."""
        now = time.monotonic_ns()
        if now - self._welcomed_ns.get(identity, -WELCOME_NS) >= WELCOME_NS:
            self._welcomed_ns[identity] = now
            self._delivery.send(identity, self._welcome)

    def _echo(self, identity: bytes, probe: messages.Probe, received: int) -> None:
        clock = self._clock
        self._reply(
            identity,
            messages.Echo(
                sent=probe.sent, received=received, replied=clock.now_ns(), epoch=clock.epoch
            ),
        )

    def _hello(self, first: zmq.Frame, hello: Hello, rights: Rights) -> None:
        identity = first.bytes
        if self._access.keyed and hello.name != rights.name:  # nobody is called what he is not
            hello = structs.replace(hello, name=f"{rights.name}-{hello.session[:4]}")
        since = self._clock.now_ns()
        for other in list(self._peers.values()):
            if other.hello.session == hello.session and other.rights.name == rights.name:
                self._delivery.forget(other)  # the same, after a cut link
                since = min(since, other.since_ns)
        reason = self._unwelcome(hello, rights)
        if reason is not None:
            self._reply(identity, messages.Refused(about="hello", reason=reason))
            return
        refusal = self._claims.refusal(hello, identity)
        if refusal is not None:
            self._access.refusals.tell(hello.name, f"may not publish now: {refusal.reason}")
            self._reply(identity, refusal)
            return
        self._welcomed_ns.pop(identity, None)
        self._claims.take(hello, identity)
        peer = self._delivery.welcome(identity, hello, rights)
        peer.since_ns = since
        peer.connection = self._access.connection(first, "delivery")
        if hello.publishes is not None:
            self._backstage.camera_came(hello.publishes)

    def _unwelcome(self, hello: Hello, rights: Rights) -> str | None:
        if hello.protocol != PROTOCOL:
            return f"protocol {hello.protocol}; this broker speaks {PROTOCOL}"
        if self._serves_too_many(rights):
            self._delivery.forget_gone()
            if self._serves_too_many(rights):
                self._access.refused(rights, "has too many peers", "too-many")
                return f"this broker serves {self._of_key(rights)} peers of this key already"
        if hello.publishes is not None and hello.publishes not in self._cameras:
            return _no_camera(hello.publishes, self._cameras)
        if hello.publishes is not None and self._cameras[hello.publishes].via is not None:
            return f"camera '{hello.publishes}' is taken from another site, and published by nobody"
        if hello.site == self._site:
            return f"this is the broker of site '{self._site}' too: two sites need two names"
        return None

    def _serves_too_many(self, rights: Rights) -> bool:
        own = self._access.limits.connections_per_key if self._access.keyed else MAX_PEERS
        return len(self._peers) >= MAX_PEERS or self._of_key(rights) >= own

    def _of_key(self, rights: Rights) -> int:
        return sum(peer.rights.name == rights.name for peer in self._peers.values())

    def greet_sites(self) -> None:
        """Have the brokers of other sites say anew what they want."""
        for peer in list(self._peers.values()):
            if peer.hello.site is not None:
                self._delivery.send(peer.identity, self._welcome)

    def _bye(self, peer: Peer | None) -> None:
        if peer is not None:
            self._claims.release(peer)
            self._delivery.forget(peer, left=True)
            self._backstage.wants_changed()

    def _subscribe(self, peer: Peer, wishes: messages.Subscribe) -> None:
        rights = peer.rights
        globs = sum(map(is_glob, wishes.cameras))
        if globs > MAX_GLOBS:
            raise WireError("too-many", f"{globs} globs in a subscription; {MAX_GLOBS} are allowed")
        if globs > 1:
            self._charge(peer.identity, rights, globs)
        asked = Patterns(wishes.cameras)
        may_see = {name: c for name, c in self._cameras.items() if rights.may_see(name)}
        cameras = [camera for name, camera in may_see.items() if asked.match(name)]
        unknown = (p for p in wishes.cameras if p not in may_see and NAME.fullmatch(p))
        refused: dict[str, str] = {}
        if peer.hello.site is not None:  # what it cannot get costs it nothing of the rest
            refused = _left_out(peer.hello.site, cameras, unknown, may_see)
            cameras = [camera for camera in cameras if camera.name not in refused]
        elif (first := next(unknown, None)) is not None:
            if first in self._cameras:  # which is not said to whoever may not see it
                self._access.refused(rights, f"may not see {first}")
                self.refused["not-allowed"] += 1
            reason = _no_camera(first, may_see)
            self._reply(peer.identity, messages.Refused(about="subscribe", reason=reason))
            return
        if wishes.since_ago is not None and wishes.since_time is None:
            began = self._clock.now_ns() - wishes.since_ago
            wishes = structs.replace(wishes, since_time=began)
        new_topics = self._delivery.subscribe(peer, wishes, cameras)
        via = {c.name: list(c.via) for c in cameras if c.via is not None and peer.hello.site}
        names = sorted(camera.name for camera in cameras)
        self._reply(peer.identity, messages.Ready(cameras=names, via=via, refused=refused))
        for topic, body in self._backstage.current(
            lambda topic, camera: topic.startswith(new_topics) and peer.wants(topic, camera),
            wishes.open,
        ):
            self._delivery.send(peer.identity, topic, body)
        self._delivery.pump(peer, time.monotonic_ns())
        self._backstage.wants_changed()

    def _credit(self, peer: Peer, credit: messages.Credit) -> None:
        if peer.reader is None:
            raise WireError("bad-message", "credit before subscribe")
        peer.reader.add_credit(credit.frames, credit.bytes)
        self._delivery.pump(peer, time.monotonic_ns())

    def _published_by(self, peer: Peer) -> TrackedCamera:
        camera = self._cameras.get(peer.hello.publishes or "")
        if camera is None:
            raise WireError("not-allowed", f"{peer.hello.name} is not the node of a camera")
        return camera

    def _repair(self, peer: Peer, message: messages.Gap | messages.Repaired) -> None:
        camera = self._published_by(peer)
        if message.camera != camera.name:
            raise WireError("not-allowed", f"{peer.hello.name} speaks for {message.camera}")
        if isinstance(message, messages.Gap):
            camera.repairs.gap(message)
        else:
            camera.repairs.repaired_to(message)
        self._delivery.frame_came(camera)

    def _set(self, peer: Peer, message: messages.Set) -> None:
        node = self._delivery.publisher_of(message.camera)
        if message.camera not in self._cameras:
            reason = _no_camera(message.camera, self._cameras)
        elif node is None or not self._reply(node, message):
            reason = f"the node of camera '{message.camera}' is not here"
        else:
            log.info("%s sets %s: %s", peer.hello.name, message.camera, _values(message))
            return
        self._reply(peer.identity, messages.Refused(about="set", reason=reason))

    def _trace(self, identity: bytes, trace: messages.Trace, rights: Rights) -> None:
        reason = self.tracer.ask(identity, trace, rights)
        if reason is not None:
            self._reply(identity, messages.Refused(about="trace", reason=reason[:500]))


def _cost(message: messages.ToBroker) -> float:
    """What a message costs the loop, in requests."""
    if isinstance(message, _CHEAP):
        return CHEAP
    return COSTLY if isinstance(message, _COSTLY) else 1.0


def _no_camera(name: str, cameras: Iterable[str]) -> str:
    return f"no camera '{name}' here; there is {', '.join(sorted(cameras))}"[:500]


def _left_out(
    site: str, cameras: Iterable[TrackedCamera], unknown: Iterable[str], there_is: Iterable[str]
) -> dict[str, str]:
    """Why the broker of another site does not get a camera, by camera."""
    refused = {name: _no_camera(name, there_is) for name in unknown}
    for camera in cameras:
        if site in (camera.via or ()):
            way = ", ".join(f"'{each}'" for each in camera.via or ())
            refused[camera.name] = f"'{camera.name}' has come from {way}: that would be a loop"
    return refused


def _values(message: messages.Set) -> str:
    return f"fps {message.fps or 'as in the file'}, quality {message.quality or 'as in the file'}"

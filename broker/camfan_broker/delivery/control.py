"""Control messages of the peers of the delivery socket: what each one means."""

from __future__ import annotations

import time

from camfan_broker.access.access import AccessControl
from camfan_broker.access.budget import REQUEST_BYTES
from camfan_broker.delivery.charges import RequestCharges
from camfan_broker.delivery.delivery import Delivery
from camfan_broker.delivery.greeter import Greeter
from camfan_broker.delivery.late_frames import LateFrameHandler
from camfan_broker.delivery.nodes import CameraNodes
from camfan_broker.delivery.peer import Peer
from camfan_broker.delivery.router import PeerMessage, Router
from camfan_broker.delivery.subscribing import SubscribeHandler
from camfan_broker.delivery.tracer import Tracer
from camfan_broker.reload import Reloader
from camfan_wire import messages
from camfan_wire.clock import SiteClock
from camfan_wire.errors import WireError
from camfan_wire.rate_limit import CHEAP

COSTLY = 5.0  # requests: all peers are gone through
_COSTLY = (messages.Hello, messages.Subscribe, messages.Trace, messages.Record, messages.Reload)
_CHEAP = (messages.Gap, messages.Repaired)  # come with frames that were asked for


class ControlHandler:
    """Handles messages of one part. Belongs to the loop's thread."""

    def __init__(
        self,
        router: Router,
        greeter: Greeter,
        subscribing: SubscribeHandler,
        late_frames: LateFrameHandler,
        nodes: CameraNodes,
        delivery: Delivery,
        tracer: Tracer,
        reloader: Reloader | None,
        charges: RequestCharges,
        access: AccessControl,
        clock: SiteClock,
    ) -> None:
        self._router = router
        self._greeter = greeter
        self._subscribing = subscribing
        self._late_frames = late_frames
        self._nodes = nodes
        self._delivery = delivery
        self._tracer = tracer
        self._reloader = reloader
        self._charges = charges
        self._access = access
        self._clock = clock

    def handle(self, message: PeerMessage) -> None:
        """Do what a control message asks for. Raises WireError."""
        identity, rights, body = message.identity, message.rights, message.parts[0].bytes
        if not body:  # ZMQ_PROBE_ROUTER: a new connection
            self._charges.charge(identity, rights)
            self._greeter.welcome(identity)
            return
        if len(body) > REQUEST_BYTES:  # reading it is work as well
            self._charges.charge(identity, rights, len(body) / REQUEST_BYTES)
        said = messages.decode_to_broker(body)
        self._charges.charge(identity, rights, _cost(said, message.peer))
        if self._access.keyed:
            rights.check_message(said)
        match said:
            case messages.Credit() if message.peer is not None:  # first: it comes with each frame
                self._credit(message.peer, said)
            case messages.Hello():
                self._greeter.hello(message, said)
            case messages.Probe():
                self._echo(message, said, self._clock.now_ns())
            case messages.Bye():
                if message.peer is not None:
                    self._greeter.bye(message.peer)
            case _ if message.peer is None:
                self._greeter.welcome(identity)
            case _:
                self._of_peer(message.peer, said)

    def _of_peer(self, peer: Peer, said: messages.ToBroker) -> None:
        """A message of a peer that has said hello."""
        match said:
            case messages.Subscribe():
                self._subscribing.subscribe(peer, said, self._router.refused)
            case messages.Heartbeat():
                self._router.reply(peer.identity, messages.Heartbeat())
            case messages.Reload():
                self._reload(peer)
            case messages.Gap() | messages.Repaired():
                self._late_frames.answer(peer, said)
            case messages.Set():
                reason = self._nodes.set(peer.hello.name, said)
                if reason is not None:
                    self._refuse(peer, "set", reason)
            case messages.Record():
                answer = self._nodes.record(peer.hello.name, said)
                if isinstance(answer, str):
                    self._refuse(peer, "record", answer)
                else:
                    self._router.reply(peer.identity, answer)
            case messages.Trace():
                reason = self._tracer.ask(peer.identity, said, peer.rights)
                if reason is not None:
                    self._refuse(peer, "trace", reason)
            case messages.Traced():
                self._tracer.answered(peer.identity, said)

    def _refuse(self, peer: Peer, about: str, reason: str) -> None:
        self._router.reply(peer.identity, messages.Refused(about=about, reason=reason[:500]))

    def _echo(self, message: PeerMessage, probe: messages.Probe, received: int) -> None:
        clock = self._clock
        echo = messages.Echo(
            sent=probe.sent, received=received, replied=clock.now_ns(), epoch=clock.epoch
        )
        self._router.reply(message.identity, echo)
        if message.peer is None:
            self._greeter.welcome(message.identity)

    def _credit(self, peer: Peer, credit: messages.Credit) -> None:
        if peer.reader is None:
            raise WireError("bad-message", "credit before subscribe")
        peer.reader.credit.add(credit.frames, credit.bytes)
        self._delivery.pump(peer, time.monotonic_ns())

    def _reload(self, peer: Peer) -> None:
        if self._reloader is None:
            self._refuse(peer, "reload", "this broker was not started from a file")
        else:
            self._reloader.ask(peer.identity)


def _cost(message: messages.ToBroker, peer: Peer | None) -> float:
    """What a message costs the loop, in requests."""
    if isinstance(message, messages.Credit):
        reader = peer.reader if peer is not None else None
        return CHEAP if reader is not None and reader.credit.unreturned else 1.0
    if isinstance(message, _CHEAP):
        return CHEAP
    return COSTLY if isinstance(message, _COSTLY) else 1.0

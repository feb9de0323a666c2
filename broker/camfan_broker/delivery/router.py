"""The ROUTER socket of the delivery port: what peers send, and what is sent to them.

A message is received here, its sender is looked up, and the handler for its number of parts gets
it. Handlers, readers and observers send through the same object.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Protocol

import zmq
from msgspec import Struct

from camfan_broker.access.access import NO_RIGHTS, AccessControl
from camfan_broker.access.budget import TOO_FAST
from camfan_broker.access.rights import KeyRights
from camfan_broker.access.suspensions import SUSPENDED
from camfan_broker.camera.ring import RingEntry
from camfan_broker.delivery.charges import RequestCharges
from camfan_broker.delivery.peer import Peer
from camfan_broker.delivery.peers import PeerTable
from camfan_broker.loop.draining import Drain
from camfan_broker.loop.poller import SLICE_NS
from camfan_wire import messages
from camfan_wire.errors import WireError
from camfan_wire.sockets import (
    COPIED,
    DONTWAIT,
    DONTWAIT_SNDMORE,
    NOT_COPIED,
    has_input,
    receive,
    send,
)

BATCH = 256  # messages taken before the other sockets are served
MAX_PARTS = 8  # of a message; no valid one has more than three


class PeerMessage(Struct, frozen=True, gc=False):
    """A message, and its sender."""

    routing: zmq.Frame  # its first part: the routing id, and the connection it came by
    identity: bytes  # the routing id
    parts: list[zmq.Frame]
    peer: Peer | None  # None: it has not said hello
    rights: KeyRights


class MessageHandler(Protocol):
    """Handles messages of one number of parts."""

    def handle(self, message: PeerMessage) -> None:
        """Raises WireError for a message that is rejected."""


class Router:
    """Owns the receiving and the sending of its socket. Belongs to the loop's thread."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        peers: PeerTable,
        charges: RequestCharges,
        access: AccessControl,
    ) -> None:
        self.handlers: Mapping[int, MessageHandler] = {}  # by number of parts
        self.touched = True  # see `Poller`
        self.refused: Counter[str] = Counter()  # messages, by reason
        self._socket = socket
        self._peers = peers
        self._charges = charges
        self._access = access
        self._rest = Drain(socket)

    # ---- receiving ----

    def receive(self) -> None:
        """Take what is there, as far as others do not have to wait for it."""
        until_ns = time.monotonic_ns() + SLICE_NS
        for _ in range(BATCH):
            if time.monotonic_ns() > until_ns:
                break
            if self._rest.active and not self._rest.run():
                break
            self.touched = False
            if not has_input(self._socket):
                return
            self._take()
        self.touched = True

    def _take(self) -> None:
        routing = part = receive(self._socket, 0, NOT_COPIED)
        parts: list[zmq.Frame] = []
        while part.more and len(parts) <= MAX_PARTS:
            part = receive(self._socket, 0, NOT_COPIED)
            parts.append(part)
        if part.more:
            self._rest.start(part)  # first of all: what is left of it is not the next message
        rights = NO_RIGHTS
        try:
            rights = self._access.sender(routing, "delivery")
            if part.more:
                self._access.offend(routing, "bad-parts", f"sent more than {MAX_PARTS} parts")
                raise WireError("bad-parts", f"a message of more than {MAX_PARTS} parts")
            self._handle(routing, parts, rights)
        except WireError as exc:
            self._refuse(routing, rights, exc)

    def _handle(self, routing: zmq.Frame, parts: list[zmq.Frame], rights: KeyRights) -> None:
        identity = routing.bytes
        peer = self._peers.heard(identity, rights)
        limit = self._access.limits.message
        if len(parts) < 3 and any(len(part) > limit for part in parts):
            raise WireError("bad-message", f"more than {limit} bytes")
        handler = self.handlers.get(len(parts))
        if handler is None:
            raise WireError("bad-parts", f"a message of {len(parts)} parts")
        handler.handle(PeerMessage(routing, identity, parts, peer, rights))

    def _refuse(self, routing: zmq.Frame, rights: KeyRights, error: WireError) -> None:
        identity = routing.bytes
        self.refused[error.reason] += 1
        if error.reason == SUSPENDED:
            return
        self._access.count_denied(rights, error)
        if self._charges.may_answer(identity):
            self.reply(identity, messages.Refused(about=error.about, reason=str(error)[:500]))
        if error.reason != TOO_FAST:
            error = self._charges.charge_refused(identity, rights) or error
        if error.reason == TOO_FAST:
            self._access.end(routing)

    # ---- sending ----

    def reply(self, identity: bytes, message: messages.FromBroker) -> bool:
        """Send a control message; False if the peer is gone, or its queue is full."""
        return self.send(identity, messages.encode(message))

    def send(self, identity: bytes, *parts: bytes) -> bool:
        """Send a message; False if the peer is gone, or its queue is full."""
        if not self._address(identity):
            return False
        for part in parts[:-1]:
            send(self._socket, part, DONTWAIT_SNDMORE, COPIED)
        send(self._socket, parts[-1], DONTWAIT, COPIED)
        return True

    def send_frame(self, identity: bytes, entry: RingEntry) -> bool:
        """Send a frame without a copy; False if the peer is gone, or its queue is full."""
        if not self._address(identity):
            return False
        socket = self._socket
        send(socket, entry.topic, DONTWAIT_SNDMORE, NOT_COPIED)
        send(socket, entry.text, DONTWAIT_SNDMORE, COPIED)
        send(socket, entry.jpeg, DONTWAIT, NOT_COPIED)
        return True

    def _address(self, identity: bytes) -> bool:
        """Send the first part of a message, the only one that can fail."""
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
            peer = self._peers.get(identity)
            if peer is not None:
                self._peers.forget_lost(peer)
            return False
        return True

    def _is_another(self, identity: bytes) -> bool:
        """A client that chose its routing id has left, and another one may have taken the id."""
        peer = self._peers.get(identity)
        if peer is None or not peer.may_be_another:
            return False
        self._peers.forget_lost(peer)
        return True

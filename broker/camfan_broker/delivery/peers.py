"""The peers of the delivery socket that have said hello."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, ValuesView
from typing import Protocol

from camfan_broker.access.access import AccessControl
from camfan_broker.access.rights import KeyRights
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.delivery.peer import Peer
from camfan_wire.messages import Hello

log = logging.getLogger(__name__)

SILENCE_NS = 10_000_000_000  # a peer that says nothing for this long is forgotten


class PeerObserver(Protocol):
    """Keeps something of each peer."""

    def peer_left(self, peer: Peer, *, said_bye: bool) -> None:
        """The peer is not known any more; without a bye it may come back."""


class PeerTable(Mapping[bytes, Peer]):
    """Peers by routing id. Belongs to the loop's thread; others may read its plain counts."""

    def __init__(self, cameras: Mapping[str, TrackedCamera], access: AccessControl) -> None:
        self.observers: list[PeerObserver] = []
        self._cameras = cameras
        self._access = access
        self._peers: dict[bytes, Peer] = {}

    def add(self, identity: bytes, hello: Hello, rights: KeyRights) -> Peer:
        """A peer has said hello."""
        # A node has one connection that reads, one that reports.
        if not self._knows(hello.name) and self._access.may_log(rights.name):
            log.info("%s (%s) is connected", hello.name, hello.kind)
        peer = self._peers[identity] = Peer(identity, hello, time.monotonic_ns(), rights)
        return peer

    def heard(self, identity: bytes, rights: KeyRights) -> Peer | None:
        """A message of this peer has come; None if the peer has not said hello."""
        peer = self._peers.get(identity)
        if peer is None:
            return None
        if peer.rights is not rights:
            if peer.rights.name != rights.name:  # another client with the same routing id
                self.forget(peer)
                return None
            peer.rights = rights
        peer.heard_ns = time.monotonic_ns()
        return peer

    def forget(self, peer: Peer, *, said_bye: bool = False) -> None:
        """Take the peer out of the table."""
        self._peers.pop(peer.identity, None)
        if said_bye and not self._knows(peer.hello.name) and self._access.may_log(peer.rights.name):
            log.info("%s has left", peer.hello.name)
        camera = self._cameras.get(peer.hello.publishes or "")
        if camera is not None and self.publisher_of(camera.name) is None:
            camera.repairs.camera_left()
        for observer in self.observers:
            observer.peer_left(peer, said_bye=said_bye)

    def forget_lost(self, peer: Peer) -> None:
        """Forget a peer whose connection has ended."""
        self.forget(peer)
        if not self._knows(peer.hello.name) and self._access.may_log(peer.rights.name):
            log.info("%s has lost its connection", peer.hello.name)

    def forget_gone(self) -> None:
        """Forget all peers whose connection has ended."""
        for peer in [p for p in self._peers.values() if p.is_gone]:
            self.forget_lost(peer)

    def forget_silent(self, now: int) -> None:
        """Forget all peers that have said nothing for SILENCE_NS."""
        self.forget_gone()
        for peer in [p for p in self._peers.values() if now - p.heard_ns > SILENCE_NS]:
            self.forget(peer)
            if not self._knows(peer.hello.name):
                log.info("%s: silent for %d s; forgotten", peer.hello.name, SILENCE_NS // 10**9)

    def publisher_of(self, camera: str, besides: bytes = b"") -> Peer | None:
        """The peer that publishes a camera; the one that came last, if there are several."""
        found = [
            peer
            for peer in self._peers.values()
            if peer.hello.publishes == camera and peer.identity != besides
        ]
        return found[-1] if found else None

    def _knows(self, name: str) -> bool:
        return any(peer.hello.name == name for peer in self._peers.values())

    def values(self) -> ValuesView[Peer]:
        return self._peers.values()

    def __getitem__(self, identity: bytes) -> Peer:
        return self._peers[identity]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._peers)

    def __len__(self) -> int:
        return len(self._peers)

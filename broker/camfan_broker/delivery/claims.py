"""Which process publishes each camera: one at a time.

A camera belongs to the process whose frames came first. Another one is rejected while that one is
alive: its node is heard, or the connection that its frames came by is open. A silent or closed one
blocks nothing, so a camera that crashed and starts again goes on at once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import zmq

from camfan_broker.access.connections import address_of, inode_of
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.delivery.peer import Peer
from camfan_broker.delivery.peers import PeerTable
from camfan_broker.delivery.router import Router
from camfan_wire.clock import SiteClock
from camfan_wire.errors import WireError
from camfan_wire.header import Header
from camfan_wire.messages import (
    OTHER_PUBLISHER,
    PUBLISHED,
    TAKEN_OVER,
    Heartbeat,
    Hello,
    Refused,
)
from camfan_wire.topics import split_event_topic, split_status_topic

HEARD_NS = 2_500_000_000  # a node that was heard this lately is alive; it sends each second
FLOWING_NS = 5_000_000_000  # frames without a node: the last one came this lately


@dataclass(frozen=True, slots=True)
class FrameOrigin:
    """The connection that the frames of a run come by."""

    fd: int
    inode: int | None
    address: str
    since_ns: int  # site clock

    @property
    def is_open(self) -> bool:
        return self.inode is not None and inode_of(self.fd) == self.inode

    def is_same(self, other: FrameOrigin) -> bool:
        return (self.fd, self.inode) == (other.fd, other.inode)


class PublisherClaims:
    """The publishers of all cameras. Belongs to the loop's thread."""

    def __init__(
        self,
        router: Router,
        peers: PeerTable,
        cameras: Mapping[str, TrackedCamera],
        clock: SiteClock,
    ) -> None:
        self._router = router
        self._peers = peers
        self._cameras = cameras
        self._clock = clock
        self._origins: dict[str, FrameOrigin] = {}  # of each camera's present run

    # ---- frames ----

    def check(self, camera: TrackedCamera, header: Header, part: zmq.Frame) -> None:
        """Check a frame of another run than the present one.

        Raises WireError if another process publishes the camera, and for what is left of a run that
        has ended.
        """
        if camera.run is None:
            return
        peer = self._peers.publisher_of(camera.name)
        if peer is not None and peer.hello.run == header.run:
            camera.resume_or_begin(header)
            return
        sender, holder = self._origin(part), self._origins.get(camera.name)
        if holder is not None and holder.is_same(sender):
            if camera.has_ended(header.run):
                raise WireError("ended-run", f"run {header.run} has ended")
            return  # the same process begins a new run
        if peer is not None and peer.hello.run is None:
            peer = None  # it may be the node of either
        if self._holds(peer) or (holder is not None and holder.is_open):
            if camera.has_ended(header.run) and not sender.is_open:
                raise WireError("ended-run", f"run {header.run} has ended")
            raise WireError(OTHER_PUBLISHER, self._sentence(camera.name, sender.address))
        camera.resume_or_begin(header)

    def began(self, camera: TrackedCamera, part: zmq.Frame) -> None:
        """A frame is accepted that came by the connection of this part."""
        found = self._origin(part)
        had = self._origins.get(camera.name)
        if had is None or not had.is_same(found):
            self._origins[camera.name] = found
        camera.located = True

    # ---- nodes ----

    def refusal(self, hello: Hello, identity: bytes) -> Refused | None:
        """Why this node cannot publish its camera now; None if it can."""
        name = hello.publishes
        if name is None or hello.take_over:
            return None
        peer = self._peers.publisher_of(name, besides=identity)
        camera, origin = self._cameras[name], self._origins.get(name)
        foreign = (
            peer is None
            and hello.run not in (None, camera.run)
            and origin is not None
            and origin.is_open
            and (camera.silent_ns(time.monotonic_ns()) or 0) < FLOWING_NS
        )
        if not foreign and not self._holds(peer):
            return None
        reason = (
            f"{name} is already published from {self._where(peer, origin)}; stop that one first, "
            "or start this one with --take-over"
        )
        return Refused(about="hello", reason=reason[:500], code=PUBLISHED)

    def take(self, hello: Hello, identity: bytes) -> None:
        """Accept the node of a camera: all other nodes of the camera have to end."""
        name = hello.publishes
        camera = self._cameras.get(name or "")
        if name is None or camera is None:
            return
        origin = self._origins.get(name)
        others = [
            peer
            for peer in list(self._peers.values())
            if peer.hello.publishes == name and peer.identity != identity
        ]
        if others or (hello.take_over and origin is not None and origin.is_open):
            camera.passes_to_another(hello.run)
        for other in others:
            how = "was taken over" if hello.take_over else "is published now"
            reason = f"{name} {how} from {hello.host or 'another machine'}"
            self._router.reply(
                other.identity, Refused(about="hello", reason=reason[:500], code=TAKEN_OVER)
            )
            self._peers.forget(other)

    def release(self, peer: Peer) -> None:
        """The node leaves: connections of it that are still open block nothing."""
        name = peer.hello.publishes
        camera = self._cameras.get(name or "")
        if name is not None and camera is not None and peer.hello.run in (None, camera.run):
            self._origins.pop(name, None)
            camera.located = True

    def check_speaker(self, topic: bytes, identity: bytes) -> None:
        """Raises WireError for events and statuses of a second node of a camera."""
        source = split_status_topic(topic) or (split_event_topic(topic) or ("", ""))[0]
        if source not in self._cameras:
            return
        peer = self._peers.publisher_of(source)
        if peer is not None and peer.identity != identity and self._holds(peer):
            raise WireError(OTHER_PUBLISHER, f"{source} is published by another process")

    # ---- both ----

    def _holds(self, peer: Peer | None) -> bool:
        """The node is alive: it was heard lately, and its connection is open."""
        if peer is None or time.monotonic_ns() - peer.heard_ns >= HEARD_NS:
            return False
        self._router.reply(peer.identity, Heartbeat())  # notices if the connection is gone
        return self._peers.get(peer.identity) is peer

    def _origin(self, part: zmq.Frame) -> FrameOrigin:
        fd = -1
        with suppress(zmq.ZMQError, ValueError):
            fd = int(part.get(zmq.SRCFD))
        inode = inode_of(fd) if fd >= 0 else None
        address = address_of(fd, inode) if inode is not None else ""
        return FrameOrigin(fd, inode, address, self._clock.now_ns())

    def _where(self, peer: Peer | None, origin: FrameOrigin | None) -> str:
        """Where the present publisher is, and since when, as text."""
        if peer is not None:
            return f"{peer.hello.host or 'another machine'} since {_time(peer.since_ns)}"
        if origin is not None:
            return f"{origin.address or 'elsewhere'} since {_time(origin.since_ns)}"
        return "elsewhere"

    def _sentence(self, name: str, address: str) -> str:
        where = self._where(self._peers.publisher_of(name), self._origins.get(name))
        by = f" from {address}" if address else ""
        return f"a second publisher{by}: {name} is already published from {where}"


def _time(site_ns: int) -> str:
    """In the broker's local time."""
    return datetime.fromtimestamp(site_ns / 1e9).astimezone().strftime("%Y-%m-%d %H:%M:%S")

"""Traces: what became of one frame, by what the broker knows and by the answers of peers.

Nothing here waits: a trace is answered when all peers have answered, or after a timeout.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from camfan_broker.access.rights import KeyRights
from camfan_broker.camera.account import NOT_WANTED, Account
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.delivery.peer import Peer
from camfan_broker.delivery.router import Router
from camfan_wire.clock import SiteClock
from camfan_wire.header import Position
from camfan_wire.messages import Hop, Outcome, Trace, Traced

ANSWER_NS = 1_000_000_000
MAX_OPEN = 64
MAX_OPEN_OF_KEY = 8

BROKER_HOP = "broker"  # the name of this broker in a trace
NEWER_WENT = "a newer frame went instead"
MISSED = ("lost", "skipped")  # outcomes at the broker of a frame that did not come by ingest


@dataclass(slots=True)
class _OpenTrace:
    """A trace that is being answered."""

    asked_by: bytes
    key: str  # of the peer that asks
    trace: Trace
    run: str | None
    hops: list[Hop]
    waiting: dict[bytes, str]  # peers that have not answered, with their names
    until_ns: int


class Tracer:
    """Belongs to the loop's thread."""

    def __init__(
        self,
        cameras: Mapping[str, TrackedCamera],
        peers: Mapping[bytes, Peer],
        clock: SiteClock,
        router: Router,
    ) -> None:
        self._cameras = cameras
        self._peers = peers
        self._clock = clock
        self._router = router
        self._open: dict[str, _OpenTrace] = {}

    def ask(self, asked_by: bytes, trace: Trace, rights: KeyRights) -> str | None:
        """Begin a trace; a reason, if that is not possible.

        The other readers of a camera are part of it only for a peer that sees the whole site.
        """
        camera = self._cameras.get(trace.camera)
        if camera is None:
            return f"no camera '{trace.camera}' here; there is {', '.join(sorted(self._cameras))}"
        own = sum(found.key == rights.name for found in self._open.values())
        if len(self._open) >= MAX_OPEN or (rights.name and own >= MAX_OPEN_OF_KEY):
            return "too many frames are being traced already"
        run = trace.run or camera.run
        asked = {
            peer.identity: peer.hello.name
            for peer in self._peers.values()
            if peer.hello.publishes == camera.name
            or (peer.records(camera.name) and _may_know(rights, peer))
        }
        hops = [self._at_broker(camera, run, trace.sequence)]
        hops += [
            self._at_subscriber(peer, camera, run, trace.sequence)
            for peer in self._readers(camera)
            if _may_know(rights, peer)
        ]
        key = secrets.token_hex(8)
        until_ns = time.monotonic_ns() + ANSWER_NS
        self._open[key] = _OpenTrace(asked_by, rights.name, trace, run, hops, asked, until_ns)
        question = Trace(id=key, camera=trace.camera, sequence=trace.sequence, run=run)
        for identity in asked:
            self._router.reply(identity, question)
        self._finish(key)
        return None

    def answered(self, identity: bytes, answer: Traced) -> None:
        """A peer has answered, for itself only."""
        found = self._open.get(answer.id)
        name = found.waiting.pop(identity, None) if found else None
        if found is None or name is None:
            return
        found.hops += [
            Hop(node=name, outcome=hop.outcome, reason=hop.reason, time=hop.time)
            for hop in answer.hops[:4]
        ]
        self._finish(answer.id)

    def tick(self, now: int) -> None:
        """Answer traces that have waited long enough."""
        for key, found in list(self._open.items()):
            if now > found.until_ns:
                found.hops += [
                    Hop(node=name, outcome="unknown", reason="it did not answer")
                    for name in found.waiting.values()
                ]
                found.waiting.clear()
            self._finish(key)

    def _finish(self, key: str) -> None:
        found = self._open[key]
        if found.waiting:
            return
        del self._open[key]
        trace = found.trace
        found.hops = _reconciled(trace.camera, found.hops)
        self._router.reply(
            found.asked_by,
            Traced(
                id=trace.id,
                camera=trace.camera,
                sequence=trace.sequence,
                run=found.run,
                hops=found.hops,
            ),
        )

    def _readers(self, camera: TrackedCamera) -> list[Peer]:
        return [p for p in self._peers.values() if p.reader and camera.name in p.reader.cursors]

    def _at_broker(self, camera: TrackedCamera, run: str | None, sequence: int) -> Hop:
        if run is None:
            return Hop(
                node=BROKER_HOP, outcome="unknown", reason="no frame of this camera has come"
            )
        found = camera.ring.find(run, sequence)
        if found is not None:
            return Hop(
                node=BROKER_HOP,
                outcome="received",
                reason="in the ring",
                time=self._site_ns(found.received_ns),
            )
        if run != camera.run:
            return Hop(node=BROKER_HOP, outcome="unknown", reason="of a run that has ended")
        received_ns = camera.log.time_of(sequence)
        if received_ns is not None:
            return Hop(
                node=BROKER_HOP,
                outcome="received",
                reason="no longer in the ring",
                time=self._site_ns(received_ns),
            )
        last, oldest = camera.last_sequence, camera.log.oldest()
        if last is None or sequence > last:
            return Hop(node=BROKER_HOP, outcome="unknown", reason="it has not come, or not yet")
        if camera.was_not_asked(sequence):
            return Hop(node=BROKER_HOP, outcome="skipped", reason=NOT_WANTED)
        if oldest is None or sequence < oldest:
            return Hop(node=BROKER_HOP, outcome="unknown", reason="too long ago")
        return Hop(node=BROKER_HOP, outcome="lost", reason="it did not come by ingest")

    def _at_subscriber(
        self, peer: Peer, camera: TrackedCamera, run: str | None, sequence: int
    ) -> Hop:
        assert peer.reader is not None
        name, account = peer.hello.name, peer.reader.cursors[camera.name].account
        if run is None:
            return Hop(node=name, outcome="unknown", reason="no frame of this camera has come")
        if peer.reader.wishes.mode == "every":
            outcome, reason = account.outcome(Position(run, sequence))
            return Hop(node=name, outcome=outcome, reason=reason)
        outcome, reason, at_ns = self._latest(account.run == run, account, sequence)
        return Hop(
            node=name,
            outcome=outcome,
            reason=reason,
            time=None if at_ns is None else self._site_ns(at_ns),
        )

    def _latest(
        self, same_run: bool, account: Account, sequence: int
    ) -> tuple[Outcome, str | None, int | None]:
        sent_ns = account.log.time_of(sequence) if same_run else None
        if sent_ns is not None:
            return "delivered", None, sent_ns
        if not same_run:
            return "unknown", "of another run", None
        if sequence > account.sequence:
            return "held", "or skipped, if a newer one comes first", None
        oldest = account.log.oldest()
        if oldest is None or sequence < oldest:
            return "unknown", "too long ago", None
        return "skipped", NEWER_WENT, None

    def _site_ns(self, monotonic_ns: int) -> int:
        return self._clock.now_ns() - (time.monotonic_ns() - monotonic_ns)


def _may_know(rights: KeyRights, subscriber: Peer) -> bool:
    """Whether these rights include that this subscriber receives a camera."""
    return rights.sees is None or rights.control or subscriber.rights.name == rights.name


def _reconciled(camera: str, hops: list[Hop]) -> list[Hop]:
    """Correct the outcomes of a frame that did not come by ingest, by the answers of the peers.

    The broker did not see it: a reader that has it got it late, and the camera knows why it was
    not sent. In mode `latest` it was not passed over, because it was never there.
    """
    missed = next((hop for hop in hops if hop.node == BROKER_HOP and hop.outcome in MISSED), None)
    if missed is None:
        return hops
    better, passed_over = missed, missed
    if any(hop.outcome in ("delivered", "recorded") for hop in hops):
        better = replace(missed, outcome="received", reason="late, to repair")
    elif any(hop.outcome == "skipped" and hop.reason == NOT_WANTED for hop in hops):
        better = passed_over = replace(missed, outcome="skipped", reason=NOT_WANTED)
    elif any(hop.node == camera and hop.outcome == "held" for hop in hops):
        better = replace(missed, outcome="held", reason="in the ring of the camera")
    return [
        better if hop is missed else _instead(hop, passed_over) if _was_passed_over(hop) else hop
        for hop in hops
    ]


def _was_passed_over(hop: Hop) -> bool:
    return hop.reason == NEWER_WENT


def _instead(hop: Hop, of: Hop) -> Hop:
    return replace(hop, outcome=of.outcome, reason=of.reason)

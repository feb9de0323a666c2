"""The status of the broker: figures of itself, of each camera and of each subscriber.

The metrics (`metrics.py`) are made of the same figures. What is unknown is None, never 0.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from msgspec import structs

from camfan_broker.access.board import NoticeBoard
from camfan_broker.access.gatekeeper import Gatekeeper
from camfan_broker.access.refusals import Refusals
from camfan_broker.camera.account import Account
from camfan_broker.camera.camera import SHOWN_NS, TrackedCamera
from camfan_broker.camera.demand import DemandTable
from camfan_broker.delivery.delivery import Delivery
from camfan_broker.delivery.peer import Peer
from camfan_broker.delivery.peers import PeerTable
from camfan_broker.delivery.reader import Reader, held
from camfan_broker.delivery.router import Router
from camfan_broker.fanout.fanout import Fanout
from camfan_broker.ingest.ingest import Ingest
from camfan_config import Site
from camfan_wire.clock import SiteClock
from camfan_wire.figures import (
    AccountFigures,
    BrokerFigures,
    CameraFigures,
    SubscriberFigures,
)
from camfan_wire.messages import Status
from camfan_wire.states import CameraState, state_of

GATEKEEPER_DEAD = (
    "the gatekeeper has stopped: no new connection is admitted until the broker is restarted"
)
SLOW_S = 1.0  # for a camera with a longer interval, a rate over 3 s means nothing


class Sources(Protocol):
    """Where the figures come from: the broker."""

    name: str
    site: Site
    clock: SiteClock
    board: NoticeBoard
    delivery: Delivery
    peers: PeerTable
    router: Router
    ingest: Ingest
    fanout: Fanout
    gatekeeper: Gatekeeper
    refusals: Refusals
    demands: DemandTable

    @property
    def cameras(self) -> Mapping[str, TrackedCamera]: ...


def broker_status(broker: Sources) -> Status:
    return Status(
        node=broker.name,
        kind="broker",
        time=broker.clock.now_ns(),
        state="running",
        message=_trouble(broker),
        broker=broker_figures(broker),
    )


def broker_figures(broker: Sources) -> BrokerFigures:
    """Any thread."""
    return BrokerFigures(
        peers=len(broker.peers),
        listeners=len(broker.fanout.subscriptions),
        connections=len(broker.gatekeeper.connections),
        refused_frames=dict(broker.ingest.refused),
        refused_messages=dict(broker.router.refused),
        refused_subscriptions=dict(broker.fanout.refused),
        denied=_by_reason(broker.refusals),
        suspended_s={
            name: round(left_s, 1)
            for name, (left_s, _) in broker.gatekeeper.suspensions.current().items()
        },
        ring_bytes=sum(camera.ring.bytes for camera in list(broker.cameras.values())),
        memory_bytes=resident_bytes(),
        insecure=insecure(broker),
        gatekeeper=broker.gatekeeper.alive,
        cameras={n: camera_figures(broker, camera) for n, camera in list(broker.cameras.items())},
        subscribers={
            peer.hello.name: subscriber_figures(peer, peer.reader)
            for peer in list(broker.peers.values())
            if peer.reader is not None
        },
    )


def part_for(peer: Peer, status: Status) -> Status:
    """The part of the broker's status about the peer itself and the cameras it is permitted to see.

    What is about other peers is left out, refusals included.
    """
    whole = status.broker or BrokerFigures()
    own = peer.hello.name
    part = BrokerFigures(
        cameras={name: one for name, one in whole.cameras.items() if peer.rights.may_see(name)},
        subscribers={name: one for name, one in whole.subscribers.items() if name == own},
    )
    return structs.replace(status, message=None, broker=part)


def _by_reason(refusals: Refusals) -> dict[str, int]:
    counts = Counter[str]()
    for (_, reason), count in list(refusals.counts.items()):
        counts[reason] += count
    return dict(counts)


def insecure(broker: Sources) -> bool:
    """Every client on the network can watch and publish."""
    security = broker.site.security
    return security.insecure and security.keys is None


def _trouble(broker: Sources) -> str | None:
    """What a person should see first, as a sentence; None if there is nothing."""
    refusals = broker.refusals
    if not broker.gatekeeper.alive:
        return GATEKEEPER_DEAD
    if suspended := list_suspensions(broker.gatekeeper):
        return "; ".join(suspended)[:1000]
    if refusals.last is not None and time.monotonic_ns() - refusals.last_ns < SHOWN_NS:
        return f"refused: {refusals.last} ({refusals.total} refusals in all)"[:1000]
    if insecure(broker):
        return "insecure: every client on this network can watch and publish"
    return None


def list_suspensions(gatekeeper: Gatekeeper) -> list[str]:
    """Keys that are not admitted now: one line each, with the reason."""
    current = gatekeeper.suspensions.current().items()
    return [
        f"key of {name} suspended for {left_s:.0f} s more: it {why}"
        for name, (left_s, why) in current
    ]


def camera_figures(broker: Sources, camera: TrackedCamera) -> CameraFigures:
    fps, bytes_per_s = camera.rates()
    # Another thread may ask while the loop counts: the figures add up all the same.
    received, unwanted, lost = camera.received, camera.unwanted, camera.lost
    newest = camera.ring.newest()
    age_ms = error_ms = None
    if newest is not None and newest.header.offset is not None:
        header = newest.header
        waited = time.monotonic_ns() - newest.received_ns
        arrived = broker.clock.now_ns() - waited
        age_ms = round((arrived - header.captured - (header.offset or 0)) / 1e6, 1)
        error_ms = round((header.error or 0) / 1e6, 1)
    now = time.monotonic_ns()
    silent = camera.silent_ns(now)
    interval_s, limits = camera.own_pace().interval_s, camera.pace.limits
    return CameraFigures(
        state=_state(camera, age_ms, error_ms),
        since=camera.state_since_ns or None,
        fps=round(fps, 1) if interval_s < SLOW_S else round(1 / interval_s, 6),
        bytes_per_s=round(bytes_per_s),
        interval_ms=round(1000 * interval_s) or None,
        late_after_ms=round(1000 * limits.late_s),
        stale_after_ms=round(1000 * limits.stale_s),
        offline_after_ms=round(1000 * limits.offline_s),
        layers=broker.demands.layers(camera.name),
        numbered=received + unwanted + lost,
        received=received,
        received_bytes=camera.received_bytes,
        unwanted=unwanted,
        lost=lost,
        repaired=camera.repairs.repaired,
        refused=dict(camera.refused),
        trouble=camera.trouble(now),
        runs=camera.runs,
        last_sequence=camera.last_sequence,
        last_frame_time=None if silent is None else broker.clock.now_ns() - silent,
        silent_ms=None if silent is None else round(silent / 1e6),
        age_ms=age_ms,
        age_error_ms=error_ms,
        ring_frames=camera.ring.end - camera.ring.first,
        ring_bytes=camera.ring.bytes,
    )


def _state(camera: TrackedCamera, age_ms: float | None, error_ms: float | None) -> CameraState:
    """With `late` for a camera whose frames are old when they come."""
    if camera.state != "live":
        return camera.state
    age = None if age_ms is None or error_ms is None else (age_ms / 1000, error_ms / 1000)
    return state_of(camera.pace.limits, 0.0, came=True, age=age)


def subscriber_figures(peer: Peer, reader: Reader) -> SubscriberFigures:
    names = list(reader.cursors)
    return SubscriberFigures(
        kind=peer.hello.kind,
        mode=reader.wishes.mode,
        cameras=len(names),
        credit=reader.credit.frames,
        account=account_figures(
            [cursor.account for cursor in list(reader.cursors.values())],
            sum(held(cursor) for cursor in list(reader.cursors.values())),
        ),
    )


def account_figures(accounts: Iterable[Account], held: int) -> AccountFigures:
    """The sum of some accounts."""
    found = list(accounts)
    return AccountFigures(
        delivered=sum(account.delivered for account in found),
        delivered_bytes=sum(account.delivered_bytes for account in found),
        late=sum(account.late for account in found),
        repeated=sum(account.repeated for account in found),
        skipped=dict(sum((account.skipped for account in found), Counter[str]())),
        lost=dict(sum((account.lost for account in found), Counter[str]())),
        held=held,
    )


def resident_bytes() -> int | None:
    """Memory of this process, from /proc; None where there is none."""
    try:
        pages = Path("/proc/self/statm").read_text("ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGESIZE")
    except (OSError, ValueError, IndexError):
        return None

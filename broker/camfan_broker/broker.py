"""The broker put together: three sockets, one loop, and what it says of itself.

Nothing here blocks but the poll, and nothing here opens a file.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import secrets
import time
from dataclasses import dataclass
from importlib.metadata import version

import zmq

from camfan_broker.access.access import Access
from camfan_broker.access.board import Board
from camfan_broker.access.gatekeeper import Gatekeeper
from camfan_broker.access.refusals import Refusals
from camfan_broker.access.roster import Locks
from camfan_broker.camera.backlog import RepairMemory
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.camera.demand import DemandTable
from camfan_broker.camera.ring import RingEntry
from camfan_broker.delivery.claims import PublisherClaims
from camfan_broker.delivery.control import Backstage, Control
from camfan_broker.delivery.delivery import Delivery
from camfan_broker.fanout.fanout import Fanout
from camfan_broker.ingest.ingest import Ingest
from camfan_broker.loop.batching import BatchingDelay
from camfan_broker.loop.poller import Poller
from camfan_broker.reload import Outcome, Reloader, changes, elsewhere, key_changes
from camfan_broker.report.status import broker_status, part_for
from camfan_broker.report.watch import CameraWatch
from camfan_broker.upstream.uplink import Need
from camfan_broker.upstream.upstream import Upstreams
from camfan_config import Site, first_broker, select
from camfan_config.site.pace import planned_pace
from camfan_wire import messages
from camfan_wire.clock import SiteClock
from camfan_wire.keys import KeyFileError
from camfan_wire.messages import PROTOCOL
from camfan_wire.notify import notify
from camfan_wire.sockets import Role, bind, fanout_queue, ingest_queue, open_socket
from camfan_wire.topics import LAYERS, status_topic

log = logging.getLogger(__name__)

TICK_NS = 200_000_000
RECEIPT_NS = 1_000_000_000
STATUS_NS = 2_000_000_000
OWN_BYTES = 48_000_000  # what the process takes without a frame
RINGS_SHARE = 0.75  # of what is left of the memory
REPAIR_SHARE = 0.125  # what cameras send late; the rest is for frames that are under way


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the broker listens."""

    ingest: str
    fanout: str
    delivery: str


class Broker:
    """Made with its sockets bound, run by one thread, ended by `stop` from any.

    `site` is as this broker sees it (`as_seen_by`). Raises BindError when made.
    """

    def __init__(
        self,
        site: Site,
        addresses: Addresses,
        reloader: Reloader | None = None,
        locks: Locks | None = None,
    ) -> None:
        if site.security.keys is not None and locks is None:
            raise KeyFileError("a site with keys is never served in the clear")
        self.site = site
        self.name = first_broker(site)
        self.clock = SiteClock()
        self.cameras: dict[str, TrackedCamera] = {}
        self._late = RepairMemory(int(_for_frames(site) * REPAIR_SHARE))
        self.turned_ns = time.monotonic_ns()  # when the loop last turned
        self._reloader = reloader
        self._stopped = False
        self._tick_ns = 0
        self._status_ns = 0
        self._receipt_ns = 0
        self._late_ns = 0  # by how much a tick was late at most, since the last receipts
        self._due_ns: int | None = None
        self._wants_stale = False
        self._repairing: list[TrackedCamera] = []
        self._poller = Poller()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        limits, keys = site.security.limits, locks.keys if locks else None
        self.refusals = Refusals()
        self.gatekeeper = Gatekeeper(
            self._context,
            locks.roster if locks else None,
            limits,
            self.refusals,
            site.broker.memory,
        )
        try:
            part, cameras = max(limits.frame, limits.message), len(site.cameras)
            self._ingest_socket = open_socket(
                self._context, Role.INGEST, keys, max_bytes=part, queue=ingest_queue(cameras)
            )
            self._fanout_socket = open_socket(
                self._context,
                Role.FANOUT,
                keys,
                max_bytes=limits.topic,
                queue=fanout_queue(cameras),
            )
            self._delivery_socket = open_socket(self._context, Role.DELIVERY, keys, max_bytes=part)
            self.gatekeeper.watch(self._ingest_socket, "ingest")
            self.gatekeeper.watch(self._fanout_socket, "fanout")
            self.gatekeeper.watch(self._delivery_socket, "delivery")
            self.gatekeeper.start()
            self.addresses = Addresses(
                bind(self._ingest_socket, addresses.ingest),
                bind(self._fanout_socket, addresses.fanout),
                bind(self._delivery_socket, addresses.delivery),
            )
        except BaseException:
            self.close()
            raise
        self._assemble()
        self._take_cameras(site)

    def _assemble(self) -> None:
        welcome = messages.Welcome(
            protocol=PROTOCOL,
            site=self.site.site,
            broker=secrets.token_hex(8),
            camfan=version("camfan"),
        )
        self.board = Board(self.clock, self._publish, self.name)
        self.watch = CameraWatch(self.board)
        access = Access(self.gatekeeper, self.refusals)
        self.fanout = Fanout(self._fanout_socket, self.cameras, access)
        self.delivery = Delivery(self._delivery_socket, self.cameras, access.may_log)
        claims = PublisherClaims(self.cameras, self.delivery, self.clock)
        self.ingest = Ingest(self._ingest_socket, self._frame, self.board.post, access, claims)
        self.demands = DemandTable(self.cameras, self._wanted, self._subscribe, self._tell)
        self.control = Control(
            self._delivery_socket,
            self.cameras,
            self.clock,
            self.delivery,
            welcome,
            Backstage(
                publish=self.board.post,
                current=self.board.current,
                reload=self._ask_reload,
                wants_changed=self._wants_changed,
                camera_came=self.demands.camera_came,
            ),
            access,
            claims,
        )
        self.upstreams = Upstreams(
            self.cameras,
            self.clock,
            self.board,
            self._frame,
            self.delivery.frame_came,
            self.control.greet_sites,
        )

    def run(self) -> None:
        """Turn until `stop`."""
        poller = self._poller
        poller.add_socket(self._ingest_socket.fileno(), self.ingest, self.ingest.receive)
        poller.add_socket(self._fanout_socket.fileno(), self.fanout, self._listeners_changed)
        poller.add_socket(self._delivery_socket.fileno(), self.delivery, self.control.receive)
        poller.add_descriptor(self.upstreams.arrivals.fileno(), self.upstreams.receive)
        turns = BatchingDelay()
        while not self._stopped:
            turns.rest()
            taken = self.ingest.taken
            poller.turn(self._wait_ms())
            now = self.turned_ns = time.monotonic_ns()
            turns.took(self.ingest.taken - taken, now)
            if self._wants_stale:
                self._update_wants()
            if self._due_ns is not None and now >= self._due_ns:
                self._due_ns = self.delivery.pump_due(now)
            for camera in self._repairing:
                self._repair(camera, now)
            if now >= self._tick_ns:
                self._tick(now)

    def stop(self) -> None:
        """End `run` within a tick; any thread, also a signal handler."""
        self._stopped = True

    def close(self) -> None:
        if hasattr(self, "upstreams"):  # else it was never made: a port was taken
            self.upstreams.close()
        self.gatekeeper.close()
        self._context.destroy(linger=0)

    def _wait_ms(self) -> int:
        due = self._tick_ns if self._due_ns is None else min(self._tick_ns, self._due_ns)
        for camera in self._repairing:
            due = min(due, camera.repairs.due_ns() or due)
        return max(0, -(-(due - time.monotonic_ns()) // 1_000_000))

    def _repair(self, camera: TrackedCamera, now: int) -> None:
        if camera.repairs.turn(now):
            self.delivery.frame_came(camera)

    def _listeners_changed(self) -> None:
        if self.fanout.receive():
            self._wants_changed()

    def _wants_changed(self) -> None:
        """Once a turn is enough: a thousand peers may come and go in one."""
        self._wants_stale = True

    def _update_wants(self) -> None:
        self._wants_stale = False
        self.demands.update()
        self.upstreams.want(self._need)

    def _need(self, camera: str) -> Need:
        """What is wanted of a camera of another site."""
        whole = self.demands.whole(camera, time.monotonic_ns()) or self.delivery.whole(camera)
        each = whole or self.fanout.layers(camera) > 0
        return Need(
            watched=self.demands.layers(camera) > 0,
            whole=whole,
            rate=None if each else self.delivery.rate(camera),
            trickle=self.demands.trickle(camera),
        )

    def _subscribe(self, camera: str, layers: int) -> None:
        if camera in self.upstreams:
            layers = LAYERS  # what is left out there is told
        else:
            self.ingest.want(camera, layers)
        self.cameras[camera].listens_to(layers, time.monotonic_ns())

    def _wanted(self, camera: TrackedCamera) -> int:
        fps = self.site.cameras[camera.name].fps
        return max(self.fanout.layers(camera.name), self.delivery.layers(camera, fps))

    def _tell(self, demand: messages.Demand) -> None:
        node = self.delivery.publisher_of(demand.camera)
        if node is not None:
            self.delivery.reply(node, demand)

    def _frame(self, camera: TrackedCamera, entry: RingEntry) -> None:
        self.fanout.send_frame(entry)
        self.delivery.frame_came(camera)
        if camera.state not in ("live", "idle"):
            self._watch(camera)

    def _publish(self, topic: bytes, body: bytes, about: str | None) -> None:
        self.fanout.send_topic(topic, body)
        self.delivery.send_topic(topic, body, about)

    def _tick(self, now: int) -> None:
        self._late_ns = max(self._late_ns, now - (self._tick_ns or now))
        self._tick_ns = now + TICK_NS
        self._poller.ask_all()
        moved = self.clock.follow_steps()
        if moved:
            log.warning("the clock of this machine was set; it moved by %.1f s", moved / 1e9)
            step: dict[str, object] = {"seconds": moved / 1e9}
            event = self.board.say_event("clock-step", "start", details=step)
            self.board.say_event("clock-step", "end", event_id=event, details=step)
        if not self.gatekeeper.alive:
            self.gatekeeper.unwatch()
        for camera in self.cameras.values():
            self._look_after(camera, now)
        self._repairing = [c for c in self.cameras.values() if c.repairs.active]
        self.delivery.forget_silent(now)
        self.control.tick(now)
        self.fanout.listeners.sweep()
        self._wants_changed()
        self.upstreams.tick(now)
        self._due_ns = self.delivery.pump_due(now)
        if now >= self._receipt_ns:
            self._receipt_ns = now + RECEIPT_NS
            self._say_receipts()
        if now >= self._status_ns:
            self._status_ns = now + STATUS_NS
            self._say_status()
            notify("WATCHDOG=1")
        if self._reloader is not None:
            with contextlib.suppress(queue.Empty):
                self._reloaded(self._reloader.outcomes.get_nowait())

    def _say_status(self) -> None:
        status = broker_status(self)
        self.board.say_status(status)
        topic = status_topic(self.name)
        self.delivery.send_parts(topic, lambda peer: messages.encode(part_for(peer, status)))

    def _look_after(self, camera: TrackedCamera, now: int) -> None:
        camera.sample(now)
        camera.located = False  # it may have come in again: see the next frame's connection
        self._watch(camera)
        said = self.board.last_frame(camera.name)
        look = said is not None and camera.has_taken(said, now)
        if look or (camera.repairs.active and camera.repairs.turn(now)):
            self.delivery.frame_came(camera)

    def _watch(self, camera: TrackedCamera) -> None:
        layers, trickle = self.demands.layers(camera.name), self.demands.trickle(camera.name)
        section = self.site.cameras[camera.name]
        self.watch.look(camera, section, self.clock.now_ns(), layers=layers, trickle=trickle)

    def _say_receipts(self) -> None:
        """Each camera learns what of its run has arrived."""
        for name, camera in self.cameras.items():
            node = self.delivery.publisher_of(name)
            if node is None or camera.run is None or camera.last_sequence is None:
                continue
            receipt = messages.Receipt(
                camera=name,
                run=camera.run,
                sequence=camera.last_sequence,
                frames=camera.run_frames,
                time=self.clock.now_ns(),
                late=self._late_ns,
            )
            self.delivery.reply(node, receipt)
        self._late_ns = 0

    def _take_cameras(self, site: Site) -> None:
        self._late.limit_bytes = int(_for_frames(site) * REPAIR_SHARE)
        ring_bytes = int(_for_frames(site) * RINGS_SHARE) // max(len(site.cameras), 1)
        for name in [n for n in self.cameras if n not in site.cameras]:
            self.cameras.pop(name).repairs.close()
        for name, camera in site.cameras.items():
            known = self.cameras.get(name)
            if known is None:
                known = TrackedCamera(name, ring_bytes, planned_pace(camera), self._late)
                self.cameras[name] = known
                self.delivery.camera_added(known)
            known.ring.limit_bytes = ring_bytes
        self.upstreams.configure(site)
        own = {name: c for name, c in self.cameras.items() if name not in self.upstreams}
        self.ingest.take_cameras(own)
        recorded = {n for r in site.recorders.values() for n in select(site, r.cameras)}
        self.demands.configure(recorded, {n: c.trickle for n, c in site.cameras.items()})
        self._wants_changed()

    def _ask_reload(self, identity: bytes) -> None:
        if self._reloader is None:
            reason = "this broker was not started from a file"
            self.delivery.reply(identity, messages.Refused(about="reload", reason=reason))
        else:
            self._reloader.ask(identity)

    def _reloaded(self, outcome: Outcome) -> None:
        moved = elsewhere(self.site, outcome.site) if outcome.site is not None else []
        answer = messages.Reloaded(changed=[], problems=outcome.problems + moved)
        if outcome.site is not None and not moved:
            taken, later = changes(self.site, outcome.site)
            taken += key_changes(self.gatekeeper.roster, outcome.roster)
            self.site = outcome.site
            self.gatekeeper.limits = outcome.site.security.limits
            asker = self.delivery.peers.get(outcome.asked_by or b"")
            self.gatekeeper.admit(outcome.roster, asker.rights.name if asker else None)
            self._take_cameras(outcome.site)
            answer = messages.Reloaded(changed=taken, problems=later)
            log.info("the site file was read again: %s", "; ".join(taken + later) or "no change")
        if outcome.asked_by is not None:
            self.delivery.reply(outcome.asked_by, answer)


def _for_frames(site: Site) -> int:
    """Bytes of the memory that frames may take."""
    memory = site.broker.memory
    return max(memory - OWN_BYTES, memory // 2)

"""The broker put together: three sockets, their parts, and the loop that runs them.

Only the poll blocks; no file is opened here.
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

from camfan_broker.access.access import AccessControl
from camfan_broker.access.board import NoticeBoard
from camfan_broker.access.gatekeeper import Gatekeeper
from camfan_broker.access.refusals import Refusals
from camfan_broker.access.roster import ServerAuth
from camfan_broker.camera.cameras import CameraTable
from camfan_broker.camera.demand import DemandTable
from camfan_broker.delivery.port import DeliveryPort
from camfan_broker.fanout.fanout import Fanout
from camfan_broker.ingest.ingest import Ingest
from camfan_broker.loop.batching import BatchingDelay
from camfan_broker.loop.poller import Poller
from camfan_broker.reload import Reloader, ReloadOutcome, changes, elsewhere, key_changes
from camfan_broker.report.reporter import Reporter
from camfan_broker.report.watch import CameraWatch
from camfan_broker.upstream.upstream import Upstreams
from camfan_config import Site, first_broker
from camfan_wire import messages
from camfan_wire.clock import SiteClock
from camfan_wire.keys import KeyFileError
from camfan_wire.messages import PROTOCOL
from camfan_wire.sockets import Role, bind, fanout_queue, ingest_queue, open_socket

log = logging.getLogger(__name__)

TICK_NS = 200_000_000


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the broker listens."""

    ingest: str
    fanout: str
    delivery: str


class BrokerLoop:
    """Made with its sockets bound, run by one thread, ended by `stop` from any.

    `site` is as this broker sees it (`as_seen_by`). Raises BindError when made.
    """

    def __init__(
        self,
        site: Site,
        addresses: Addresses,
        reloader: Reloader | None = None,
        locks: ServerAuth | None = None,
    ) -> None:
        if site.security.keys is not None and locks is None:
            raise KeyFileError("a site with keys is never served without encryption")
        self.site = site
        self.name = first_broker(site)
        self.clock = SiteClock()
        self.looped_ns = time.monotonic_ns()  # monotonic: when the loop last went round
        self._reloader = reloader
        self._stopped = False
        self._tick_ns = 0
        with contextlib.ExitStack() as resources:
            self._open(resources, site, locks)
            self._assemble(resources, site)
            self.addresses = Addresses(
                bind(self._ingest_socket, addresses.ingest),
                bind(self._fanout_socket, addresses.fanout),
                bind(self._delivery_socket, addresses.delivery),
            )
            self._configure(site)
            self._resources = resources.pop_all()

    def _open(self, resources: contextlib.ExitStack, site: Site, locks: ServerAuth | None) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        resources.callback(context.destroy, linger=0)
        limits, keys = site.security.limits, locks.keys if locks else None
        part, cameras = max(limits.frame, limits.message), len(site.cameras)
        self._ingest_socket = open_socket(
            context, Role.INGEST, keys, max_bytes=part, queue=ingest_queue(cameras)
        )
        self._fanout_socket = open_socket(
            context, Role.FANOUT, keys, max_bytes=limits.topic, queue=fanout_queue(cameras)
        )
        self._delivery_socket = open_socket(context, Role.DELIVERY, keys, max_bytes=part)
        roster = locks.roster if locks else None
        self.refusals = Refusals()
        self.gatekeeper = Gatekeeper(context, roster, limits, self.refusals, site.broker.memory)
        resources.callback(self.gatekeeper.close)
        self.gatekeeper.watch(self._ingest_socket, "ingest")
        self.gatekeeper.watch(self._fanout_socket, "fanout")
        self.gatekeeper.watch(self._delivery_socket, "delivery")
        self.gatekeeper.start()

    def _assemble(self, resources: contextlib.ExitStack, site: Site) -> None:
        """Frames go from `ingest` and `upstreams` to `cameras`, and from there to its sinks."""
        access = AccessControl(self.gatekeeper, self.refusals)
        self.board = board = NoticeBoard(self.clock, self.name)
        self.cameras = cameras = CameraTable(board)
        self.demands = demands = DemandTable(cameras)
        self.fanout = Fanout(self._fanout_socket, cameras, demands, access)
        welcome = messages.Welcome(
            protocol=PROTOCOL,
            site=site.site,
            broker=secrets.token_hex(8),
            camfan=version("camfan"),
        )
        self._port = port = DeliveryPort(
            self._delivery_socket,
            cameras,
            demands,
            board,
            access,
            self.clock,
            self._reloader,
            welcome,
        )
        self.peers, self.router, self.delivery = port.peers, port.router, port.delivery
        self.ingest = Ingest(self._ingest_socket, cameras, board, access, port.claims)
        self._upstreams = Upstreams(cameras, self.clock, board, port.greeter)
        resources.callback(self._upstreams.close)
        self._watch = CameraWatch(cameras, demands, board, self.clock)
        self._reporter = Reporter(self, board, port.delivery, self.clock)
        cameras.frame_sinks += [self.fanout, port.delivery, self._watch]
        cameras.repair_sinks += [port.delivery]
        board.sinks += [self.fanout, port.delivery]
        demands.sources += [self.fanout, port.delivery]
        demands.observers += [self.ingest, self._upstreams, port.nodes]

    def run(self) -> None:
        """Go round until `stop`."""
        poller = Poller()
        poller.add_socket(self._ingest_socket.fileno(), self.ingest)
        poller.add_socket(self._fanout_socket.fileno(), self.fanout)
        poller.add_socket(self._delivery_socket.fileno(), self.router)
        poller.add_descriptor(self._upstreams.inbox.fileno(), self._upstreams)
        batching = BatchingDelay()
        while not self._stopped:
            batching.wait()
            taken = self.ingest.taken
            poller.run_once(self._wait_ms())
            now = self.looped_ns = time.monotonic_ns()
            batching.took(self.ingest.taken - taken, now)
            if self.demands.is_stale:  # once a round is enough: many peers may come and go in one
                self.demands.update()
                self._upstreams.want(self.demands)
            due_ns = self.delivery.due_ns
            if due_ns is not None and now >= due_ns:
                self.delivery.pump_due(now)
            self.cameras.repair(now)
            if now >= self._tick_ns:
                late_ns = now - (self._tick_ns or now)
                self._tick_ns = now + TICK_NS
                poller.ask_all()
                self._tick(now, late_ns)

    def stop(self) -> None:
        """End `run` within a tick; any thread, also a signal handler."""
        self._stopped = True

    def close(self) -> None:
        """Close the sockets and end the threads; once, after `run` has returned."""
        self._resources.close()

    def _wait_ms(self) -> int:
        due, pump_ns = self._tick_ns, self.delivery.due_ns
        repair_ns = self.cameras.repair_due_ns()
        if pump_ns is not None and pump_ns < due:
            due = pump_ns
        if repair_ns is not None and repair_ns < due:
            due = repair_ns
        return max(0, -(-(due - time.monotonic_ns()) // 1_000_000))

    def _tick(self, now: int, late_ns: int) -> None:
        if not self.gatekeeper.alive:
            self.gatekeeper.unwatch()
        self.cameras.tick(now)
        self._watch.tick()
        self._port.tick(now, late_ns)
        self.fanout.subscriptions.sweep()
        self.demands.is_stale = True  # what is wanted depends on the time, too
        self._upstreams.tick(now)
        self._reporter.tick(now)
        if self._reloader is not None:
            with contextlib.suppress(queue.Empty):
                self._reloaded(self._reloader.outcomes.get_nowait())

    def _configure(self, site: Site) -> None:
        for camera in self.cameras.configure(site):
            self.delivery.add_camera(camera)
        self._upstreams.configure(site)
        self.ingest.take_cameras([n for n in self.cameras if n not in self._upstreams])
        self._watch.configure(site.cameras)
        self.demands.configure(site)

    def _reloaded(self, outcome: ReloadOutcome) -> None:
        moved = elsewhere(self.site, outcome.site) if outcome.site is not None else []
        answer = messages.Reloaded(changed=[], problems=outcome.problems + moved)
        if outcome.site is not None and not moved:
            taken, later = changes(self.site, outcome.site)
            taken += key_changes(self.gatekeeper.roster, outcome.roster)
            self.site = outcome.site
            self.gatekeeper.limits = outcome.site.security.limits
            asker = self.peers.get(outcome.asked_by or b"")
            self.gatekeeper.admit(outcome.roster, asker.rights.name if asker else None)
            self._configure(outcome.site)
            answer = messages.Reloaded(changed=taken, problems=later)
            log.info("the site file was reloaded: %s", "; ".join(taken + later) or "no change")
        if outcome.asked_by is not None:
            self.router.reply(outcome.asked_by, answer)

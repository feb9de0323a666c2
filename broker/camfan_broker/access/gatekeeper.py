"""Admits connections: answers libzmq's question about each key (ZAP, RFC 27), and limits how many
connections there are.

It has a thread of its own. If that has died, questions are not answered, and the sockets, which
insist on an answer (ZMQ_ZAP_ENFORCE_DOMAIN), admit no new connection; the broker reports it.
"""

from __future__ import annotations

import hashlib
import logging
import math
import struct
import threading
import time
from collections.abc import Sequence

import zmq

from camfan_broker.access.connections import AcceptedConnection, Connections
from camfan_broker.access.refusals import Refusals
from camfan_broker.access.roster import Roster
from camfan_broker.access.suspensions import SUSPENDED, Suspensions, name_of
from camfan_broker.access.unfinished import Excess, find_excess
from camfan_config import Limits
from camfan_wire.handshake import TOO_MANY, UNKNOWN_KEY
from camfan_wire.rate_limit import RateLimit
from camfan_wire.sockets import has_input

log = logging.getLogger(__name__)

ZAP = "inproc://zeromq.zap.01"  # where libzmq asks
LOOK_S = 0.1  # a local peer sends some 40 MB of an unfinished message in that time
SWEEP_S = 0.5
BATCH = 64  # events of one socket before the others are served
CONNECTIONS_PER_S = 10.0  # of one key, and 400 at once: all viewers of a key after an outage
UNFINISHED_SHARE = 0.125  # of the broker's memory: unfinished messages of all connections
PART_OVERHEAD = 1_000_000  # the parts of one message, encrypted, and what the kernel rounds up
ANSWER_NS = 300_000_000  # for the last answer to leave
LATE_NS = 50_000_000  # after which a new connection is reported, at most
STRANGER = "does not have the key of this broker, or none of its own"
_EVENT = struct.Struct("=Hi")  # of a socket's monitor: what, and which descriptor
_YES, _NO, _LATER, _TOO_MANY = b"200", b"%d" % UNKNOWN_KEY, b"300", b"%d" % TOO_MANY

Context = zmq.Context[zmq.Socket[bytes]]


class Gatekeeper:
    """Made before the sockets are bound. `roster` None: the site has no keys, and admits all.

    `admit` and `alive` are for any thread; `watch`, `start` and `close` for the one that made it.
    """

    def __init__(
        self,
        context: Context,
        roster: Roster | None,
        limits: Limits,
        refusals: Refusals,
        memory: int,
    ) -> None:
        self.connections = Connections()
        self.suspensions = Suspensions()
        self.memory = memory
        self._rate_limits: dict[str, RateLimit] = {}  # of new connections, by user
        self.roster = roster
        self._failed: zmq.Socket[bytes] | None = None
        self._hears: tuple[str | None, int] = (None, 0)  # the peer, and until when
        self.limits = limits
        self._refusals = refusals
        self._context = context
        self._endpoints: dict[zmq.Socket[bytes], str] = {}
        self._watched: list[zmq.Socket[bytes]] = []
        self._stop = False
        self._cut_before_ns = 0  # silent connections from before may have a key that is gone
        self._zap: zmq.Socket[bytes] | None = None
        if roster is not None:
            self._zap = context.socket(zmq.ROUTER)
            self._zap.linger = 0
            self._zap.bind(ZAP)
        self._thread = threading.Thread(target=self._run, name="gatekeeper", daemon=True)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def watch(self, socket: zmq.Socket[bytes], endpoint: str) -> None:
        """Follow the connections of a socket; before it is bound."""
        address = f"inproc://gatekeeper-{endpoint}"
        socket.monitor(
            address,
            zmq.EVENT_ACCEPTED
            | zmq.EVENT_DISCONNECTED
            | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
            | zmq.EVENT_HANDSHAKE_SUCCEEDED,
        )
        monitor = self._context.socket(zmq.PAIR)
        monitor.linger = 0
        monitor.rcvhwm = 0  # never full: libzmq's own thread would wait for us
        monitor.connect(address)
        self._endpoints[monitor] = endpoint
        self._watched.append(socket)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """To be called before the watched sockets are closed, by their thread."""
        self._stop_monitors()
        self._stop = True
        if self._thread.ident is not None:
            self._thread.join()
        self._close_monitors()

    def unwatch(self) -> None:
        """Once the thread has died: libzmq must not fill pipes that are not read."""
        self._stop_monitors()
        self._close_monitors()

    def _stop_monitors(self) -> None:
        """Before they are closed on this side: libzmq's own thread would wait for ever."""
        for socket in self._watched:
            if not socket.closed:
                socket.disable_monitor()
        self._watched.clear()

    def _close_monitors(self) -> None:
        for monitor in self._endpoints:
            monitor.close()
        self._endpoints.clear()

    def admit(self, roster: Roster | None, asked_by: str | None = None) -> None:
        """From now on these keys are valid, with these rights.

        Connections whose rights have changed end and have to be made again; the others go on.
        `asked_by`: the name that asked for it; if its own key has ended, it still gets its answer.
        """
        self._hears = (asked_by, time.monotonic_ns() + ANSWER_NS)
        old, self.roster = self.roster, roster
        if old is None or roster is None:
            return
        if set(old.ids) - set(roster.ids):
            self._cut_before_ns = time.monotonic_ns() + LATE_NS
        self.suspensions.keep(set(roster.by_id))
        self._rate_limits = {
            user: limit for user, limit in self._rate_limits.items() if user in roster.by_id
        }
        changed = {user for user, had in old.by_id.items() if roster.by_id.get(user) != had}
        for connection in self.connections.all():
            if connection.user in changed and not self._awaits_answer(connection):
                self.connections.end(connection)
        self._end_silent()

    def _run(self) -> None:
        try:
            self._serve()
        except Exception:  # the outermost loop of its thread; `alive` shows its death
            log.exception("the gatekeeper has died; no new connections until a restart")
        finally:
            if self._zap is not None:
                self._zap.close()

    def _serve(self) -> None:
        poller = zmq.Poller()
        for socket in (self._zap, *self._endpoints):
            if socket is not None:
                poller.register(socket, zmq.POLLIN)
        looked_s = swept_s = time.monotonic()
        while not self._stop:
            wait_s = max(0.0, looked_s + LOOK_S - time.monotonic())
            for socket, _ in poller.poll(math.ceil(wait_s * 1000)):
                self._hear(socket)
            now_s = time.monotonic()
            if now_s - looked_s >= LOOK_S:  # not at each event: it measures every connection
                looked_s = now_s
                self._end_unfinished()
            if now_s - swept_s >= SWEEP_S:
                swept_s = now_s
                self._sweep()

    def _hear(self, socket: zmq.Socket[bytes]) -> None:
        """Take questions or events of a socket, at most BATCH."""
        endpoint = self._endpoints.get(socket)
        for _ in range(BATCH):
            if endpoint is None:
                self._question(socket)
            else:
                self._event(socket, endpoint)
            if not has_input(socket):
                return

    def _question(self, zap: zmq.Socket[bytes]) -> None:
        parts = zap.recv_multipart()
        start = parts.index(b"") + 1 if b"" in parts else len(parts)
        request_id = parts[start + 1] if len(parts) > start + 1 else b""
        code, words, user = self._answer(parts[start:])
        zap.send_multipart(
            [*parts[:start], b"1.0", request_id, code, words.encode(), user.encode(), b""]
        )

    def _answer(self, request: Sequence[bytes]) -> tuple[bytes, str, str]:
        """Status, words and user id. What is not clearly permitted is rejected."""
        try:
            _, _, _, address, _, mechanism, *credentials = request
            user = self._user(mechanism, credentials)
            if user is None:
                self._refuse(address.decode("ascii", "replace"), credentials)
                return _NO, "unknown key", ""
            if self.suspensions.holds(user):  # which was logged when it began
                self._refusals.count(name_of(user), SUSPENDED)
                return _LATER, "suspended", ""
            if self.connections.by_user[user] >= self.limits.connections_per_key:
                self._refusals.refuse(name_of(user), "too-many", "has too many connections")
                return _TOO_MANY, "too many connections", ""
            if not self._may_connect(user):
                self._refusals.refuse(name_of(user), "too-fast", "connects too often")
                return _LATER, "too many connections", ""
            self.connections.admissions.admit(address.decode("ascii", "replace"), user)
            return _YES, "OK", user
        except Exception:  # whatever it is, one key must not end the lookup of all others
            log.exception("a key could not be looked up; it was rejected")
            return _NO, "error", ""

    def _may_connect(self, user: str) -> bool:
        """Each connection costs a handshake; a client that is asked to wait tries again."""
        limit = self._rate_limits.get(user)
        if limit is None:
            limit = self._rate_limits[user] = RateLimit(CONNECTIONS_PER_S)
        return limit.allows()

    def _user(self, mechanism: bytes, credentials: Sequence[bytes]) -> str | None:
        if mechanism != b"CURVE" or len(credentials) != 1 or self.roster is None:
            return None
        return self.roster.ids.get(credentials[0])

    def _refuse(self, address: str, credentials: Sequence[bytes]) -> None:
        key = hashlib.sha256(credentials[0]).hexdigest()[:16] if len(credentials) == 1 else "none"
        self._refusals.refuse(address, "unknown-key", f"has a key that is not known ({key})")

    def _event(self, monitor: zmq.Socket[bytes], endpoint: str) -> None:
        what, fd = _EVENT.unpack(monitor.recv_multipart()[0])
        if what == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
            self._failed = monitor  # without a connection: it is the one that ends next
            return
        if what == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self.connections.presume(endpoint)
            return
        failed, self._failed = self._failed is monitor, None
        if what == zmq.EVENT_DISCONNECTED:
            gone = self.connections.left(fd, endpoint)
            if failed and gone is not None and self.roster is not None:
                self._refusals.refuse(gone.address, "handshake", STRANGER)
            return
        came = self.connections.accepted(fd, endpoint)
        if self.roster is not None and self.connections.silent > self.limits.handshakes:
            self._end(self.connections.gives_way(), "handshakes", "sends no message")
        if len(self.connections) > self.limits.connections:
            self.connections.forget_gone()
        if len(self.connections) > self.limits.connections:
            silent = None if self.roster is None else self.connections.gives_way()
            self._end(silent or came, "connections", "is one connection too many")

    def _end(self, victim: AcceptedConnection | None, reason: str, words: str) -> None:
        if victim is not None:
            self._refusals.refuse(victim.address, reason, words)
            self.connections.end(victim)

    def _sweep(self) -> None:
        self.connections.forget_gone()
        self._end_silent()
        for name in self.suspensions.take_ended():
            log.info("%s is no longer suspended", name)
        if self.roster is None:
            return
        for connection in self.connections.all():
            user = connection.user
            if user is None or user in self.roster.by_id or self._awaits_answer(connection):
                continue
            self.connections.end(connection)

    def suspend(self, user: str, reason: str, what: str) -> None:
        """Any thread. Suspend all keys of a user's name for a while, and end their connections."""
        name = name_of(user)
        known = self.roster.by_id if self.roster is not None else {}
        users = {each for each in known if name_of(each) == name}
        if not users:
            return  # its keys were removed meanwhile
        self._refusals.count(name, reason)
        if not all(map(self.suspensions.holds, users)):
            seconds = max(self.suspensions.suspend(each, what) for each in users)
            log.warning("suspended: %s %s; its key is not admitted for %.0f s", name, what, seconds)
        for connection in self.connections.all():
            if connection.owner in users:
                self.connections.end(connection)

    def _end_unfinished(self) -> None:
        if self.roster is None:
            return  # on this machine alone, where a program can take memory without our help
        limits = self.limits
        part = limits.frame + limits.header + limits.topic + PART_OVERHEAD
        sizes = {"ingest": part, "delivery": part, "fanout": limits.topic * 256}
        in_all = max(2 * part, int(self.memory * UNFINISHED_SHARE))
        for excess in find_excess(self.connections.all(), sizes, in_all):
            self._end_excess(excess)

    def _end_excess(self, excess: Excess) -> None:
        what = f"sent {excess.bytes / 1e6:.1f} MB of messages that do not end"
        if excess.user is not None:
            self.suspend(excess.user, "unfinished", what)
        for connection in excess.connections:
            if excess.user is None:
                self._refusals.refuse(connection.address, "unfinished", what)
            self.connections.end(connection)

    def _awaits_answer(self, connection: AcceptedConnection) -> bool:
        """Its key is gone because it asked for that; the next sweep ends it."""
        user, (name, until_ns) = connection.user, self._hears
        if user is None or self.roster is None or user in self.roster.by_id:
            return False
        return name_of(user) == name and time.monotonic_ns() < until_ns

    def _end_silent(self) -> None:
        """End connections without a message from before a change: their keys are not known."""
        for connection in self.connections.all():
            if connection.user is None and connection.since_ns < self._cut_before_ns:
                self.connections.end(connection)

"""What the loop asks about each message: who sent it, and whether they may.

The answer is that of the connection's key, never of what a message says of itself. Without keys
there is nobody to tell apart, and nothing is asked.
"""

from __future__ import annotations

from contextlib import suppress

import zmq

from camfan_broker.access.budget import TOO_FAST, Budget
from camfan_broker.access.connections import AcceptedConnection
from camfan_broker.access.gatekeeper import Gatekeeper
from camfan_broker.access.refusals import Refusals
from camfan_broker.access.rights import EVERYTHING, KeyRights
from camfan_broker.access.suspensions import SUSPENDED
from camfan_config import Limits
from camfan_wire.errors import WireError

NOBODY = KeyRights("")
ANYBODY = KeyRights("", sees=None, events=None, control=True, prefixes=EVERYTHING)


class AccessControl:
    """Belongs to the loop's thread."""

    def __init__(self, gatekeeper: Gatekeeper, refusals: Refusals) -> None:
        self.keyed = gatekeeper.roster is not None  # else: ask nothing
        self.refusals = refusals
        self.budget = Budget()
        self._gatekeeper = gatekeeper
        self._connections = gatekeeper.connections

    def sender(self, part: zmq.Frame, door: str) -> KeyRights:
        """The rights of whoever sent this part. Raises WireError for nobody we know."""
        roster = self._gatekeeper.roster
        if roster is None:
            return ANYBODY
        try:
            user = str(part.get("User-Id"))
            fd = int(part.get(zmq.SRCFD))
        except zmq.ZMQError as exc:
            raise WireError("not-allowed", "nobody knows who sent this") from exc
        if self._connections.count(fd) != user:
            self._claim(fd, door, user)
        rights = roster.by_id.get(user)
        if rights is None:
            self._connections.end_fd(fd)
            raise WireError("not-allowed", "its key is not valid any more")
        if self._gatekeeper.suspensions.holds(user):  # what it had sent before it was
            self.refusals.count(rights.name, SUSPENDED)
            raise WireError(SUSPENDED, "its key is suspended")
        return rights

    def check_publishes(self, part: zmq.Frame, camera: str) -> None:
        """Whether whoever sent this part may publish this camera. Raises WireError."""
        rights = self.sender(part, "ingest")
        if rights.camera != camera:
            raise self.refused(rights, f"may not publish {camera}")

    def refused(self, rights: KeyRights, what: str, reason: str = "not-allowed") -> WireError:
        """The error to raise, once it is counted and told."""
        self.refusals.refuse(rights.name or "somebody", reason, what)
        return WireError(reason, what)

    def tell(self, rights: KeyRights, error: WireError) -> None:
        """Count and tell what a peer may not do; other mistakes are counted where they are made."""
        if error.reason == "not-allowed" and self.keyed:
            self.refusals.refuse(rights.name or "somebody", error.reason, str(error))

    @property
    def limits(self) -> Limits:
        return self._gatekeeper.limits

    def charge_request(self, rights: KeyRights, cost: float) -> None:
        """What a key asks for, on all its connections. Raises WireError: too much too fast."""
        rate = self.limits.requests
        known = self.keyed and rights.name
        if known and not self.budget.charge_request(rights.name, rate, cost):
            raise self.too_fast(rights)

    def charge_refused(self, part: zmq.Frame, endpoint: str) -> None:
        """What was refused costs its key a request, too."""
        if self.keyed:
            with suppress(WireError):  # which counts it, and suspends a key that goes on with it
                self.charge_request(self.sender(part, endpoint), 1.0)

    def charge_notice(self, rights: KeyRights, size: int) -> None:
        """An event or a status of a key. Raises WireError: too much too fast."""
        rate = self.limits.requests
        if self.keyed and not self.budget.charge_notice(rights.name, rate, size):
            raise self.too_fast(rights)

    def too_fast(self, rights: KeyRights) -> WireError:
        """The error for a peer or a key that asks too much too fast, once it is counted.

        A key that goes on with it is suspended.
        """
        if self.keyed and not self.budget.charge_refusal(rights.name):
            self._gatekeeper.suspend(rights.name, TOO_FAST, "keeps asking too much too fast")
        return self.refused(rights, "asks too much too fast", TOO_FAST)

    def may_log(self, key: str) -> bool:
        """Whether another line about the coming and going of a key may be logged."""
        return not self.keyed or self.budget.may_log(key)

    def connection(self, part: zmq.Frame, door: str) -> AcceptedConnection | None:
        """The connection that a part came by; None if it has ended."""
        with suppress(zmq.ZMQError):
            return self._connections.find(int(part.get(zmq.SRCFD)), door)
        return None

    def taken(self, part: zmq.Frame) -> None:
        """Count a message whose sender is not asked for."""
        if self.keyed:
            with suppress(zmq.ZMQError):  # a message of libzmq itself came by no connection
                self._connections.count(int(part.get(zmq.SRCFD)))

    def offend(self, part: zmq.Frame, reason: str, what: str) -> None:
        """End the connection of a message that no client of camfan sends; suspend its key."""
        if self.keyed:
            with suppress(zmq.ZMQError):
                self._gatekeeper.suspend(str(part.get("User-Id")), reason, what)
        self.end(part)

    def end(self, part: zmq.Frame) -> None:
        """End the connection by which this part came."""
        try:
            self._connections.end_fd(int(part.get(zmq.SRCFD)))
        except zmq.ZMQError:
            return  # it came by none, or it has ended

    def _claim(self, fd: int, door: str, user: str) -> None:
        had = self._connections.claim(fd, door, user)
        if had > self._gatekeeper.limits.connections_per_key:
            self.refusals.refuse(user.partition("/")[0], "too-many", "has too many connections")
            self._connections.end_fd(fd)

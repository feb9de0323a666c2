"""What the loop asks about each message: which key sent it, and what that key may do.

The connection's key decides, never what a message says of itself. Without keys every sender has all
rights, and nothing is asked.
"""

from __future__ import annotations

from contextlib import suppress

import zmq

from camfan_broker.access.budget import TOO_FAST, Budget
from camfan_broker.access.connections import AcceptedConnection
from camfan_broker.access.gatekeeper import Gatekeeper
from camfan_broker.access.refusals import Refusals
from camfan_broker.access.rights import EVERYTHING, KeyRights
from camfan_broker.access.suspensions import SUSPENDED, name_of
from camfan_config import Limits
from camfan_wire.errors import WireError

UNKNOWN = "unknown peer"
NO_RIGHTS = KeyRights("")
ALL_RIGHTS = KeyRights("", sees=None, events=None, control=True, prefixes=EVERYTHING)


class AccessControl:
    """Belongs to the loop's thread."""

    def __init__(self, gatekeeper: Gatekeeper, refusals: Refusals) -> None:
        self.keyed = gatekeeper.roster is not None
        self.refusals = refusals
        self.budget = Budget()
        self._gatekeeper = gatekeeper
        self._connections = gatekeeper.connections

    def sender(self, part: zmq.Frame, endpoint: str) -> KeyRights:
        """The rights of the key that sent this part. Raises WireError for an unknown one."""
        roster = self._gatekeeper.roster
        if roster is None:
            return ALL_RIGHTS
        try:
            user = str(part.get("User-Id"))
            fd = int(part.get(zmq.SRCFD))
        except zmq.ZMQError as exc:
            raise WireError("not-allowed", "its sender is not known") from exc
        if self._connections.count(fd) != user:
            self._claim(fd, endpoint, user)
        rights = roster.by_id.get(user)
        if rights is None:
            self._connections.end_fd(fd)
            raise WireError("not-allowed", "its key is not valid any more")
        if self._gatekeeper.suspensions.holds(user):  # what it had sent before it was
            self.refusals.count(rights.name, SUSPENDED)
            self._connections.end_fd(fd)  # also one that was admitted just before
            raise WireError(SUSPENDED, "its key is suspended")
        return rights

    def check_publishes(self, part: zmq.Frame, camera: str) -> None:
        """Raises WireError if the key that sent this part may not publish this camera."""
        rights = self.sender(part, "ingest")
        if rights.camera != camera:
            raise self.denial(rights, f"may not publish {camera}")

    def count_refusal(self, rights: KeyRights, what: str, reason: str = "not-allowed") -> None:
        """Count and log what was refused to a key."""
        self.refusals.refuse(rights.name or UNKNOWN, reason, what)

    def denial(self, rights: KeyRights, what: str, reason: str = "not-allowed") -> WireError:
        """The error to raise; the refusal is counted and logged."""
        self.count_refusal(rights, what, reason)
        return WireError(reason, what)

    def count_denied(self, rights: KeyRights, error: WireError) -> None:
        """Count and log an error if it is a refusal; other errors are counted by the caller."""
        if error.reason == "not-allowed" and self.keyed:
            self.count_refusal(rights, str(error))

    @property
    def limits(self) -> Limits:
        return self._gatekeeper.limits

    def charge_request(self, rights: KeyRights, cost: float) -> None:
        """Charge a key for a request on any of its connections. Raises WireError: too fast."""
        rate = self.limits.requests
        known = self.keyed and rights.name
        if known and not self.budget.charge_request(rights.name, rate, cost):
            raise self.too_fast(rights)

    def charge_refused(self, part: zmq.Frame, endpoint: str) -> None:
        """Charge the sender of a message that was refused for a request."""
        if self.keyed:
            with suppress(WireError):  # it is counted, and the key suspended if it does not stop
                self.charge_request(self.sender(part, endpoint), 1.0)

    def charge_notice(self, rights: KeyRights, size: int) -> None:
        """Charge a key for an event or a status. Raises WireError: too fast."""
        rate = self.limits.requests
        if self.keyed and not self.budget.charge_notice(rights.name, rate, size):
            raise self.too_fast(rights)

    def too_fast(self, rights: KeyRights) -> WireError:
        """The error for a peer or a key that asks too much too fast; the refusal is counted.

        A key that does not stop is suspended.
        """
        if self.keyed and not self.budget.charge_refusal(rights.name):
            self._gatekeeper.suspend(rights.name, TOO_FAST, "keeps asking too much too fast")
        return self.denial(rights, "asks too much too fast", TOO_FAST)

    def may_log(self, key: str) -> bool:
        """Whether one more line about connections of a key may be logged."""
        return not self.keyed or self.budget.may_log(key)

    def connection(self, part: zmq.Frame, endpoint: str) -> AcceptedConnection | None:
        """The connection that a part came from; None if it has ended."""
        with suppress(zmq.ZMQError):
            return self._connections.find(int(part.get(zmq.SRCFD)), endpoint)
        return None

    def count_message(self, part: zmq.Frame) -> None:
        """Count a message whose sender is not looked up."""
        if self.keyed:
            with suppress(zmq.ZMQError):  # a message of libzmq itself has no connection
                self._connections.count(int(part.get(zmq.SRCFD)))

    def offend(self, part: zmq.Frame, reason: str, what: str) -> None:
        """End the connection of a message that clients of camfan never send; suspend its key."""
        if self.keyed:
            with suppress(zmq.ZMQError):
                self._gatekeeper.suspend(str(part.get("User-Id")), reason, what)
        self.end(part)

    def end(self, part: zmq.Frame) -> None:
        """End the connection that this part came from."""
        try:
            self._connections.end_fd(int(part.get(zmq.SRCFD)))
        except zmq.ZMQError:
            return  # it has none, or it has ended

    def _claim(self, fd: int, endpoint: str, user: str) -> None:
        had = self._connections.claim(fd, endpoint, user)
        if had > self._gatekeeper.limits.connections_per_key:
            self.refusals.refuse(name_of(user), "too-many", "has too many connections")
            self._connections.end_fd(fd)

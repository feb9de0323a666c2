"""What requests cost: each connection, and each key, has a rate limit."""

from __future__ import annotations

from collections.abc import Set

from camfan_broker.access.access import AccessControl
from camfan_broker.access.rights import KeyRights
from camfan_wire.errors import WireError
from camfan_wire.rate_limit import CHEAP, RateLimit

REFUSED_PER_S = 1.0  # answers that say what was refused, to one connection; 40 at once


class RequestCharges:
    """Rate limits by routing id, over those of the keys. Belongs to the loop's thread."""

    def __init__(self, access: AccessControl) -> None:
        self._access = access
        self._requests: dict[bytes, RateLimit] = {}
        self._refusals: dict[bytes, RateLimit] = {}  # answers that say what was refused

    def charge(self, identity: bytes, rights: KeyRights, cost: float = 1.0) -> None:
        """Raises WireError for a peer, or a key, that asks for too much too fast."""
        limit = _limit(self._requests, identity, self._access.limits.requests)
        if not limit.allows(cost):
            raise self._access.too_fast(rights)
        if cost > CHEAP:
            self._access.charge_request(rights, cost)

    def charge_refused(self, identity: bytes, rights: KeyRights) -> WireError | None:
        """A refused request costs as much as another; the error for too many of them."""
        try:
            self.charge(identity, rights)
        except WireError as exc:
            return exc
        return None

    def may_answer(self, identity: bytes) -> bool:
        """Whether a refusal is answered: not more often than a client can read it."""
        return _limit(self._refusals, identity, REFUSED_PER_S).allows()

    def keep(self, identities: Set[bytes]) -> None:
        """Forget all other connections, once their limits are full again."""
        for limits in (self._requests, self._refusals):
            for identity in limits.keys() - identities:
                if limits[identity].is_full():  # else a peer without a hello would get a new one
                    del limits[identity]


def _limit(limits: dict[bytes, RateLimit], identity: bytes, per_second: float) -> RateLimit:
    found = limits.get(identity)
    if found is None:
        found = limits[identity] = RateLimit(per_second)
    return found

"""One subscription for each broker that is needed, all into one mailbox."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from camfan.address import delivery_endpoint, own_name
from camfan.identity import client_keys
from camfan.options import CommonOptions, Since, check_callable, check_name
from camfan.reading.broker_subscription import BrokerSubscription, Inbox, SubscriptionTerms
from camfan.reading.event_loop import run_on_loop
from camfan.reading.mailbox import Item
from camfan_config import Site, as_seen_by, broker_of, brokers, first_broker, select
from camfan_wire.link import Link, run_in_thread

Dial = Callable[
    [str, BrokerSubscription], Link
]  # the broker's name, and the user of the link to it


class BrokerSubscriptions:
    """Dials a broker when it is first needed. `want` and `close` belong to one thread at a time."""

    def __init__(
        self,
        site: Site | str,
        terms: SubscriptionTerms,
        since: Since,
        dial: Dial,
    ) -> None:
        self.inbox = Inbox(terms)
        self._site = site
        self._terms = terms
        self._since = since
        self._dial = dial
        self._by_broker: dict[str, BrokerSubscription] = {}

    @property
    def all(self) -> list[BrokerSubscription]:
        return list(self._by_broker.values())

    def want(self, patterns: list[str], max_fps: float | None) -> None:
        """From now on these cameras; without any, all brokers, for events and statuses."""
        shares = _shares(self._site, patterns)
        for broker, share in shares.items():
            subscription = self._by_broker.get(broker)
            if subscription is not None:
                subscription.want(share, max_fps)
            elif share or not patterns:
                subscription = BrokerSubscription(
                    self._terms, self.inbox, self._since, share, max_fps
                )
                self._by_broker[broker] = subscription
                self._dial(broker, subscription)

    def of(self, camera: str) -> BrokerSubscription | None:
        """The subscription that has this camera; None while its broker is not dialled."""
        if isinstance(self._site, str) or camera not in self._site.cameras:
            return next(iter(self._by_broker.values()), None)
        return self._by_broker.get(broker_of(self._site, camera))

    @property
    def trouble(self) -> str | None:
        """Why a broker cannot be reached; the first one of which it is known."""
        return next((one.link.trouble for one in self.all if one.link.trouble), None)

    def take(self, deadline_s: float | None) -> Item:
        """The next item, until this time of the monotonic clock. Raises TimeoutError and others."""
        left_s = None if deadline_s is None else deadline_s - time.monotonic()
        try:
            return self.inbox.mailbox.take(left_s)
        except TimeoutError:
            raise TimeoutError(*filter(None, [self.trouble])) from None

    def close(self) -> None:
        for subscription in self.all:
            subscription.link.close()


def open_subscriptions(
    site: Site | str, terms: SubscriptionTerms, since: Since, options: CommonOptions
) -> BrokerSubscriptions:
    """Subscriptions whose links have the name, the keys and the report of the options.

    Raises TypeError, ValueError, KeyMissingError and KeyFileError.
    """
    name, kind, loop = options.get("name"), options.get("kind", "subscriber"), options.get("loop")
    check_name("kind", kind)
    check_callable("report", options.get("report"))
    if loop is not None and not isinstance(loop, asyncio.AbstractEventLoop):
        raise TypeError(f"loop is an event loop of asyncio, not {loop!r}")
    if name is not None:
        check_name("name", name)
    called = name or own_name(kind)
    keys = client_keys(site, name, options.get("key"), options.get("server_key"))

    def dial(broker: str, subscription: BrokerSubscription) -> Link:
        return Link(
            delivery_endpoint(site, broker),
            name=called,
            kind=kind,
            user=subscription,
            report=options.get("report"),
            keys=keys,
            starter=run_in_thread if loop is None else run_on_loop(loop),
        )

    return BrokerSubscriptions(site, terms, since, dial)


def _shares(site: Site | str, patterns: list[str]) -> dict[str, list[str]]:
    """The names and globs that match a camera of each broker."""
    if isinstance(site, str) or not site.brokers:
        return {"" if isinstance(site, str) else first_broker(site): patterns}
    parts = {name: as_seen_by(site, name) for name in brokers(site)}
    return {name: [p for p in patterns if select(part, (p,))] for name, part in parts.items()}

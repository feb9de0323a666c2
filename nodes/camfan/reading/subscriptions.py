"""One reading for each broker that is needed, all into one mailbox."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from camfan.address import delivery_endpoint, own_name
from camfan.identity import client_keys
from camfan.options import CommonOptions, Since, check_callable, check_name
from camfan.reading.broker_subscription import Inbox, Reading, Terms
from camfan.reading.event_loop import on_loop
from camfan.reading.mailbox import Item
from camfan_config import Site, as_seen_by, broker_of, brokers, first_broker, select
from camfan_wire.link import Link, in_a_thread

Dial = Callable[[str, Reading], Link]  # the broker's name, and who uses the link to it


class Readings:
    """Dials a broker when it is first needed. `want` and `close` belong to one thread at a time."""

    def __init__(
        self,
        site: Site | str,
        terms: Terms,
        since: Since,
        dial: Dial,
    ) -> None:
        self.inbox = Inbox(terms)
        self._site = site
        self._terms = terms
        self._since = since
        self._dial = dial
        self._by_broker: dict[str, Reading] = {}

    @property
    def all(self) -> list[Reading]:
        return list(self._by_broker.values())

    def want(self, patterns: list[str], max_fps: float | None) -> None:
        """From now on these cameras. Who wants none hears what all brokers have to say."""
        shares = _shares(self._site, patterns)
        for broker, share in shares.items():
            reading = self._by_broker.get(broker)
            if reading is not None:
                reading.want(share, max_fps)
            elif share or not patterns:
                reading = Reading(self._terms, self.inbox, self._since)
                reading.want(share, max_fps)
                self._by_broker[broker] = reading
                self._dial(broker, reading)

    def of(self, camera: str) -> Reading | None:
        """The reading that a camera comes by; None while its broker is not dialled."""
        if isinstance(self._site, str) or camera not in self._site.cameras:
            return next(iter(self._by_broker.values()), None)
        return self._by_broker.get(broker_of(self._site, camera))

    @property
    def trouble(self) -> str | None:
        """Why a broker cannot be reached; the first one of which it is known."""
        return next((one.link.trouble for one in self.all if one.link.trouble), None)

    def take(self, deadline_s: float | None) -> Item:
        """The next item, until a moment of the monotonic clock. Raises TimeoutError and others."""
        left_s = None if deadline_s is None else deadline_s - time.monotonic()
        try:
            return self.inbox.mailbox.take(left_s)
        except TimeoutError:
            raise TimeoutError(*filter(None, [self.trouble])) from None

    def close(self) -> None:
        for reading in self.all:
            reading.link.close()


def open_readings(site: Site | str, terms: Terms, since: Since, options: CommonOptions) -> Readings:
    """Readings whose links have the name, the keys and the report that the options say.

    Raises TypeError and ValueError for a name that is not one, KeyMissingError and KeyFileError.
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

    def dial(broker: str, reading: Reading) -> Link:
        return Link(
            delivery_endpoint(site, broker),
            name=called,
            kind=kind,
            user=reading,
            report=options.get("report"),
            keys=keys,
            turner=in_a_thread if loop is None else on_loop(loop),
        )

    return Readings(site, terms, since, dial)


def _shares(site: Site | str, patterns: list[str]) -> dict[str, list[str]]:
    """What of the names and globs each broker can give."""
    if isinstance(site, str) or not site.brokers:
        return {"" if isinstance(site, str) else first_broker(site): patterns}
    parts = {name: as_seen_by(site, name) for name in brokers(site)}
    return {name: [p for p in patterns if select(part, (p,))] for name, part in parts.items()}

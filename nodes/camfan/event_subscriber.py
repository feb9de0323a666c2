"""Reading the events of a site, without frames."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import cast

from camfan.address import Cameras, SiteLike, camera_patterns, resolve
from camfan.errors import ClosedError
from camfan.identity import KeyFile
from camfan.options import CommonOptions, check_flag
from camfan.reading.broker_subscription import BrokerSubscription, SubscriptionTerms
from camfan.reading.mailbox import Item
from camfan.reading.session import ReadingSession
from camfan_config.text.globs import matches
from camfan_wire.messages import Event

MAX_REMEMBERED = 4096  # events whose end has not come; full: the oldest is forgotten


class EventSubscriber:
    """Events of a site, as an iterator, an async iterator, or by `read`.

    It waits for a broker that is away, and reads on when the broker is back; events that began in
    the meantime and are still open then are delivered. Each event has one start and one end, with
    updates in between.

    Thread safety: iterating and `read` belong to one thread; everything else is safe on any.

    Args:
        site: path of a site file, a loaded Site, or the address of the broker's delivery socket.
        cameras: a name or glob, or several: only events about these cameras; None: all events.
        updates: False: only the first and the last message of each event.
        open_before: False: leave out events that were open when this subscriber began. If True,
            the first message of such an event may be an update.
        name: name of this subscriber in the broker's figures; None: made of kind and host.
        kind: what this subscriber is, in one word.
        key: file of the secret key used to authenticate; None: as described in `camfan.identity`.
        server_key: public key of the broker, 64 hexadecimal digits, where there is no site file.

    Raises:
        TypeError, ValueError: a value of the wrong type, or out of range.
        SiteError, UnknownCameraError, EndpointError, KeyMissingError, KeyFileError: as Subscriber.
    """

    def __init__(
        self,
        site: SiteLike,
        cameras: Cameras = None,
        *,
        updates: bool = True,
        open_before: bool = True,
        name: str | None = None,
        kind: str = "subscriber",
        key: KeyFile | None = None,
        server_key: str | None = None,
    ) -> None:
        check_flag("updates", updates)
        check_flag("open_before", open_before)
        site = resolve(site)
        patterns = None if cameras is None else camera_patterns(site, cameras)
        if patterns == []:
            raise ValueError("cameras is empty, so nothing would come; None means all events")
        terms = SubscriptionTerms("latest", events=True, statuses=False, open_events=open_before)
        options: CommonOptions = {"name": name, "kind": kind, "key": key, "server_key": server_key}
        self._filter = _EventFilter(patterns, updates, open_before)
        self._session = ReadingSession(site, [], terms, options)  # no frames

    @property
    def connected(self) -> bool:
        """The broker answers; where several are needed, all of them."""
        return self._session.connected

    @property
    def trouble(self) -> str | None:
        """Why the broker cannot be reached, in a sentence, such as a key that is not permitted.

        None while it answers, or while the reason is not known.
        """
        return self._session.subscriptions.trouble

    def read(self, timeout: float | None = None) -> Event:
        """The next event.

        Args:
            timeout: seconds to wait at most; None: without limit.

        Raises:
            TimeoutError, RefusedError, ClosedError: as `Subscriber.read`.
        """
        deadline_s = None if timeout is None else time.monotonic() + timeout
        while True:
            left_s = None if deadline_s is None else deadline_s - time.monotonic()
            item = self._session.read(left_s)
            if self._takes(item):
                return cast("Event", item)

    def close(self) -> None:
        """Stop reading; a `read` that waits raises ClosedError, and iterating ends."""
        self._session.close("this EventSubscriber was closed")

    def __enter__(self) -> EventSubscriber:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        try:
            return self.read()
        except ClosedError:
            raise StopIteration from None

    async def __aenter__(self) -> EventSubscriber:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while True:
            try:
                item = await self._session.read_async()
            except ClosedError:
                raise StopAsyncIteration from None
            if self._takes(item):
                return cast("Event", item)

    def _takes(self, item: Item) -> bool:
        return isinstance(item, Event) and self._filter.takes(item, self._session.subscriptions.all)


class _EventFilter:
    """Which messages of which events are wanted."""

    def __init__(self, cameras: list[str] | None, updates: bool, open_before: bool) -> None:
        self._cameras = cameras
        self._updates = updates
        self._open_before = open_before
        self._wanted: dict[tuple[str, str], bool] = {}  # by source and id, of open events

    def takes(self, event: Event, subscriptions: list[BrokerSubscription]) -> bool:
        if self._cameras is not None and not matches(event.camera or "", self._cameras):
            return False
        key = (event.source, event.id)
        if event.state == "end":
            return self._wanted.pop(key, self._open_before or _is_new(event, subscriptions))
        if key in self._wanted:  # after an outage a start may come a second time
            return self._wanted[key] and self._updates and event.state == "update"
        if len(self._wanted) >= MAX_REMEMBERED:
            del self._wanted[next(iter(self._wanted))]
        self._wanted[key] = self._open_before or _is_new(event, subscriptions)
        return self._wanted[key]


def _is_new(event: Event, subscriptions: list[BrokerSubscription]) -> bool:
    """True for an event that began after this subscriber did.

    On the first connection the broker sends nothing of events that are open already, so a message
    that is not a start belongs to one of them. After an outage the time of the event decides.
    """
    if any(one.resumed for one in subscriptions):
        began = min((one.began_ns for one in subscriptions if one.began_ns is not None), default=0)
        return event.time >= began
    return event.state == "start"

"""Reading the events of a site, without frames."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from types import TracebackType

from camfan.address import Cameras, SiteLike, camera_patterns, resolve
from camfan.errors import ClosedError
from camfan.identity import KeyFile
from camfan.options import CommonOptions, check_flag
from camfan.reading.broker_subscription import BrokerSubscription, SubscriptionTerms
from camfan.reading.subscriptions import open_subscriptions
from camfan_config.text.globs import matches
from camfan_wire.messages import Event

MAX_REMEMBERED = 4096  # events whose end has not come; full: the oldest is forgotten


class EventSubscriber:
    """Events of a site, as an iterator, an async iterator, or by `read`.

    It waits for a broker that is away, and reads on when that is back; events that are still open
    then, and began in the meantime, are delivered. Each event has one start and one end; between
    them come updates. Iterating and `read` belong to one thread; everything else is safe on any.

    Args:
        site: path of a site file, a loaded Site, or the address of the broker's delivery socket.
        cameras: a name or glob, or several: only events about these cameras; None: all events.
        updates: False: of each event only its first and its last message.
        open_before: False: leave out events that were open when this subscriber began. Their
            first message may be an update.
        name: name of this subscriber in the broker's figures; None: one made of kind and host.
        kind: what this subscriber is, in one word.
        key: file of the secret key to authenticate with; None: as described in `camfan.identity`.
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
        site = resolve(site)
        check_flag("updates", updates)
        check_flag("open_before", open_before)
        patterns = None if cameras is None else camera_patterns(site, cameras)
        if patterns == []:
            raise ValueError("cameras is empty, so nothing would come; None means all events")
        terms = SubscriptionTerms("latest", events=True, statuses=False, open_events=open_before)
        options: CommonOptions = {"name": name, "kind": kind, "key": key, "server_key": server_key}
        self._subscriptions = open_subscriptions(site, terms, None, options)
        self._mailbox = self._subscriptions.inbox.mailbox
        self._choice = _EventFilter(patterns, updates, open_before)
        self._closed = False
        self._subscriptions.want([], None)  # no frames

    @property
    def connected(self) -> bool:
        """The broker answers; where several are needed, all of them."""
        return all(subscription.link.connected for subscription in self._subscriptions.all)

    @property
    def trouble(self) -> str | None:
        """Why the broker cannot be reached, in a sentence, such as a key that is not permitted.

        None while it answers, or while nothing is known but that it does not.
        """
        return self._subscriptions.trouble

    def read(self, timeout: float | None = None) -> Event:
        """The next event. Raises TimeoutError after `timeout` seconds, and what Subscriber does."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            item = self._subscriptions.take(deadline)
            if isinstance(item, Event) and self._choice.takes(item, self._subscriptions.all):
                return item

    def close(self) -> None:
        """End; a `read` that waits raises ClosedError, and iterating ends."""
        if self._closed:
            return
        self._closed = True
        self._subscriptions.close()
        self._mailbox.fail(ClosedError("this EventSubscriber was closed"))

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
                item = await self._mailbox.take_async()
            except ClosedError:
                raise StopAsyncIteration from None
            if isinstance(item, Event) and self._choice.takes(item, self._subscriptions.all):
                return item


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
    """An event that was not heard of before began after this subscriber did.

    On the first connection the broker sends nothing of events that are open already, so whatever
    is not a start belongs to one of these. After an outage the time of the event decides.
    """
    if any(subscription.resumed for subscription in subscriptions):
        began = min((r.began_ns for r in subscriptions if r.began_ns is not None), default=0)
        return event.time >= began
    return event.state == "start"

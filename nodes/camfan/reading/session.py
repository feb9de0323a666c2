"""What one subscriber asks of all brokers that it needs, and the items as they come."""

from __future__ import annotations

import time
from collections.abc import Callable

from camfan.address import Cameras, SiteLike, camera_patterns, resolve
from camfan.errors import ClosedError
from camfan.frame import Frame
from camfan.options import CommonOptions, Since, check_fps
from camfan.reading.broker_subscription import SubscriptionTerms
from camfan.reading.mailbox import Item
from camfan.reading.subscriptions import open_subscriptions


class ReadingSession:
    """`read`, `read_async` and `read_all` belong to one thread, everything else to any."""

    def __init__(
        self,
        site: SiteLike,
        cameras: Cameras,
        terms: SubscriptionTerms,
        options: CommonOptions,
        *,
        max_fps: float | None = None,
        max_age: float | None = None,
        since: Since = None,
    ) -> None:
        self.site = resolve(site)
        patterns = camera_patterns(self.site, cameras)
        if not patterns and not terms.topics:
            raise ValueError("cameras is empty, so nothing would come; None means all cameras")
        self.passed_over = 0  # frames older than max_age
        self.is_every = terms.mode == "every"
        self._max_age = max_age
        self._closed = False
        self.subscriptions = open_subscriptions(self.site, terms, since, options)
        self.inbox = self.subscriptions.inbox
        self.subscriptions.want(patterns, max_fps)

    @property
    def connected(self) -> bool:
        """The broker answers; where several are needed, all of them."""
        return all(one.link.connected for one in self.subscriptions.all)

    def want(self, cameras: Cameras, max_fps: float | None) -> None:
        """From now on these cameras at this rate; for mode `latest`."""
        if self.is_every:
            raise TypeError("Subscriber.every chooses its cameras once, when it is made")
        self.subscriptions.want(camera_patterns(self.site, cameras), check_fps("max_fps", max_fps))

    def read(self, timeout: float | None) -> Item:
        """The next item. Raises TimeoutError, RefusedError and ClosedError."""
        deadline_s = None if timeout is None else time.monotonic() + timeout
        while True:
            item = self.subscriptions.take(deadline_s)
            if self._accepts(item):
                return item

    async def read_async(self) -> Item:
        """The next item, on an event loop. Raises RefusedError and ClosedError."""
        while True:
            item = await self.inbox.mailbox.take_async()
            if self._accepts(item):
                return item

    def read_all(self, waiter: Callable[[], None]) -> list[Item]:
        """All items that have come; `waiter` is called once when there may be more."""
        items = self.inbox.mailbox.take_all_and_call(waiter)
        return [item for item in items if self._accepts(item)]

    def close(self, reason: str) -> None:
        """Close all links; a read that waits raises ClosedError with this reason."""
        if self._closed:
            return
        self._closed = True
        self.subscriptions.close()
        self.inbox.mailbox.fail(ClosedError(reason))

    def _accepts(self, item: Item) -> bool:
        if not isinstance(item, Frame):
            return True
        if self.is_every:
            self.inbox.came_by[item.camera].was_read(len(item.jpeg))
            return True
        if self._max_age is None:
            return True
        age = item.age
        if age is not None and age.seconds <= self._max_age:
            return True
        self.passed_over += 1
        return False

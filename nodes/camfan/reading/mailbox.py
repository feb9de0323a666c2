"""Where frames wait between the link's thread and the reader: bounded, with a rule for what goes.

`LatestBox` holds one frame a camera: the newer one replaces the older one, and the camera that
was served longest ago is served first. `EveryQueue` holds all; the credit that was given bounds it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from camfan.frame import Frame
from camfan_wire.messages import Event, Gap

Item = Frame | Gap | Event
NOTICES = 1000  # events that wait for a slow reader; full: the oldest goes


class Store(Protocol):
    """What a mailbox keeps its items in; used under the mailbox's lock."""

    def put(self, frame: Frame) -> None: ...

    def pop(self) -> Item | None: ...

    def pop_all(self) -> list[Item]: ...


class LatestBox:
    """The newest unread frame of each camera."""

    def __init__(self) -> None:
        self._frames: dict[str, Frame] = {}
        self._served: dict[str, int] = {}
        self._turn = 0
        self.replaced = 0  # frames that a newer one replaced before they were read

    def put(self, frame: Frame) -> None:
        self.replaced += frame.camera in self._frames
        self._frames[frame.camera] = frame

    def pop(self) -> Item | None:
        if not self._frames:
            return None
        camera = next(iter(self._frames))
        if len(self._frames) > 1:
            camera = min(self._frames, key=lambda name: self._served.get(name, -1))
        self._turn += 1
        self._served[camera] = self._turn
        return self._frames.pop(camera)

    def pop_all(self) -> list[Item]:
        frames: list[Item] = list(self._frames.values())
        self._frames.clear()
        return frames


class EveryQueue:
    """All frames and gaps, in order."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self.frames = 0
        self.bytes = 0

    def put(self, item: Frame | Gap) -> None:
        self._items.append(item)
        self._count(item, 1)

    def pop(self) -> Item | None:
        if not self._items:
            return None
        item = self._items.popleft()
        self._count(item, -1)
        return item

    def pop_all(self) -> list[Item]:
        items = list(self._items)
        self._items.clear()
        self.frames = self.bytes = 0
        return items

    def _count(self, item: Item, sign: int) -> None:
        if isinstance(item, Frame):
            self.frames += sign
            self.bytes += sign * len(item.jpeg)


class Mailbox:
    """Stores with a lock: some threads put, others wait for what comes. Thread-safe.

    A thread that puts calls `wake` after its last item: a reader is woken once for several items,
    and then finds the lock free.
    """

    def __init__(self) -> None:
        self._stores: deque[Store] = deque()  # the one that is served next, first
        self._notices: deque[Item] = deque(maxlen=NOTICES)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._failure: Exception | None = None
        self._waiters: list[Callable[[], None]] = []
        self._sleepers = 0  # threads that wait in `take`
        self._unannounced = False  # something was put since the last `wake`

    def add(self, store: Store) -> None:
        """From now on what is in this store is taken too."""
        with self._lock:
            self._stores.append(store)

    def put(self, store: Store, frame: Frame) -> None:
        with self._lock:
            store.put(frame)
            self._unannounced = True

    def put_gap(self, queue: EveryQueue | None, gap: Gap) -> None:
        """A gap keeps its place among the frames of mode `every`; None: it has none."""
        with self._lock:
            if queue is not None:
                queue.put(gap)
            else:
                self._notices.append(gap)
            self._unannounced = True

    def put_notice(self, item: Item) -> None:
        with self._lock:
            self._notices.append(item)
            self._unannounced = True

    def waiting(self, queue: EveryQueue) -> tuple[int, int]:
        """Frames that wait in a queue, and their bytes."""
        with self._lock:
            return queue.frames, queue.bytes

    def fail(self, failure: Exception) -> None:
        """From now on, reading an empty mailbox raises this."""
        with self._lock:
            self._failure = failure
            self._unannounced = True
        self.wake()

    def wake(self) -> None:
        """Wake the threads and event loops that wait for an item."""
        if not self._unannounced:
            return
        with self._lock:
            self._unannounced = False
            if self._sleepers:
                self._changed.notify_all()
            waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter()

    def take(self, timeout: float | None) -> Item:
        """The next item. Raises TimeoutError, or what `fail` was given."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            while True:
                item = self._pop()
                if item is not None:
                    return item
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError
                self._sleepers += 1
                self._changed.wait(left)
                self._sleepers -= 1

    async def take_async(self) -> Item:
        """The next item, on an event loop. Raises what `fail` was given."""
        loop = asyncio.get_running_loop()
        while True:
            arrived = asyncio.Event()
            item = self._take_or_call(partial(_set, loop, arrived))
            if item is not None:
                return item
            await arrived.wait()

    def _take_or_call(self, waiter: Callable[[], None]) -> Item | None:
        """The next item; or None, and `waiter` is called once, from another thread, at the next
        change. Raises what `fail` was given.
        """
        with self._lock:
            item = self._pop()
            if item is None:
                self._waiters.append(waiter)
            return item

    def take_all_and_call(self, waiter: Callable[[], None]) -> list[Item]:
        """All that there is; `waiter` is called once, at the next change. Raises what `fail` was
        given, if there is nothing.
        """
        with self._lock:
            items = list(self._notices)
            self._notices.clear()
            for store in self._stores:
                items += store.pop_all()
            if not items and self._failure is not None:
                raise self._failure
            self._waiters.append(waiter)
            return items

    def _pop(self) -> Item | None:
        if self._notices:
            return self._notices.popleft()
        for _ in range(len(self._stores)):
            item = self._stores[0].pop()
            self._stores.rotate(-1)
            if item is not None:
                return item
        if self._failure is not None:
            raise self._failure
        return None


def _set(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(event.set)

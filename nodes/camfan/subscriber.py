"""Reading frames: the newest of each camera, or every one in order.

A Subscriber survives everything that can happen to the broker and the network; it ends when it is
closed, or when the broker refuses what it asks for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Generic, Literal, TypeVar, cast, overload

from camfan.address import SiteLike, camera_patterns, delivery_endpoint, own_name, resolve
from camfan.errors import ClosedError
from camfan.frame import Frame
from camfan.identity import KeyFile, client_keys
from camfan.looping import on_loop
from camfan.mailbox import Item
from camfan.reading import Reading, Terms
from camfan.readings import Readings
from camfan_wire import messages
from camfan_wire.clock import ClockEstimate
from camfan_wire.header import Position
from camfan_wire.link import Link, Report, in_a_thread
from camfan_wire.messages import Event, Gap, Status

ItemT = TypeVar("ItemT", bound=Item, covariant=True)

Cameras = str | Sequence[str] | None


class Subscriber(Generic[ItemT]):
    """Frames of some cameras, as an iterator, an async iterator, or by `read`.

    `site` is the path of a site file, a loaded Site, or an address: tcp://hub.local:5552. Where a
    site has several brokers, those of the cameras are dialled, and it is as if they were one.
    `cameras` are names or globs; None means all. In mode "latest" a reader gets the newest frame
    of each camera that it has not had, cameras in turn, and never an older one; in mode "every"
    all frames in order, exactly once, with gaps told if `events` is set.

    `max_fps` (latest): at most so many frames a second of each camera. `max_age` (latest),
    seconds: frames that are older, or of unknown age, are passed over. `since` (every): the last
    position one has, by camera, or a time from which on frames are wanted. `events`: Gap and
    Event items come between the frames. `statuses`: keep what every node says of itself in
    `statuses`. `key`, `server_key`: whose key to show and whose to expect, see `camfan.identity`.
    `loop`: frames are received on this event loop instead of a thread beside it, which halves what
    a frame costs; made, used and closed on the loop's thread, then.

    Iterating and reading belong to one thread; `latest`, `statuses` and `close` to any.
    Raises SiteError, UnknownCameraError and EndpointError when made, RefusedError and
    ClosedError when read.
    """

    @overload
    def __init__(
        self: Subscriber[Frame],
        site: SiteLike,
        cameras: Cameras = None,
        mode: Literal["latest", "every"] = "latest",
        *,
        max_fps: float | None = None,
        max_age: float | None = None,
        since: Mapping[str, Position] | datetime | None = None,
        events: Literal[False] = False,
        statuses: bool = False,
        name: str | None = None,
        kind: str = "subscriber",
        report: Callable[[], Report] | None = None,
        key: KeyFile | None = None,
        server_key: str | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self: Subscriber[Item],
        site: SiteLike,
        cameras: Cameras = None,
        mode: Literal["latest", "every"] = "latest",
        *,
        max_fps: float | None = None,
        max_age: float | None = None,
        since: Mapping[str, Position] | datetime | None = None,
        events: Literal[True],
        statuses: bool = False,
        name: str | None = None,
        kind: str = "subscriber",
        report: Callable[[], Report] | None = None,
        key: KeyFile | None = None,
        server_key: str | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None: ...

    def __init__(
        self,
        site: SiteLike,
        cameras: Cameras = None,
        mode: Literal["latest", "every"] = "latest",
        *,
        max_fps: float | None = None,
        max_age: float | None = None,
        since: Mapping[str, Position] | datetime | None = None,
        events: bool = False,
        statuses: bool = False,
        name: str | None = None,
        kind: str = "subscriber",
        report: Callable[[], Report] | None = None,
        key: KeyFile | None = None,
        server_key: str | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if mode not in ("latest", "every"):
            raise ValueError(f"mode is 'latest' or 'every', not {mode!r}")
        self._site = site = resolve(site)
        patterns = camera_patterns(site, cameras)
        keys, called = client_keys(site, name, key, server_key), name or own_name(kind)
        self._mode = mode
        self._max_age = max_age
        self._closed = False
        self.passed_over = 0  # frames older than max_age

        def dial(broker: str, reading: Reading) -> Link:
            endpoint = delivery_endpoint(site, broker)
            return Link(
                endpoint,
                name=called,
                kind=kind,
                user=reading,
                report=report,
                keys=keys,
                turner=in_a_thread if loop is None else on_loop(loop),
            )

        self._readings = Readings(site, Terms(mode, events, statuses), since, dial)
        self._inbox = self._readings.inbox
        self._readings.want(patterns, max_fps)

    @property
    def connected(self) -> bool:
        """The broker answers; where several are needed, all of them."""
        return all(reading.link.connected for reading in self._readings.all)

    def answers(self, camera: str | None = None) -> bool:
        """The broker of this camera answers; without a camera, any of those that are needed."""
        of = self._readings.all if camera is None else [self._readings.of(camera)]
        return any(reading is not None and reading.link.connected for reading in of)

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras of the site that were asked for; empty until the broker has answered."""
        return tuple(name for reading in self._readings.all for name in reading.matched)

    @property
    def statuses(self) -> dict[str, Status]:
        """What each node last said of itself, if `statuses` was set."""
        return dict(self._inbox.statuses)

    @property
    def replaced(self) -> int:
        """Frames that came and were replaced by a newer one before they were read (latest)."""
        return self._inbox.latest.replaced

    def want(self, cameras: Cameras, *, max_fps: float | None = None) -> None:
        """From now on these cameras at this rate instead (latest); others cost nothing any more.

        Cameras that stay wanted go on without a break; a new one begins with its last picture.
        Safe on any thread. Raises UnknownCameraError, and ValueError in mode "every".
        """
        if self._mode != "latest":
            raise ValueError("in mode 'every' the cameras are chosen once, when it begins")
        self._readings.want(camera_patterns(self._site, cameras), max_fps)

    def latest(self, camera: str) -> Frame | None:
        """The newest frame of a camera that has come, read or not."""
        return self._inbox.newest.get(camera)

    @property
    def clock(self) -> ClockEstimate:
        """What is known of the site's clock: that of the first broker that is needed."""
        return self._readings.all[0].link.clock

    def set_camera(
        self, camera: str, *, fps: float | None = None, quality: int | None = None
    ) -> None:
        """Change a camera while it runs; None: as in the site file.

        Nothing answers: what the camera does then is in its status. Raises UnknownCameraError.
        """
        (name,) = camera_patterns(self._site, camera)
        reading = self._readings.of(name)
        if reading is not None:
            wish = messages.Set(camera=name, fps=fps, quality=quality)
            reading.link.send([messages.encode(wish)])

    def answer_traces(self, answer: Callable[[messages.Trace], messages.Hop]) -> None:
        """When somebody traces a frame, say what became of it here. Called on another thread."""
        for reading in self._readings.all:
            reading.answer = answer

    def site_ns(self) -> int:
        """The site's time now, ns; this machine's wall clock while the site's is unknown."""
        return self.clock.site_ns()

    def report_now(self) -> None:
        """Send the status at once, because something changed."""
        for reading in self._readings.all:
            reading.link.report_now()

    def read(self, timeout: float | None = None) -> ItemT:
        """The next frame (or Gap, or Event). Raises TimeoutError after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            item = self._inbox.mailbox.take(left)
            if self._take(item):
                return cast("ItemT", item)  # what can come follows from `events`

    def read_all_and_call(self, waiter: Callable[[], None]) -> list[ItemT]:
        """All that has come, and `waiter` is called when there may be more.

        For event loops. In `latest` it is the newest frame of each camera that has one. `waiter` is
        called once, on the link's thread, however many items have come by then; also when there is
        something to raise: what `read` raises, but for TimeoutError, once nothing is left to read.
        """
        items = self._inbox.mailbox.take_all_and_call(waiter)
        return [cast("ItemT", item) for item in items if self._take(item)]

    def _take(self, item: Item) -> bool:
        if not isinstance(item, Frame):
            return True
        if self._mode == "every":
            self._inbox.came_by[item.camera].was_read(len(item.jpeg))
            return True
        if self._max_age is None:
            return True
        age = item.age
        if age is not None and age.seconds <= self._max_age:
            return True
        self.passed_over += 1
        return False

    def close(self) -> None:
        """End; whoever reads gets ClosedError."""
        if self._closed:
            return
        self._closed = True
        self._readings.close()
        self._inbox.mailbox.fail(ClosedError("this Subscriber was closed"))

    def __enter__(self) -> Subscriber[ItemT]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[ItemT]:
        return self

    def __next__(self) -> ItemT:
        try:
            return self.read()
        except ClosedError:
            raise StopIteration from None

    async def __aenter__(self) -> Subscriber[ItemT]:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def __aiter__(self) -> AsyncIterator[ItemT]:
        return self

    async def __anext__(self) -> ItemT:
        loop = asyncio.get_running_loop()
        while True:
            arrived = asyncio.Event()
            try:
                item = self._inbox.mailbox.take_or_call(partial(_set, loop, arrived))
            except ClosedError:
                raise StopAsyncIteration from None
            if item is None:
                await arrived.wait()
            elif self._take(item):
                return cast("ItemT", item)


def _set(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(event.set)


__all__ = ["Event", "Gap", "Item", "Subscriber"]

"""Reading frames: the newest of each camera, or every one in order.

A Subscriber survives everything that can happen to the broker and the network; it ends when it is
closed, or when the broker refuses what it asks for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Generic, Literal, TypeVar, Unpack, cast, overload

from camfan.address import Cameras, SiteLike, camera_patterns, check_camera, resolve
from camfan.errors import ClosedError
from camfan.frame import Frame
from camfan.options import (
    CommonOptions,
    EveryOptions,
    LatestOptions,
    Since,
    check_age,
    check_flag,
    check_fps,
    check_integer,
    check_names,
    check_since,
)
from camfan.reading.broker_subscription import SubscriptionTerms
from camfan.reading.mailbox import Item
from camfan.reading.subscriptions import open_subscriptions
from camfan_wire import messages
from camfan_wire.clock import ClockEstimate
from camfan_wire.messages import Event, Gap, Status

ItemT = TypeVar("ItemT", bound=Item, covariant=True)

LATEST, EVERY = "Subscriber.latest", "Subscriber.every"


class Subscriber(Generic[ItemT]):
    """Frames of some cameras, as an iterator, an async iterator, or by `read`.

    `Subscriber.latest(…)`, or `Subscriber(…)` for short, gives the newest frame of each camera
    that was not read yet, cameras in turn, and never an older one. `Subscriber.every(…)` gives all
    frames in order, each exactly once; what cannot be had is a Gap, if `events` is set.

    Iterating, `read` and `read_all_and_call` belong to one thread; everything else is safe on any.

    Args:
        site: path of a site file, a loaded Site, or the address of the broker's delivery socket:
            "hub.local", "hub.local:5552", "tcp://hub.local:5552". Where a site has several
            brokers, those of the cameras are dialled, and it is as if they were one.
        cameras: a name or glob, or several; None: all. None at all (`[]`) only with `events` or
            `statuses`.
        mode: "latest", and nothing else: all frames in order are read by `Subscriber.every`.
        events: Gap and Event items come between the frames. For events alone there is
            EventSubscriber.
        statuses: keep what each node says of itself in `statuses`.
        max_fps: `latest` only; at most this many frames a second of each camera, 0.001 to 1000.
        max_age: `latest` only; pass over frames older than this many seconds, or of unknown age.
        since: `every` only; the last position that was read of each camera, or a time with a time
            zone from which on frames are wanted.
        name: name of this subscriber in the broker's figures; None: one made of kind and host.
        kind: what this subscriber is, in one word: viewer, recorder.
        report: called every 2 s on another thread for the status of this node; None: no status.
        key: file of the secret key to authenticate with; None: as described in `camfan.identity`.
        server_key: public key of the broker, 64 hexadecimal digits, where there is no site file.
        loop: receive frames on this event loop instead of a thread beside it, which halves what a
            frame costs; the Subscriber is then made, used and closed on the loop's thread.

    Raises:
        TypeError: an option of the other kind of subscriber, or a value of the wrong type.
        ValueError: a value out of range.
        SiteError: the site file has mistakes.
        UnknownCameraError: the site file has no camera of this name.
        EndpointError: `site` is neither a file nor an address.
        KeyMissingError, KeyFileError: the site has keys, and no usable one was found.
    """

    @overload
    def __init__(
        self: Subscriber[Frame],
        site: SiteLike,
        cameras: Cameras = None,
        mode: Literal["latest"] = "latest",
        *,
        events: Literal[False] = False,
        **options: Unpack[LatestOptions],
    ) -> None: ...

    @overload
    def __init__(
        self: Subscriber[Item],
        site: SiteLike,
        cameras: Cameras = None,
        mode: Literal["latest"] = "latest",
        *,
        events: Literal[True],
        **options: Unpack[LatestOptions],
    ) -> None: ...

    def __init__(
        self,
        site: SiteLike,
        cameras: Cameras = None,
        mode: Literal["latest"] = "latest",
        *,
        events: bool = False,
        **options: Unpack[LatestOptions],
    ) -> None:
        if mode != "latest":
            raise TypeError(f"Subscriber(…) reads the newest frames; for {mode!r} there is {EVERY}")
        check_names(LATEST, options, LatestOptions, EveryOptions, EVERY)
        self._max_age = check_age(options.pop("max_age", None))
        max_fps = check_fps("max_fps", options.pop("max_fps", None))
        self._begin("latest", site, cameras, max_fps, None, events, options)

    @overload
    @classmethod
    def latest(
        cls,
        site: SiteLike,
        cameras: Cameras = None,
        *,
        events: Literal[False] = False,
        **options: Unpack[LatestOptions],
    ) -> Subscriber[Frame]: ...

    @overload
    @classmethod
    def latest(
        cls,
        site: SiteLike,
        cameras: Cameras = None,
        *,
        events: Literal[True],
        **options: Unpack[LatestOptions],
    ) -> Subscriber[Item]: ...

    @classmethod
    def latest(
        cls,
        site: SiteLike,
        cameras: Cameras = None,
        *,
        events: bool = False,
        **options: Unpack[LatestOptions],
    ) -> Subscriber[Frame] | Subscriber[Item]:
        """The newest frame of each camera that was not read yet; the long form of Subscriber()."""
        if events:
            return Subscriber(site, cameras, events=True, **options)
        return Subscriber(site, cameras, events=events, **options)

    @overload
    @classmethod
    def every(
        cls,
        site: SiteLike,
        cameras: Cameras = None,
        *,
        events: Literal[False] = False,
        **options: Unpack[EveryOptions],
    ) -> Subscriber[Frame]: ...

    @overload
    @classmethod
    def every(
        cls,
        site: SiteLike,
        cameras: Cameras = None,
        *,
        events: Literal[True],
        **options: Unpack[EveryOptions],
    ) -> Subscriber[Item]: ...

    @classmethod
    def every(
        cls,
        site: SiteLike,
        cameras: Cameras = None,
        *,
        events: bool = False,
        **options: Unpack[EveryOptions],
    ) -> Subscriber[Frame] | Subscriber[Item]:
        """All frames in order, each exactly once; what cannot be had is a Gap with its reason."""
        check_names(EVERY, options, EveryOptions, LatestOptions, LATEST)
        since, started_s = check_since(options.pop("since", None)), options.pop("started_s", None)
        made: Subscriber[Item] = Subscriber.__new__(Subscriber)
        made._max_age = None
        made._begin("every", site, cameras, None, since, events, options, started_s)
        return made

    def _begin(
        self,
        mode: Literal["latest", "every"],
        site: SiteLike,
        cameras: Cameras,
        max_fps: float | None,
        since: Since,
        events: bool,
        options: CommonOptions,
        started_s: float | None = None,
    ) -> None:
        statuses = check_flag("statuses", options.get("statuses", False))
        terms = SubscriptionTerms(mode, check_flag("events", events), statuses, started_s=started_s)
        self._site = site = resolve(site)
        patterns = camera_patterns(site, cameras)
        if not patterns and not terms.topics:
            raise ValueError("cameras is empty, so nothing would come; None means all cameras")
        self._mode = mode
        self._closed = False
        self.passed_over = 0  # frames older than max_age
        self._subscriptions = open_subscriptions(site, terms, since, options)
        self._inbox = self._subscriptions.inbox
        self._subscriptions.want(patterns, max_fps)

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

    def answers(self, camera: str | None = None) -> bool:
        """The broker of this camera answers; without a camera, any of those that are needed."""
        of = self._subscriptions.all if camera is None else [self._subscriptions.of(camera)]
        return any(subscription is not None and subscription.link.connected for subscription in of)

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras of the site that were asked for; empty until the broker has answered."""
        return tuple(
            name for subscription in self._subscriptions.all for name in subscription.matched
        )

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
        Safe on any thread. Raises UnknownCameraError and ValueError, and TypeError for a
        subscriber of every frame.
        """
        if self._mode != "latest":
            raise TypeError("Subscriber.every chooses its cameras once, when it is made")
        self._subscriptions.want(
            camera_patterns(self._site, cameras), check_fps("max_fps", max_fps)
        )

    def newest(self, camera: str) -> Frame | None:
        """The newest frame of a camera that has come, read or not; None before the first."""
        return self._inbox.newest.get(camera)

    @property
    def clock(self) -> ClockEstimate:
        """What is known of the site's clock: that of the first broker that is needed."""
        return self._subscriptions.all[0].link.clock

    def set_camera(
        self, camera: str, *, fps: float | None = None, quality: int | None = None
    ) -> None:
        """Change a camera while it runs; None: as in the site file.

        Nothing answers: what the camera does then is in its status. `fps` is 0.001 to 1000,
        `quality` 1 to 100. Raises UnknownCameraError, TypeError and ValueError.
        """
        check_camera(self._site, camera)
        fps = check_fps("fps", fps)
        quality = None if quality is None else check_integer("quality", quality, 1, 100)
        subscription = self._subscriptions.of(camera)
        if subscription is not None:
            wish = messages.Set(camera=camera, fps=fps, quality=quality)
            subscription.link.send([messages.encode(wish)])

    def answer_traces(self, answer: Callable[[messages.Trace], messages.Hop]) -> None:
        """Call `answer` on another thread when a frame is traced: what became of it here."""
        for subscription in self._subscriptions.all:
            subscription.answer = answer

    def on_record(self, take: Callable[[messages.Record], None]) -> None:
        """Call `take` on another thread when a manual recording is started or stopped.

        The broker passes such messages on to subscribers of the kind `recorder` only.
        """
        for subscription in self._subscriptions.all:
            subscription.on_record = take

    def site_ns(self) -> int:
        """The site's time now, ns; this machine's wall clock while the site's is unknown."""
        return self.clock.site_ns()

    def report_now(self) -> None:
        """Send the status at once, because something changed."""
        for subscription in self._subscriptions.all:
            subscription.link.report_now()

    def read(self, timeout: float | None = None) -> ItemT:
        """The next frame (or Gap, or Event).

        Raises TimeoutError after `timeout` seconds, with `trouble` if that is known; RefusedError
        if the broker refuses what is asked; ClosedError.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            item = self._subscriptions.take(deadline)
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
        """End; a `read` that waits raises ClosedError, and iterating ends."""
        if self._closed:
            return
        self._closed = True
        self._subscriptions.close()
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
        while True:
            try:
                item = await self._inbox.mailbox.take_async()
            except ClosedError:
                raise StopAsyncIteration from None
            if self._take(item):
                return cast("ItemT", item)


__all__ = ["Event", "Gap", "Item", "Subscriber"]

"""Reading frames: the newest of each camera, or every one in order.

A Subscriber survives whatever happens to the broker and the network. It ends when it is closed, or
when the broker refuses what it asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Generic, Literal, TypeVar, Unpack, cast, overload

from camfan.address import Cameras, SiteLike, check_camera
from camfan.errors import ClosedError
from camfan.frame import Frame
from camfan.options import (
    CommonOptions,
    EveryOptions,
    LatestOptions,
    check_age,
    check_flag,
    check_fps,
    check_integer,
    check_names,
    check_since,
)
from camfan.reading.broker_subscription import SubscriptionTerms
from camfan.reading.mailbox import Item
from camfan.reading.session import ReadingSession
from camfan_wire import messages
from camfan_wire.clock import ClockEstimate
from camfan_wire.messages import Event, Gap, Status

ItemT = TypeVar("ItemT", bound=Item, covariant=True)

LATEST, EVERY = "Subscriber.latest", "Subscriber.every"


class Subscriber(Generic[ItemT]):
    """Frames of some cameras, as an iterator, an async iterator, or by `read`.

    `Subscriber.latest(…)`, or `Subscriber(…)` for short, gives the newest frame of each camera
    that was not read yet, cameras in turn, and never an older one. `Subscriber.every(…)` gives all
    frames in order, each exactly once; frames that are missing are a Gap, if `events` is set.

    Thread safety: iterating, `read` and `read_all_and_call` belong to one thread; everything else
    is safe on any thread. A Frame may be handed to other threads.

    Args:
        site: path of a site file, a loaded Site, or the address of the broker's delivery socket:
            "hub.local", "hub.local:5552", "tcp://hub.local:5552". Where a site has several
            brokers, the Subscriber connects to those of its cameras.
        cameras: a name or glob, or several; None: all. An empty list needs `events` or `statuses`.
        mode: "latest" and nothing else; `Subscriber.every` reads all frames in order.
        events: Gap and Event items come between the frames. To read events only, use
            EventSubscriber.
        statuses: keep the last status of each node in the property `statuses`.
        max_fps: `latest` only; at most this many frames a second of each camera, 0.001 to 1000.
        max_age: `latest` only; pass over frames older than this many seconds, or of unknown age.
        since: `every` only; the last position that was read of each camera, or a time with a time
            zone from which on frames are wanted. None: from now on.
        started_s: `every` only; on the monotonic clock, from when on frames of cameras that are
            not in `since` are wanted. None: from now on.
        name: name of this subscriber in the broker's figures; None: made of kind and host.
        kind: what this subscriber is, in one word: viewer, recorder.
        report: called every 2 s on another thread for the status of this node; None: no status.
        key: file of the secret key used to authenticate; None: as described in `camfan.identity`.
        server_key: public key of the broker, 64 hexadecimal digits, where there is no site file.
        loop: receive frames on this asyncio event loop instead of on a thread, which halves the
            cost of a frame; the Subscriber is then made, used and closed on the loop's thread.

    Raises:
        TypeError: an option of the other mode, or a value of the wrong type.
        ValueError: a value out of range.
        SiteError: the site file has mistakes.
        UnknownCameraError: the site file has no camera of this name.
        EndpointError: `site` is neither a file nor an address.
        KeyMissingError, KeyFileError: the site has keys, and no usable key was found.
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
        max_age = check_age(options.pop("max_age", None))
        max_fps = check_fps("max_fps", options.pop("max_fps", None))
        terms = _terms("latest", events, options)
        self._session = ReadingSession(
            site, cameras, terms, options, max_fps=max_fps, max_age=max_age
        )

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
        """Read the newest frame of each camera that was not read yet; as Subscriber(…).

        Args: those of Subscriber, without `mode`, `since` and `started_s`. Raises the same errors.
        """
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
        """Read all frames in order, each exactly once; a frame that is missing is part of a Gap.

        Args: those of Subscriber, without `mode`, `max_fps` and `max_age`. Raises the same errors.
        """
        check_names(EVERY, options, EveryOptions, LatestOptions, LATEST)
        since, started_s = check_since(options.pop("since", None)), options.pop("started_s", None)
        terms = _terms("every", events, options, started_s)
        subscriber: Subscriber[Item] = cls.__new__(cls)
        subscriber._session = ReadingSession(site, cameras, terms, options, since=since)
        return subscriber

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

    def answers(self, camera: str | None = None) -> bool:
        """The broker of this camera answers; without a camera, any broker that is needed."""
        subscriptions = self._session.subscriptions
        of = subscriptions.all if camera is None else [subscriptions.of(camera)]
        return any(one is not None and one.link.connected for one in of)

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras that were asked for, by name; empty until the broker has answered."""
        return tuple(name for one in self._session.subscriptions.all for name in one.matched)

    @property
    def statuses(self) -> dict[str, Status]:
        """The last status of each node by its name, if `statuses` was set."""
        return dict(self._session.inbox.statuses)

    @property
    def replaced(self) -> int:
        """Frames that a newer one replaced before they were read (`latest`)."""
        return self._session.inbox.latest.replaced

    @property
    def passed_over(self) -> int:
        """Frames that were left out because of `max_age`."""
        return self._session.passed_over

    @property
    def clock(self) -> ClockEstimate:
        """What is known of the site's clock: that of the first broker that is needed."""
        return self._session.subscriptions.all[0].link.clock

    def site_ns(self) -> int:
        """The site's time now, in ns; this machine's wall clock while the site's is unknown."""
        return self.clock.site_ns()

    def newest(self, camera: str) -> Frame | None:
        """The newest frame of a camera that has come, read or not; None before the first."""
        return self._session.inbox.newest.get(camera)

    def want(self, cameras: Cameras, *, max_fps: float | None = None) -> None:
        """From now on read these cameras at this rate instead (`latest`).

        Cameras that stay wanted go on without a break; a new one begins with its last frame; no
        frames are sent of the others.

        Args:
            cameras, max_fps: as for Subscriber.

        Raises:
            TypeError: a subscriber of every frame, or a value of the wrong type.
            UnknownCameraError, ValueError: as for Subscriber.
        """
        self._session.want(cameras, max_fps)

    def set_camera(
        self, camera: str, *, fps: float | None = None, quality: int | None = None
    ) -> None:
        """Change a camera while it runs. There is no answer: the camera's status shows the effect.

        Args:
            camera: name of the camera.
            fps: frames a second, 0.001 to 1000; None: as in the site file.
            quality: JPEG quality, 1 to 100; None: as in the site file.

        Raises:
            UnknownCameraError, TypeError, ValueError: such a camera or value does not exist.
        """
        check_camera(self._session.site, camera)
        fps = check_fps("fps", fps)
        quality = None if quality is None else check_integer("quality", quality, 1, 100)
        subscription = self._session.subscriptions.of(camera)
        if subscription is not None:
            wish = messages.Set(camera=camera, fps=fps, quality=quality)
            subscription.link.send([messages.encode(wish)])

    def answer_traces(self, answer: Callable[[messages.Trace], messages.Hop]) -> None:
        """Call `answer` on another thread when a frame is traced: what became of it here."""
        for subscription in self._session.subscriptions.all:
            subscription.answer = answer

    def on_record(self, take: Callable[[messages.Record], None]) -> None:
        """Call `take` on another thread when a manual recording is started or stopped.

        The broker passes such messages on to subscribers of the kind `recorder` only.
        """
        for subscription in self._session.subscriptions.all:
            subscription.on_record = take

    def report_now(self) -> None:
        """Send the status at once, because something changed."""
        for subscription in self._session.subscriptions.all:
            subscription.link.report_now()

    def read(self, timeout: float | None = None) -> ItemT:
        """The next frame; with `events` also a Gap or an Event.

        Args:
            timeout: seconds to wait at most; None: without limit.

        Raises:
            TimeoutError: nothing came in time; with `trouble` if that is known.
            RefusedError: the broker refuses what this subscriber asks for.
            ClosedError: the Subscriber was closed.
        """
        return cast("ItemT", self._session.read(timeout))  # `events` decides what can come

    def read_all_and_call(self, waiter: Callable[[], None]) -> list[ItemT]:
        """All that has come; `waiter` is called when there may be more. For event loops.

        In `latest` it is the newest frame of each camera that has one. `waiter` is called once, on
        the link's thread, however many items have come by then.

        Raises:
            RefusedError, ClosedError: as `read`, once nothing is left to read; `waiter` is called
                for that, too.
        """
        return cast("list[ItemT]", self._session.read_all(waiter))

    def close(self) -> None:
        """Stop reading; a `read` that waits raises ClosedError, and iterating ends."""
        self._session.close("this Subscriber was closed")

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
        try:
            return cast("ItemT", await self._session.read_async())
        except ClosedError:
            raise StopAsyncIteration from None


def _terms(
    mode: Literal["latest", "every"],
    events: bool,
    options: CommonOptions,
    started_s: float | None = None,
) -> SubscriptionTerms:
    statuses = check_flag("statuses", options.get("statuses", False))
    return SubscriptionTerms(mode, check_flag("events", events), statuses, started_s=started_s)


__all__ = ["Event", "Gap", "Item", "Subscriber"]

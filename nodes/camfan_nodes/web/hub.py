"""The one Subscriber of the web server, brought to the event loop.

It subscribes to the cameras that pages and streams want now, and to no others: a camera without a
consumer is not sent to this machine. All of it belongs to the event loop, the link to the broker
included: a change of threads costs more than all the work on a frame.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from camfan import Event, Frame, Report, Subscriber
from camfan.reading.mailbox import Item
from camfan_config import Site, broker_of
from camfan_config.site.pace import StateLimits, planned_pace
from camfan_nodes.monitor.last_status import figures_of, limits_said
from camfan_nodes.monitor.motion_state import MotionState
from camfan_nodes.web.web_frame import WebFrame
from camfan_wire.figures import CameraFigures, WebFigures
from camfan_wire.messages import Status

ASK_S = 0.1  # between two requests to the broker, however often pages change their wishes
LINGER_S = 2.0  # a camera without a consumer is kept for this time: pages are reloaded
EVENTS_KEPT = 500

Wish = Mapping[str, float | None]  # camera to frames per second, at most


class Consumer(Protocol):
    """Receives each new frame."""

    def frame_came(self, picture: WebFrame) -> None: ...


class Hub:
    """Runs from `run` to its cancellation. Raises what Subscriber raises, when made or run."""

    def __init__(self, site: Site, cameras: tuple[str, ...], key: Path | None = None) -> None:
        self.site = site
        self.cameras = cameras  # all that may be shown; pages know them by their place here
        self.newest: dict[str, WebFrame] = {}
        self.events: deque[Event] = deque(maxlen=EVENTS_KEPT)  # that began, oldest first
        self.received = 0
        self._numbers = {name: number for number, name in enumerate(cameras)}
        self._consumers: dict[Consumer, Wish] = {}
        self._by_camera: dict[str, dict[Consumer, None]] = {}
        self._asked: tuple[tuple[str, ...], float | None] = ((), None)
        self._later: asyncio.TimerHandle | None = None
        self._resting: asyncio.TimerHandle | None = None
        self._wishes_changed = False  # while resting
        self._when_back: Callable[[], None] | None = None
        self._motion = MotionState()
        self._listeners: list[Callable[[Event], None]] = []
        self.figures: Callable[[], WebFigures] = WebFigures
        loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._started = False  # `report` is asked for before the next line has ended
        self._frames: Subscriber[Item] = Subscriber(
            site,
            [],
            events=True,
            statuses=True,
            name="web",
            kind="web",
            report=self.report,
            key=key,
            loop=loop,
        )
        self._started = True

    async def run(self) -> None:
        self._take_all()
        await self._ended

    def _take_all(self) -> None:
        """Takes all that has arrived, in one iteration of the loop."""
        try:
            for item in self._frames.read_all_and_call(self._take_all):
                if isinstance(item, Frame):
                    self._picture(item)
                elif isinstance(item, Event):
                    self._event(item)
        except Exception as exc:  # noqa: BLE001 - `run` raises it
            if not self._ended.done():
                self._ended.set_exception(exc)

    async def close(self) -> None:
        for timer in (self._later, self._resting):
            if timer is not None:
                timer.cancel()
        self._ended.cancel()
        self._frames.close()

    @property
    def connected(self) -> bool:
        """The broker answers; of several, any."""
        return self._frames.answers()

    @property
    def trouble(self) -> str | None:
        """Why a broker cannot be reached, if known."""
        return self._frames.trouble

    @property
    def statuses(self) -> dict[str, Status]:
        return self._frames.statuses

    def site_ns(self) -> int:
        return self._frames.site_ns()

    def clock_error_ms(self) -> float | None:
        """Bound of `site_ns`; None until the broker has answered."""
        offset = self._frames.clock.offset()
        return None if offset is None else offset.error_ns / 1e6

    def report(self) -> Report:
        state = "running" if self._started and self.connected else "waiting"
        return Report(state, web=self.totals() if self._started else None)

    def totals(self) -> WebFigures:
        """Any thread."""
        return replace(self.figures(), frames=self.received)

    def set_camera(self, camera: str, *, fps: float | None, quality: int | None) -> None:
        """Ask a camera to change while it runs; None: as in the site file."""
        self._frames.set_camera(camera, fps=fps, quality=quality)

    def on_event(self, listener: Callable[[Event], None]) -> None:
        self._listeners.append(listener)

    def when_back(self, told: Callable[[], None]) -> None:
        """The broker does not answer: calls this once, when it has sent a frame again."""
        self._when_back = told

    def moving(self, camera: str) -> bool:
        """Something moves at this camera, as far as the motion nodes have reported."""
        return self._motion.moving(camera, time.monotonic())

    def limits(self, camera: str) -> StateLimits:
        """When this camera is late, stale or offline: as the broker reports, else the site file."""
        return limits_said(self._said(camera)) or planned_pace(self.site.cameras[camera]).limits

    def interval_s(self, camera: str) -> float:
        """Between two frames of this camera, as the broker reports; 0: not known."""
        said = self._said(camera)
        return 0.0 if said is None else (said.interval_ms or 0.0) / 1000

    def _said(self, camera: str) -> CameraFigures | None:
        return figures_of(camera, self.statuses.get(broker_of(self.site, camera)))

    # ---- what consumers want ----

    def wish(self, consumer: Consumer, wish: Wish) -> None:
        """What a consumer wants from now on; an empty wish removes it."""
        for camera in self._consumers.pop(consumer, ()):
            readers = self._by_camera[camera]
            del readers[consumer]
            if not readers:
                del self._by_camera[camera]
        if wish:
            self._consumers[consumer] = dict(wish)
        for camera in wish:
            self._by_camera.setdefault(camera, {})[consumer] = None
        self._wishes_changed = True
        if self._resting is None:
            self._ask_and_rest()

    def watched(self) -> tuple[str, ...]:
        """The cameras subscribed to now."""
        return self._asked[0]

    def _wanted(self) -> tuple[tuple[str, ...], float | None]:
        rates = [fps for wish in self._consumers.values() for fps in wish.values()]
        known = [fps for fps in rates if fps is not None]
        limit = max(known, default=None) if len(known) == len(rates) else None
        return tuple(name for name in self.cameras if name in self._by_camera), limit

    def _ask_and_rest(self) -> None:
        """The broker disconnects a peer that asks too much too fast."""
        self._resting = None
        if self._wishes_changed:
            self._wishes_changed = False
            self._ask()
            loop = asyncio.get_running_loop()
            self._resting = loop.call_later(ASK_S, self._ask_and_rest)

    def _ask(self) -> None:
        """Asks for more at once, for less after a while."""
        wanted, fps = self._wanted()
        asked, asked_fps = self._asked
        fewer = set(asked) - set(wanted)
        if set(wanted) - set(asked) or (wanted and fps != asked_fps):
            self._set_asked(tuple(n for n in self.cameras if n in fewer or n in wanted), fps)
        if fewer and self._later is None:
            self._later = asyncio.get_running_loop().call_later(LINGER_S, self._ask_less)

    def _ask_less(self) -> None:
        self._later = None
        self._set_asked(*self._wanted())

    def _set_asked(self, cameras: tuple[str, ...], fps: float | None) -> None:
        for name in set(self._asked[0]) - set(cameras):
            self.newest.pop(name, None)  # it would be old when it is wanted again
        if (cameras, fps) != self._asked:
            self._asked = cameras, fps
            self._frames.want(cameras, max_fps=fps)

    # ---- what arrives ----

    def _picture(self, frame: Frame) -> None:
        camera = frame.camera
        number = self._numbers.get(camera)
        if number is None or camera not in self._asked[0]:
            return
        self.received += 1
        if self._when_back is not None:
            told, self._when_back = self._when_back, None
            told()
        picture = WebFrame(frame, self.received, number, time.monotonic())
        self.newest[camera] = picture
        for consumer in tuple(self._by_camera.get(camera, ())):
            consumer.frame_came(picture)

    def _event(self, event: Event) -> None:
        self._motion.note(event, time.monotonic())
        if event.state == "start" and all(event.id != known.id for known in self.events):
            self.events.append(event)
        for listener in self._listeners:
            listener(event)

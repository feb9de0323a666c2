"""The newest frames of cameras of another site, by one link to the broker there."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import zmq

from camfan_broker.upstream.camera_map import UpstreamCameraMap
from camfan_broker.upstream.inbox import (
    UpstreamFrame,
    UpstreamItem,
    UpstreamRefusal,
)
from camfan_wire import messages
from camfan_wire.credit import LatestWindow
from camfan_wire.errors import WireError
from camfan_wire.frame_check import FrameCheck
from camfan_wire.header import Header
from camfan_wire.link import LinkUser
from camfan_wire.log_throttle import LogThrottle
from camfan_wire.messages import Status
from camfan_wire.topics import STATUSES, camera_of, status_topic

log = logging.getLogger(__name__)

LATELY_S = 6.0  # three statuses


class UpstreamLatest(LinkUser):
    """Mode `latest` of some cameras. Called on the thread of the link, unless stated otherwise."""

    def __init__(
        self,
        maps: Mapping[str, UpstreamCameraMap],
        put: Callable[[UpstreamItem], None],
        *,
        idle: bool,
        granted: Callable[[messages.Ready], None] | None = None,
    ) -> None:
        """`granted` is called with each answer to a subscription."""
        self.site: str | None = None  # of the other broker
        self.trouble: str | None = None
        self.refused: Mapping[str, str] = {}  # why a camera is not sent, by its name there
        self._maps = maps  # by the camera's name there
        self._checks = {name: FrameCheck(name) for name in maps}
        self._put = put
        self._idle = idle
        self._granted = granted
        self._wanted: tuple[tuple[str, ...], float | None] = ((), None)
        self._window = LatestWindow()
        self._asked = 0  # subscriptions without an answer
        self._warnings = LogThrottle()
        self._said: dict[str, tuple[Status, float]] = {}  # by node, with its monotonic time

    def said(self, camera: str) -> Status | None:
        """The last status of the node of a camera, if it is recent; any thread."""
        status, heard = self._said.get(camera, (None, 0.0))
        return status if time.monotonic() - heard < LATELY_S else None

    def want(self, cameras: tuple[str, ...], max_fps: float | None) -> None:
        """Subscribe to these cameras instead, by their names there; any thread."""
        if (cameras, max_fps) != self._wanted:
            self._wanted = cameras, max_fps
            self.link.ask_again()

    def wishes(self) -> messages.Subscribe:
        cameras, max_fps = self._wanted
        self._asked += 1
        had = {name: self._maps[name].newest for name in cameras}
        return messages.Subscribe(
            cameras=list(cameras),
            credit=self._window.restart(time.monotonic_ns()),
            max_fps=max_fps,
            since={name: newest for name, newest in had.items() if newest is not None},
            idle=self._idle,
            topics=[] if self._idle else [status_topic(n).decode() for n in self._maps][:64],
        )

    def on_topic(self, topic: bytes, body: bytes) -> None:
        if topic.startswith(STATUSES):
            with suppress(WireError):  # the broker there checked it; a newer one may know more
                status = messages.decode_status_from_broker(body)
                self._said[status.node] = status, time.monotonic()

    def on_frame(self, parts: list[zmq.Frame]) -> None:
        topic = parts[0].bytes
        camera = camera_of(topic)
        camera_map = self._maps.get(camera)
        if camera_map is None:  # it was on its way when the subscription changed
            self._give_credit(None)
            return
        try:
            header = self._checks[camera].read(
                topic, parts[1].bytes, parts[2].buffer, camera_map.limits
            )
        except WireError as exc:  # the broker there has other limits, or another version
            if self._warnings.allows(camera_map.local):
                log.warning("%s: a frame from another site is rejected: %s", camera_map.local, exc)
            self._put(UpstreamRefusal(camera_map.local, exc))
            self._give_credit(None)
            return
        self._give_credit(header)
        here = camera_map.take(header, self.link.clock)
        if here is not None:
            self._put(UpstreamFrame(here, parts[2], late=False))

    def _give_credit(self, header: Header | None) -> None:
        if self._asked:
            return  # the subscription that is not answered yet brings its own credit
        clock, age, link = self.link.clock.offset(), None, self.link
        if header is not None and header.offset is not None and clock is not None:
            age = link.clock.site_ns() - header.captured - header.offset
        round_trip = None if clock is None else 2 * clock.error_ns
        credit = self._window.arrived(time.monotonic_ns(), age, round_trip)
        if credit:
            link.send([messages.encode(messages.Credit(credit))])

    def on_message(self, message: messages.FromBroker) -> None:
        if isinstance(message, messages.Welcome):
            self._asked, self.site = 1, message.site
        elif isinstance(message, messages.Ready):
            self._asked = max(0, self._asked - 1)
            self.trouble, self.refused = None, message.refused
            if self._granted is not None:
                self._granted(message)
        elif isinstance(message, messages.Refused):
            self.trouble = f"the broker there refuses: {message.reason}"

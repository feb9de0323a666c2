"""Missed frames of a camera of another site, from the rings there.

It answers a repair as the node of a camera does: frames in order, gaps with reasons, the end.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import zmq
from msgspec.structs import replace

from camfan_broker.upstream.camera_map import UpstreamCameraMap
from camfan_broker.upstream.inbox import (
    UpstreamFrame,
    UpstreamItem,
    UpstreamRefusal,
)
from camfan_wire import messages
from camfan_wire.errors import WireError
from camfan_wire.frame_check import FrameCheck
from camfan_wire.header import Position, decode_header
from camfan_wire.link import LinkUser
from camfan_wire.messages import Gap, Repair, Repaired

REFUSED = "refused"  # the reason of a gap, as a camera gives it


class UpstreamRepair(LinkUser):
    """Mode `every` from where a repair begins, and nothing between repairs.

    All but `ask` is called on the thread of the link.
    """

    def __init__(
        self, camera: str, camera_map: UpstreamCameraMap, put: Callable[[UpstreamItem], None]
    ) -> None:
        self._camera = camera  # its name there
        self._check = FrameCheck(camera)
        self._map = camera_map
        self._put = put
        self._asked: Repair | None = None
        self._request: Repair | None = None
        self._after = Position("", 0)
        self._frames = 0  # of the present request, still to come
        self._subscribed = 0  # subscriptions without an answer: frames still belong to an older one

    def ask(self, request: Repair) -> bool:
        """Begin to answer a request, which replaces an older one; the loop's thread."""
        self._asked = request
        self.link.ask_again()
        return True

    def wishes(self) -> messages.Subscribe:
        asked, self._asked = self._asked, None
        if asked is not None:
            self._request, self._after, self._frames = asked, asked.after, asked.frames
        self._subscribed += 1
        if self._request is None:
            return messages.Subscribe(idle=True)
        begins = self._request.since is not None and self._after == self._request.after
        ago = self._map.ago_ns(self._request.since or 0) if begins else None
        return messages.Subscribe(
            cameras=[self._camera],
            mode="every",
            credit=max(self._frames, 1),
            since={self._camera: self._after} if ago is None else {},
            since_ago=ago,
            idle=True,
        )

    def on_message(self, message: messages.FromBroker) -> None:
        if isinstance(message, messages.Welcome):
            self._subscribed = 1
        elif isinstance(message, messages.Ready):
            self._subscribed = max(0, self._subscribed - 1)
        elif isinstance(message, Gap) and self._request is not None and not self._subscribed:
            self._gap(message, self._request)

    def on_frame(self, parts: list[zmq.Frame]) -> None:
        request = self._request
        if request is None or self._subscribed:
            return
        try:
            header = self._check.read(
                parts[0].bytes, parts[1].bytes, parts[2].buffer, self._map.limits
            )
        except WireError as exc:
            self._refuse(exc, parts[1].bytes, request)
            return
        if self._is_beyond(header.position, request):
            self._end(request, done=True)
            return
        here = self._map.translate(header, self.link.clock, late=True)
        self._put(UpstreamFrame(here, parts[2], late=True))
        self._after, self._frames = header.position, self._frames - 1
        self._end_if_answered(request)

    def _refuse(self, error: WireError, text: bytes, request: Repair) -> None:
        """A frame that is not acceptable here is a gap, if its header says which frame it is."""
        header = None
        with suppress(WireError):
            header = decode_header(text)
        if header is not None and self._is_beyond(header.position, request):
            self._end(request, done=True)
            return
        self._put(UpstreamRefusal(self._map.local, error))
        self._frames -= 1  # its credit is spent
        if header is not None:
            run, sequence = header.run, header.sequence
            gap = Gap(camera=self._camera, run=run, first=sequence, last=sequence, reason=REFUSED)
            self._gap(gap, request)
        elif self._frames <= 0:
            self._end(request, done=False)

    def _gap(self, gap: Gap, request: Repair) -> None:
        self._put(replace(gap, camera=self._map.local))
        if gap.last is not None:
            self._after = Position(gap.run, gap.last)
            self._end_if_answered(request)

    def _end_if_answered(self, request: Repair) -> None:
        before, after = request.before, self._after
        if before is not None and after.run == before.run and after.sequence + 1 >= before.sequence:
            self._end(request, done=True)
        elif self._frames <= 0:
            self._end(request, done=False)

    def _is_beyond(self, position: Position, request: Repair) -> bool:
        before = request.before
        return (
            before is not None
            and position.run == before.run
            and position.sequence >= before.sequence
        )

    def _end(self, request: Repair, *, done: bool) -> None:
        self._request = None
        self._put(Repaired(camera=self._map.local, id=request.id, done=done))
        if done or self._frames > 0:
            self.link.ask_again()  # for nothing, so that no credit is left

"""Frames that this broker misses of a camera of another site, out of the rings there.

Answers a repair as the node of a camera would: frames in order, gaps with their reasons, the end.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import zmq
from msgspec.structs import replace

from camfan_broker.upstream.inbox import (
    UpstreamCameraMap,
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

    Called on the link's thread, but for `ask`.
    """

    def __init__(
        self, camera: str, passage: UpstreamCameraMap, put: Callable[[UpstreamItem], None]
    ) -> None:
        self._camera = camera  # its name there
        self._check = FrameCheck(camera)
        self._passage = passage
        self._put = put
        self._asked: Repair | None = None
        self._request: Repair | None = None
        self._after = Position("", 0)
        self._frames = 0  # of the present request, still to come
        self._subscribed = 0  # subscriptions under way: what comes now belongs to an older one

    def ask(self, request: Repair) -> bool:
        """The loop's thread. The request takes the place of an older one."""
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
        ago = self._passage.ago_ns(self._request.since or 0) if begins else None
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
                parts[0].bytes, parts[1].bytes, parts[2].buffer, self._passage.limits
            )
        except WireError as exc:
            self._refuse(exc, parts[1].bytes, request)
            return
        if self._is_beyond(header.position, request):
            self._end(request, done=True)
            return
        here = self._passage.translate(header, self.link.clock, late=True)
        self._put(UpstreamFrame(here, parts[2], late=True))
        self._after, self._frames = header.position, self._frames - 1
        self._told(request)

    def _refuse(self, error: WireError, text: bytes, request: Repair) -> None:
        """A frame that is not acceptable here is a gap, if its header says which frame it is."""
        header = None
        with suppress(WireError):
            header = decode_header(text)
        if header is not None and self._is_beyond(header.position, request):
            self._end(request, done=True)
            return
        self._put(UpstreamRefusal(self._passage.local, error))
        self._frames -= 1  # its credit is spent
        if header is not None:
            run, sequence = header.run, header.sequence
            gap = Gap(camera=self._camera, run=run, first=sequence, last=sequence, reason=REFUSED)
            self._gap(gap, request)
        elif self._frames <= 0:
            self._end(request, done=False)

    def _gap(self, gap: Gap, request: Repair) -> None:
        self._put(replace(gap, camera=self._passage.local))
        if gap.last is not None:
            self._after = Position(gap.run, gap.last)
            self._told(request)

    def _told(self, request: Repair) -> None:
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
        self._put(Repaired(camera=self._passage.local, id=request.id, done=done))
        if done or self._frames > 0:
            self.link.ask_again()  # for nothing: what credit is left is void

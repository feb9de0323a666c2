"""What the broker says by itself: its status, and that the clock of its machine was set."""

from __future__ import annotations

import logging

from camfan_broker.access.board import NoticeBoard
from camfan_broker.delivery.delivery import Delivery
from camfan_broker.report.status import Sources, broker_status, part_for
from camfan_wire import messages
from camfan_wire.clock import SiteClock
from camfan_wire.notify import notify
from camfan_wire.topics import status_topic

log = logging.getLogger(__name__)

STATUS_NS = 2_000_000_000


class Reporter:
    """Belongs to the loop's thread."""

    def __init__(
        self, broker: Sources, board: NoticeBoard, delivery: Delivery, clock: SiteClock
    ) -> None:
        self._broker = broker
        self._board = board
        self._delivery = delivery
        self._clock = clock
        self._status_ns = 0

    def tick(self, now: int) -> None:
        self._follow_clock()
        if now >= self._status_ns:
            self._status_ns = now + STATUS_NS
            self._say_status()
            notify("WATCHDOG=1")

    def _follow_clock(self) -> None:
        moved = self._clock.follow_steps()
        if moved:
            log.warning("the clock of this machine was set; it moved by %.1f s", moved / 1e9)
            step: dict[str, object] = {"seconds": moved / 1e9}
            event = self._board.say_event("clock-step", "start", details=step)
            self._board.say_event("clock-step", "end", event_id=event, details=step)

    def _say_status(self) -> None:
        status = broker_status(self._broker)
        self._board.say_status(status)
        topic = status_topic(self._broker.name)
        self._delivery.send_parts(topic, lambda peer: messages.encode(part_for(peer, status)))

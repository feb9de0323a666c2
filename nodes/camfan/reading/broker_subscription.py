"""What a Subscriber asks of one broker, what that broker sends, and the credit it gets."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import zmq

from camfan.errors import RefusedError
from camfan.frame import Frame
from camfan.reading.mailbox import EveryQueue, LatestBox, Mailbox
from camfan_wire import messages
from camfan_wire.credit import EveryWindow, LatestWindow
from camfan_wire.errors import WireError
from camfan_wire.header import Header, Position, decode_header
from camfan_wire.link import LinkUser
from camfan_wire.log_throttle import LogThrottle
from camfan_wire.messages import Gap, Status
from camfan_wire.topics import EVENTS, STATUSES, camera_of

log = logging.getLogger(__name__)

_ONE = messages.encode(messages.Credit(1))


@dataclass(frozen=True, slots=True)
class SubscriptionTerms:
    """What a Subscriber asks for, besides its cameras."""

    mode: Literal["latest", "every"]
    events: bool
    statuses: bool
    open_events: bool = True  # those that were open before come too
    started_s: float | None = None  # monotonic; frames of `every` since then, at least

    @property
    def topics(self) -> list[str]:
        wanted = ((EVENTS, self.events), (STATUSES, self.statuses))
        return [topic.decode() for topic, asked in wanted if asked]


class Inbox:
    """Where all subscriptions of a Subscriber put their items."""

    def __init__(self, terms: SubscriptionTerms) -> None:
        self.mailbox = Mailbox()
        self.newest: dict[str, Frame] = {}
        self.statuses: dict[str, Status] = {}
        self.came_by: dict[str, BrokerSubscription] = {}  # by camera
        self.latest = LatestBox()  # of all brokers, so that all cameras have their turn
        if terms.mode == "latest":
            self.mailbox.add(self.latest)


class BrokerSubscription(LinkUser):
    """Runs on the link's thread, except where a method says otherwise."""

    def __init__(
        self,
        terms: SubscriptionTerms,
        inbox: Inbox,
        since: Mapping[str, Position] | datetime | None,
        cameras: list[str],
        max_fps: float | None,
    ) -> None:
        self._terms = terms
        self._inbox = inbox
        self._queue = EveryQueue()
        if terms.mode == "every":
            inbox.mailbox.add(self._queue)
        self.matched: tuple[str, ...] = ()
        self.latest_window = LatestWindow()
        self._every_window = EveryWindow()
        self._wanted = (cameras, max_fps)
        self._since_time = int(since.timestamp() * 1e9) if isinstance(since, datetime) else None
        self._positions = dict(since) if isinstance(since, Mapping) else {}
        self.unreadable = 0  # frames whose header could not be decoded
        self._missed: set[str] = set()  # cameras of which such a frame came last
        self._warnings = LogThrottle()
        self._asked = 0  # subscriptions under way: the broker has not said `ready` yet
        self.began_ns: int | None = None  # site time of the first `ready`
        self.resumed = False  # there was another one on a later connection
        self.answer: Callable[[messages.Trace], messages.Hop] | None = None
        self.on_record: Callable[[messages.Record], None] | None = None

    def want(self, cameras: list[str], max_fps: float | None) -> None:
        """Any thread. The broker gets the last of several wishes."""
        if (cameras, max_fps) != self._wanted:
            self._wanted = (cameras, max_fps)
            self.link.ask_again()

    def wishes(self) -> messages.Subscribe:
        cameras, max_fps = self._wanted
        self._asked += 1
        if self._terms.mode == "latest":
            return messages.Subscribe(
                cameras=cameras,
                credit=self.latest_window.restart(time.monotonic_ns()),
                max_fps=max_fps,
                topics=self._terms.topics,
                open=self._terms.open_events or self.began_ns is not None,
            )
        credit, window = self._every_window.restart(*self._inbox.mailbox.waiting(self._queue))
        return messages.Subscribe(
            cameras=cameras,
            mode="every",
            credit=credit,
            window=window,
            since=self._positions,
            since_time=self._since_time,
            since_ago=self._since_ago(),
            topics=self._terms.topics,
        )

    def _since_ago(self) -> int | None:
        """How long ago the reader started, ns: before it knew the clock of the site."""
        started_s = self._terms.started_s
        return None if started_s is None else max(0, int((time.monotonic() - started_s) * 1e9))

    def was_read(self, size: int) -> None:
        """Mode `every`, any thread: a frame left the queue, so there is room for another."""
        returned = self._every_window.read(size)
        if returned is not None:
            self.link.send([messages.encode(messages.Credit(*returned))])

    def on_frame(self, parts: list[zmq.Frame]) -> None:
        try:
            header = decode_header(parts[1].buffer)
        except WireError as exc:
            self._on_unreadable(parts, exc)
            return
        jpeg = parts[2].buffer.toreadonly()
        frame = Frame(header, jpeg, self.link.clock)
        inbox = self._inbox
        if self._terms.mode == "latest":
            self._give_credit(header)
            store: LatestBox | EveryQueue = inbox.latest
        elif self._advance(header):
            store = self._queue
        else:
            self.was_read(header.size)
            return
        inbox.newest[header.camera] = frame
        inbox.came_by[header.camera] = self
        inbox.mailbox.put(store, frame)

    def _on_unreadable(self, parts: list[zmq.Frame], error: WireError) -> None:
        """The broker checked the frame, but may be newer than this reader.

        The credit is given back all the same: a reader must not run out of it.
        """
        camera = camera_of(parts[0].bytes)
        self.unreadable += 1
        self._missed.add(camera)
        if self._warnings.allows(camera):
            log.warning("%s: a frame that cannot be read was dropped: %s", camera, error)
        if self._terms.mode == "latest":
            self._give_credit(None)
        else:
            self.was_read(len(parts[2]))

    def settle(self) -> None:
        self._inbox.mailbox.wake()

    def _give_credit(self, header: Header | None) -> None:
        if self._asked:
            return  # the subscription under way brings credit of its own
        now, clock = time.monotonic_ns(), self.link.clock.offset()
        age = round_trip = None
        if clock is not None:
            round_trip = 2 * clock.error_ns
            if header is not None and header.offset is not None:
                age = now + clock.offset_ns - header.captured - header.offset
        credit = self.latest_window.arrived(now, age, round_trip)
        if credit:
            self.link.send([_ONE if credit == 1 else messages.encode(messages.Credit(credit))])

    def _advance(self, header: Header) -> bool:
        had = self._positions.get(header.camera)
        if had and had.run == header.run and header.sequence <= had.sequence:
            return False  # sent again after a new connection
        if self._missed and header.camera in self._missed:
            self._missed.discard(header.camera)
            self._put_unreadable(header, had)
        self._positions[header.camera] = header.position
        return True

    def _put_unreadable(self, header: Header, had: Position | None) -> None:
        """A gap for the frames before this one that came and could not be read."""
        if had is None or had.run != header.run or header.sequence <= had.sequence + 1:
            return
        gap = Gap(
            camera=header.camera,
            run=header.run,
            first=had.sequence + 1,
            last=header.sequence - 1,
            reason="unreadable",
        )
        if self._terms.events:
            self._inbox.mailbox.put_gap(self._queue, gap)

    def on_topic(self, topic: bytes, body: bytes) -> None:
        try:
            if topic.startswith(STATUSES):
                status = messages.decode_status_from_broker(body)
                self._inbox.statuses[status.node] = status
            elif self._terms.events and topic.startswith(EVENTS):
                self._inbox.mailbox.put_notice(messages.decode_event(body))
        except WireError:
            return  # the broker checked it; a newer one may know more

    def on_message(self, message: messages.FromBroker) -> None:
        if isinstance(message, Gap):
            self._gap(message)
        elif isinstance(message, messages.Ready):
            self.matched = tuple(message.cameras)
            self._asked = max(0, self._asked - 1)
            if self.began_ns is None:
                self.began_ns = self.link.clock.site_ns()
        elif isinstance(message, messages.Welcome):
            self.resumed = self.began_ns is not None
            self._asked = 1  # what was under way on an older connection is gone
        elif isinstance(message, messages.Refused):
            self._refused(message)
        elif isinstance(message, messages.Trace) and self.answer is not None:
            self._trace(message, self.answer(message))
        elif isinstance(message, messages.Record) and self.on_record is not None:
            self.on_record(message)

    def _trace(self, trace: messages.Trace, hop: messages.Hop) -> None:
        answer = messages.Traced(
            id=trace.id, camera=trace.camera, sequence=trace.sequence, run=trace.run, hops=[hop]
        )
        self.link.send([messages.encode(answer)])

    def _gap(self, gap: Gap) -> None:
        had = self._positions.get(gap.camera)
        if gap.last is not None:
            if had and had.run == gap.run and gap.last <= had.sequence:
                return  # sent again after a new connection
            self._positions[gap.camera] = Position(gap.run, gap.last)
        if self._terms.events:
            self._inbox.mailbox.put_gap(self._queue if self._terms.mode == "every" else None, gap)

    def _refused(self, refused: messages.Refused) -> None:
        words = f"the broker refused '{refused.about}': {refused.reason}"
        if refused.about in ("hello", "subscribe"):
            self._inbox.mailbox.fail(RefusedError(words))
        else:
            log.warning(words)

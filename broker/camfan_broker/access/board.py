"""The notice board: last statuses and open events, checked, kept for later subscribers.

It also says what the broker itself has to say: its status, and cameras that stop or come back.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Protocol

from camfan_broker.access.access import ALL_RIGHTS
from camfan_broker.access.rights import KeyRights
from camfan_wire import messages
from camfan_wire.clock import SiteClock
from camfan_wire.errors import WireError
from camfan_wire.header import Position
from camfan_wire.messages import Event, Status
from camfan_wire.topics import (
    event_topic,
    split_event_topic,
    split_status_topic,
    status_topic,
)

MAX_NODES = 1024
MAX_OPEN_EVENTS = 1024
MAX_OPEN_OF_SOURCE = 256


class TopicSink(Protocol):
    """Sends events and statuses on."""

    def topic_came(self, topic: bytes, body: bytes, about: str | None) -> None:
        """An event or a status; `about`: the camera that it is about."""


class NoticeBoard:
    """Belongs to the loop's thread; `statuses` may be read by others."""

    def __init__(self, clock: SiteClock, name: str) -> None:
        self._clock = clock
        self._name = name  # of this broker
        self.sinks: list[TopicSink] = []
        self.statuses: dict[str, Status] = {}
        self.heard_ns: dict[str, int] = {}  # site clock, by node
        self._bodies: dict[bytes, bytes] = {}
        self._open: dict[tuple[str, str], tuple[bytes, bytes, str | None]] = {}

    def post(self, topic: bytes, body: bytes, rights: KeyRights = ALL_RIGHTS) -> None:
        """Check and publish what a node says. Raises WireError."""
        about = None
        source_kind = split_event_topic(topic)
        node = split_status_topic(topic)
        if source_kind is not None:
            event = messages.decode_event(body)
            if (event.source, event.kind) != source_kind:
                raise WireError(
                    "bad-topic", f"an event of {event.source}, {event.kind} on {topic!r}"
                )
            if rights is not ALL_RIGHTS:
                rights.check_event(event)
            self._keep_event(event, topic, body)
            about = event.camera
        elif node is not None:
            status = messages.decode_status(body)
            if status.node != node:
                raise WireError("bad-topic", f"the status of {status.node} on {topic!r}")
            if node == self._name or status.broker is not None:
                raise WireError("not-allowed", "only the broker speaks for the broker")
            if rights is not ALL_RIGHTS:
                rights.check_status(status)
            self._keep_status(status, topic, body)
        else:
            raise WireError("bad-topic", f"{topic[:80]!r} is not a topic of events or statuses")
        self._publish(topic, body, about)

    def say_event(
        self,
        kind: str,
        state: messages.EventState,
        *,
        event_id: str = "",
        camera: str | None = None,
        details: dict[str, object] | None = None,
    ) -> str:
        """Publish an event of the broker's own; its id."""
        event = Event(
            id=event_id or secrets.token_hex(8),
            time=self._clock.now_ns(),
            source=self._name,
            kind=kind,
            state=state,
            camera=camera,
            details=details or {},
        )
        topic, body = event_topic(self._name, kind), messages.encode(event)
        self._keep_event(event, topic, body)
        self._publish(topic, body, camera)
        return event.id

    def say_status(self, status: Status) -> None:
        topic, body = status_topic(self._name), messages.encode(status)
        self._keep_status(status, topic, body)
        self._publish(topic, body, None)

    def current(
        self, wants: Callable[[bytes, str | None], bool], open_events: bool
    ) -> list[tuple[bytes, bytes]]:
        """Last statuses that are wanted, and open events, by topic and camera."""
        found = [(topic, body) for topic, body in self._bodies.items() if wants(topic, None)]
        if not open_events:
            return found
        return found + [(t, body) for t, body, camera in self._open.values() if wants(t, camera)]

    def last_frame(self, camera: str) -> Position | None:
        """The newest frame that a camera says it has numbered, if it says so."""
        status = self.statuses.get(camera)  # a camera's node has its name
        publisher = None if status is None else status.publisher
        return None if publisher is None else publisher.last_frame

    def _publish(self, topic: bytes, body: bytes, about: str | None) -> None:
        for sink in self.sinks:
            sink.topic_came(topic, body, about)

    def _keep_status(self, status: Status, topic: bytes, body: bytes) -> None:
        if status.node not in self.statuses and len(self.statuses) >= MAX_NODES:
            raise WireError("too-many", f"{MAX_NODES} nodes report already")
        self.statuses[status.node] = status
        self.heard_ns[status.node] = self._clock.now_ns()
        self._bodies[topic] = body

    def _keep_event(self, event: Event, topic: bytes, body: bytes) -> None:
        key = (event.source, event.id)
        if event.state == "end":
            self._open.pop(key, None)
        elif key in self._open or self._has_room(event.source):
            self._open[key] = (topic, body, event.camera)

    def _has_room(self, source: str) -> bool:
        """For one more open event. One source cannot take the room of all the others."""
        own = sum(of == source for of, _ in self._open)
        return len(self._open) < MAX_OPEN_EVENTS and own < MAX_OPEN_OF_SOURCE

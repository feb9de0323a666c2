"""Publishing events of a node, without frames: a sensor, a detector, a recorder."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import get_args

from msgspec.structs import replace

from camfan.address import SiteLike, event_endpoints, own_name, resolve_with_hidden
from camfan.identity import KeyFile, client_keys
from camfan.link.redaction import Redaction
from camfan.options import MAX_NS, check_callable, check_integer, check_name
from camfan_config import Hidden, Site, broker_of
from camfan_wire import messages
from camfan_wire.clock import ClockEstimate
from camfan_wire.errors import WireError
from camfan_wire.link import Link, LinkUser
from camfan_wire.messages import Event, EventState, Report
from camfan_wire.topics import event_topic

LAST_EVENTS_S = 2.0


class EventPublisher:
    """Publishes events, about cameras or about nothing in particular. Safe on any thread.

    Where a site has several brokers, an event about a camera goes to the broker of that camera,
    and every other event to the first one.

    Args:
        site: path of a site file, a loaded Site, or the address of the broker's delivery socket,
            such as "tcp://hub.local:5552".
        name: name of this node, the `source` of its events; None: one made of kind and host.
        kind: what this node is, in one word: sensor, motion, recorder.
        report: called every 2 s on another thread for the status of the node; None: no status.
        key: file of the secret key to authenticate with; None: as described in `camfan.identity`.
        server_key: public key of the broker, 64 hexadecimal digits, where there is no site file.
        hidden: values of a loaded Site that reports and events must not contain; of a site file
            that is given by its path they are known.

    Raises:
        SiteError: the site file has mistakes.
        EndpointError: `site` is not an address.
        KeyMissingError, KeyFileError: the site has keys, and no usable one was found.
    """

    def __init__(
        self,
        site: SiteLike,
        name: str | None = None,
        *,
        kind: str = "sensor",
        report: Callable[[], Report] | None = None,
        key: KeyFile | None = None,
        server_key: str | None = None,
        hidden: Hidden | None = None,
    ) -> None:
        check_name("kind", kind)
        check_callable("report", report)
        if name is not None:
            check_name("name", name)
        self._site, found = resolve_with_hidden(site)
        site = self._site
        self._redaction = Redaction(hidden or found)
        said = None if report is None else self._redaction.of(report)
        self.name = name or own_name(kind)
        keys = client_keys(site, name, key, server_key)
        self._links = {
            broker: Link(
                endpoint, name=self.name, kind=kind, user=LinkUser(), report=said, keys=keys
            )
            for broker, endpoint in event_endpoints(site, name).items()
        }
        self._first = next(iter(self._links.values()))

    @property
    def connected(self) -> bool:
        """The broker answers; where several are needed, all of them."""
        return all(link.connected for link in self._links.values())

    @property
    def trouble(self) -> str | None:
        """Why the broker cannot be reached, in a sentence, such as a key that is not permitted.

        None while it answers, or while nothing is known but that it does not.
        """
        return next((link.trouble for link in self._links.values() if link.trouble), None)

    @property
    def clock(self) -> ClockEstimate:
        """What is known of the site's clock."""
        return self._first.clock

    def event(
        self,
        kind: str,
        state: EventState,
        *,
        id: str | None = None,  # noqa: A002 - the word of the protocol
        camera: str | None = None,
        time_ns: int | None = None,
        details: Mapping[str, object] | None = None,
    ) -> str:
        """Publish an event. It waits for the broker if that is away.

        Args:
            kind: what happens, in one word: motion, door.
            state: start, update or end.
            id: what the start returned, at update and end; None: a new event.
            camera: the camera it is about, if any.
            time_ns: when it happened, in ns on the site's clock; None: now.
            details: JSON values; what they mean depends on the kind.

        Returns:
            The id of the event, to be given again at update and end.

        Raises:
            ValueError: the broker would reject this event: a kind that is not a name, another
                state, details that are too long.
            TypeError: details that are not JSON values.
        """
        link = self._link_of(camera)
        return send_event(
            link,
            kind,
            state,
            id=id,
            camera=camera,
            time_ns=time_ns,
            details=details,
            redaction=self._redaction,
        )

    def publish(self, event: Event) -> Event:
        """Publish an event that was made elsewhere, with this node as its source.

        Returns:
            The event as it was sent, without hidden values.

        Raises:
            ValueError, TypeError: as `event`.
        """
        return _send(self._link_of(event.camera), event, self._redaction)

    def report_now(self) -> None:
        """Send the status at once, because something changed."""
        for link in self._links.values():
            link.report_now()

    def close(self) -> None:
        """End. Events that still wait for the broker are given 2 s to leave."""
        for link in self._links.values():
            link.close(LAST_EVENTS_S)

    def __enter__(self) -> EventPublisher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _link_of(self, camera: str | None) -> Link:
        if not isinstance(self._site, Site) or camera not in self._site.cameras:
            return self._first
        return self._links.get(broker_of(self._site, camera), self._first)


def send_event(
    link: Link,
    kind: str,
    state: EventState,
    *,
    id: str | None,  # noqa: A002 - the word of the protocol
    camera: str | None,
    time_ns: int | None,
    details: Mapping[str, object] | None,
    redaction: Redaction,
) -> str:
    """Send an event of the node that a link belongs to; its id. Raises ValueError, TypeError."""
    check_name("kind", kind)
    if state not in get_args(EventState):
        raise ValueError(f"state is {', '.join(get_args(EventState))}, not {state!r}")
    if camera is not None:
        check_name("camera", camera)
    if time_ns is not None:
        check_integer("time_ns", time_ns, 0, MAX_NS)
    if details is not None and not isinstance(details, Mapping):
        raise TypeError(f"details is a dictionary of JSON values, not {details!r}")
    event = Event(
        id=id or secrets.token_hex(8),
        time=link.clock.site_ns() if time_ns is None else time_ns,
        source=link.name,
        kind=kind,
        state=state,
        camera=camera,
        details=dict(details or {}),
    )
    return _send(link, event, redaction).id


def _send(link: Link, event: Event, redaction: Redaction) -> Event:
    """Send a whole event; as it was sent. Raises ValueError, TypeError."""
    try:
        event = replace(event, details=redaction.details(event.details))
        body = messages.encode(event)
        messages.decode_event(body)
    except WireError as exc:
        raise ValueError(f"this event cannot be published: {exc}") from exc
    except TypeError as exc:
        raise TypeError(f"details is a dictionary of JSON values: {exc}") from exc
    link.send([event_topic(event.source, event.kind), body])
    return event

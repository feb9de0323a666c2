"""Publishing a camera, or events, to the broker.

A Publisher numbers what it is given, counts what could not be sent, and never waits for the
network: a frame that cannot leave now is old by the time it could.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType

import zmq

from camfan.address import SiteLike, camera_patterns, check_endpoint, own_name, resolve
from camfan.errors import ClosedError, EndpointError
from camfan.link import Link, LinkUser, Report
from camfan_config import endpoints
from camfan_wire import messages
from camfan_wire.clock import ClockEstimate
from camfan_wire.errors import WireError
from camfan_wire.header import Header, encode_header
from camfan_wire.jpeg import picture_size
from camfan_wire.messages import Event, EventState
from camfan_wire.sockets import Role, open_socket
from camfan_wire.topics import camera_topic, event_topic


@dataclass(slots=True)
class Sent:
    """What became of the pictures given to `publish`."""

    frames: int = 0  # handed to the network
    bytes: int = 0
    unsent: int = 0  # numbered, but the broker was away or the link full: lost, and counted
    refused: int = 0  # no JPEG within the limits: not numbered


class Publisher:
    """Frames of one camera (`camera`), or events alone (`camera=None`).

    `site` is the path of a site file or a loaded Site; or, with `ingest`, the address of the
    broker's delivery socket. `publish` belongs to one thread, the one that made the Publisher's
    first frame; everything else may be called from any. `report` is asked for the node's status
    every 2 s, on another thread.
    Raises SiteError, UnknownCameraError and EndpointError when made.
    """

    def __init__(
        self,
        site: SiteLike,
        camera: str | None = None,
        *,
        ingest: str | None = None,
        name: str | None = None,
        kind: str = "camera",
        report: Callable[[], Report] | None = None,
    ) -> None:
        site = resolve(site)
        if isinstance(site, str):
            if camera is not None and ingest is None:
                raise EndpointError(
                    "to publish a camera without a site file, name the ingest address as well"
                )
            delivery = site
        else:
            addresses = endpoints(site)
            delivery, ingest = addresses.delivery, ingest or addresses.ingest
            if camera is not None:
                camera_patterns(site, [camera])
        self.camera = camera
        self.run = secrets.token_hex(8)
        self.sequence = 0  # of the next frame
        self.sent = Sent()
        self.name = name or camera or own_name(kind)
        self._closed = False
        self._link = Link(delivery, name=self.name, kind=kind, user=LinkUser(), report=report)
        self._outlet = None
        if camera is not None and ingest is not None:
            self._outlet = _Outlet(check_endpoint(ingest), camera)

    @property
    def connected(self) -> bool:
        """The broker answers."""
        return self._link.connected

    @property
    def clock(self) -> ClockEstimate:
        """What is known of the site's clock."""
        return self._link.clock

    def publish(self, jpeg: bytes | memoryview, *, captured_ns: int | None = None) -> bool:
        """Number and send one picture; False if it could not leave and is lost.

        `captured_ns` is when it was taken, on this machine's wall clock; now, if not given.
        Raises WireError if it is not one whole JPEG within the limits; it is then not numbered.
        """
        if self._closed:
            raise ClosedError("this Publisher was closed")
        if self._outlet is None or self.camera is None:
            raise ClosedError("this Publisher was made for events, without a camera")
        try:
            width, height = picture_size(jpeg)
        except WireError:
            self.sent.refused += 1
            raise
        wall = time.time_ns()
        captured = wall if captured_ns is None else captured_ns
        offset, error = self._offset_of(wall)
        header = Header(
            version=1,
            camera=self.camera,
            run=self.run,
            sequence=self.sequence,
            captured=captured,
            offset=offset,
            error=error,
            width=width,
            height=height,
            size=len(jpeg),
        )
        self.sequence += 1
        if self._outlet.send(header, jpeg):
            self.sent.frames += 1
            self.sent.bytes += len(jpeg)
            return True
        self.sent.unsent += 1
        return False

    def _offset_of(self, wall: int) -> tuple[int | None, int | None]:
        """Site clock minus our wall clock, and its bound: true also right after a step of ours."""
        known = self._link.clock.offset()
        if known is None:
            return None, None
        return known.offset_ns + time.monotonic_ns() - wall, known.error_ns

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
        """Publish an event; its id, to be given again at update and end.

        `time_ns` is on the site's clock; now, if not given. Waits for the broker if it is away.
        """
        event = Event(
            id=id or secrets.token_hex(8),
            time=self._link.clock.site_ns() if time_ns is None else time_ns,
            source=self.name,
            kind=kind,
            state=state,
            camera=camera or self.camera,
            details=dict(details or {}),
        )
        self._link.send([event_topic(self.name, kind), messages.encode(event)])
        return event.id

    def report_now(self) -> None:
        """Send the status at once, because something changed."""
        self._link.report_now()

    def close(self) -> None:
        """End. Call it on the thread that publishes."""
        if self._closed:
            return
        self._closed = True
        if self._outlet is not None:
            self._outlet.close()
        self._link.close()

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Outlet:
    """The ingest socket of one camera; knows whether the broker listens."""

    def __init__(self, endpoint: str, camera: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = open_socket(self._context, Role.CAMERA)
        self._socket.connect(endpoint)
        self._topic = camera_topic(camera)
        self._wanted: set[bytes] = set()  # subscriptions of the broker, by prefix

    def send(self, header: Header, jpeg: bytes | memoryview) -> bool:
        self._read_subscriptions()
        topic = header.topic
        if not any(topic.startswith(prefix) for prefix in self._wanted):
            return False
        try:
            self._socket.send(topic, zmq.DONTWAIT | zmq.SNDMORE)
        except zmq.Again:
            return False  # the link is full
        # Only the first part can find the queue full; the others belong to it.
        self._socket.send(encode_header(header), zmq.DONTWAIT | zmq.SNDMORE)
        self._socket.send(jpeg, zmq.DONTWAIT, copy=False)
        return True

    def _read_subscriptions(self) -> None:
        while True:
            try:
                event = self._socket.recv(zmq.DONTWAIT)
            except zmq.Again:
                return
            if event[:1] == b"\x01":
                self._wanted.add(event[1:])
            elif event[:1] == b"\x00":
                self._wanted.discard(event[1:])

    def close(self) -> None:
        self._socket.close(linger=200)
        self._context.term()

"""Publishing a camera, or events, to the broker.

A Publisher numbers what it is given, makes up for what could not be sent, and never waits for the
network: a frame that cannot leave now stays in the ring until it is asked for.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from camfan.absences import Making
from camfan.address import SiteLike, destination, own_name, resolve
from camfan.desk import Desk
from camfan.errors import ClosedError
from camfan.identity import KeyFile, client_keys
from camfan.orders import Orders
from camfan.outlet import Left, Outlet
from camfan.repair import NoPast
from camfan.reporting import completed
from camfan.ring import Counts, Kept, Ring
from camfan_config import CameraRing, Site, broker_of
from camfan_wire import messages
from camfan_wire.clock import ClockEstimate
from camfan_wire.errors import WireError
from camfan_wire.header import Header, encode_header
from camfan_wire.jpeg import picture_size
from camfan_wire.link import Link, LinkUser, Report
from camfan_wire.messages import Event, EventState
from camfan_wire.topics import event_topic

if TYPE_CHECKING:
    from camfan.disk_ring import DiskRing

NOBODY = Making(demand=0)


class Publisher:
    """Frames of one camera (`camera`), or events alone (`camera=None`).

    `site` is the path of a site file or a loaded Site; or, with `ingest`, the address of the
    broker's delivery socket. `quality` is that of your encoder, if you have one that can be told
    another (see `quality`). `ring` is what it keeps for those who missed it: if not given, as in
    the site file, or 64 MB in memory. `publish`, `wanted`, `skip`, `refuse`, `rest` and `close`
    belong to one thread; everything else may be called from any. `report` is asked for the node's
    status every 2 s, on another thread. `key`, `server_key`: whose key to show and whose to expect,
    see `camfan.identity`.
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
        quality: int | None = None,
        ring: CameraRing | None = None,
        report: Callable[[], Report] | None = None,
        key: KeyFile | None = None,
        server_key: str | None = None,
    ) -> None:
        site = resolve(site)
        where = destination(site, camera, ingest, name)
        ring = ring or (_ring_of(site, camera) if camera is not None else CameraRing())
        self.camera = camera
        self.run = secrets.token_hex(8)
        self.name = name or camera or own_name(kind)
        self._closed = False
        self._ring = Ring(self.run, ring.memory)
        self._disk: DiskRing | None = None
        self._orders = Orders(quality, self.report_now)
        self._denied: Making | None = None  # why the next picture is not wanted, if it was asked
        self._report = report
        self._site = site
        self._others: dict[str, Link] = {}
        self._clock = ClockEstimate()
        self._outlet = None
        keys = client_keys(site, name or camera, key, server_key)
        user, publishes = LinkUser(), None
        if camera is not None and where.ingest is not None:
            self._outlet = Outlet(where.ingest, camera, keys)
            self._disk = _disk_ring(ring, camera, self.run)
            past = self._disk or NoPast()
            user, publishes = Desk(camera, self._ring, past, self._clock, self._orders), camera
        self._link = Link(
            where.delivery,
            name=self.name,
            kind=kind,
            user=user,
            clock=self._clock,
            publishes=publishes,
            report=report if publishes is None else self._status,
            keys=keys,
        )
        self._others = {  # who speaks for no camera is heard by all brokers that it deals with
            broker: Link(
                endpoint,
                name=self.name,
                kind=kind,
                user=LinkUser(),
                report=report,
                keys=keys,
            )
            for broker, endpoint in where.others.items()
        }

    @property
    def connected(self) -> bool:
        """The broker answers; where several are needed, all of them."""
        return all(link.connected for link in (self._link, *self._others.values()))

    @property
    def clock(self) -> ClockEstimate:
        """What is known of the site's clock."""
        return self._clock

    @property
    def sequence(self) -> int:
        """Of the next picture."""
        return self._ring.sequence

    @property
    def counts(self) -> Counts:
        """What became of all pictures of this run; they add up."""
        return self._ring.counts

    def publish(self, jpeg: bytes | memoryview, *, captured_ns: int | None = None) -> bool:
        """Number, keep and send one picture; False if it did not leave.

        What did not leave because the broker is away or the link full stays in the ring, and is
        sent when somebody misses it; what nobody wants is numbered only. `captured_ns` is when it
        was taken, on this machine's wall clock; now, if not given. Bytes are kept, not copied.
        Raises WireError if it is not one whole JPEG within the limits; it is then numbered, and a
        counted loss.
        """
        outlet, camera = self._open_outlet()
        making = self._making()
        if making.reason(self._ring.sequence) is not None:
            self._leave_out(1, making)
            return False
        self._denied = None
        try:
            width, height = picture_size(jpeg)
        except WireError:
            self.refuse()
            raise
        wall, monotonic = time.time_ns(), time.monotonic_ns()
        offset, error = self._offset_of(wall - monotonic)
        header = Header(
            version=1,
            camera=camera,
            run=self.run,
            sequence=self._ring.sequence,
            captured=wall if captured_ns is None else captured_ns,
            offset=offset,
            error=error,
            width=width,
            height=height,
            size=len(jpeg),
            unwanted=self._ring.unwanted,
        )
        # What is not bytes belongs to somebody who may write to it.
        kept = Kept(header, jpeg if isinstance(jpeg, bytes) else bytes(jpeg), wall - monotonic)
        self._ring.append(kept, making)
        self._orders.demand.made(header.sequence)
        encoded = encode_header(header)
        if self._disk is not None:
            self._disk.keep(kept, encoded, making)
        left = outlet.send(header.topic, encoded, kept.jpeg)
        if left is Left.SENT:
            self._ring.left(kept)
        self._orders.adaptation.made(header.sequence, left)
        if self._disk is not None:
            self._disk.settle()
        return left is Left.SENT

    def wanted(self) -> bool:
        """Whether the next picture is worth making: somebody wants it.

        Ask before the work of taking and encoding it, and call `skip` if the answer is no.
        """
        making = self._making()
        denied = making.reason(self._ring.sequence) is not None
        self._denied = making if denied else None
        return not denied

    def skip(self, pictures: int = 1) -> None:
        """Number so many pictures that are not made."""
        self._open_outlet()
        self._leave_out(pictures, self._denied or NOBODY)

    def refuse(self) -> None:
        """Number a picture that turned out to be none."""
        self._open_outlet()
        making, sequence = self._making(), self._ring.sequence
        making = Making() if making.reason(sequence) else making
        self._ring.refuse(making)
        self._denied = None
        if self._disk is not None:
            self._disk.refuse(sequence, making)

    def idle(self) -> bool:
        """Nobody watches, and no picture is due that keeps the last one fresh."""
        return self._orders.demand.idle()

    def rest(self, seconds: float) -> None:
        """Wait for so long while `idle`; ends at once when somebody wants pictures."""
        self._orders.demand.rest(seconds)

    @property
    def quality(self) -> int | None:
        """With what quality to encode the next picture: yours, or one that an operator has set, or
        a lower one that the link carries. None for a Publisher that was made without `quality`.
        """
        return self._orders.jpeg_quality

    @property
    def fps(self) -> float | None:
        """How many pictures a second an operator wants; None: as you like."""
        return self._orders.fps

    def _making(self) -> Making:
        return self._orders.making(self._ring.sequence)

    def _leave_out(self, pictures: int, making: Making) -> None:
        sequence = self._ring.sequence
        changed = self._ring.leave_out(pictures, making)
        self._denied = None
        if changed and self._disk is not None:
            self._disk.leave_out(sequence, making)

    def _open_outlet(self) -> tuple[Outlet, str]:
        if self._closed:
            raise ClosedError("this Publisher was closed")
        if self._outlet is None or self.camera is None:
            raise ClosedError("this Publisher was made for events, without a camera")
        return self._outlet, self.camera

    def _offset_of(self, apart: int) -> tuple[int | None, int | None]:
        """Site clock minus our wall clock, and its bound: true also right after a step of ours.

        `apart` is our wall clock minus our monotonic one.
        """
        known = self._clock.offset()
        if known is None:
            return None, None
        return known.offset_ns - apart, known.error_ns

    def _status(self) -> Report:
        """The node's own report, with the accounts of the camera."""
        assert self.camera is not None
        return completed(self._report, self.camera, self._ring, self._disk, self._orders)

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
        link = self._link_of(camera)
        event = Event(
            id=id or secrets.token_hex(8),
            time=link.clock.site_ns() if time_ns is None else time_ns,
            source=self.name,
            kind=kind,
            state=state,
            camera=camera or self.camera,
            details=dict(details or {}),
        )
        link.send([event_topic(self.name, kind), messages.encode(event)])
        return event.id

    def _link_of(self, camera: str | None) -> Link:
        """To the broker of a camera, if this is not the first one's."""
        if isinstance(self._site, str) or camera not in self._site.cameras:
            return self._link
        return self._others.get(broker_of(self._site, camera), self._link)

    def report_now(self) -> None:
        """Send the status at once, because something changed."""
        for link in (self._link, *self._others.values()):
            link.report_now()

    def close(self) -> None:
        """End. Call it on the thread that publishes."""
        if self._closed:
            return
        self._closed = True
        if self._outlet is not None:
            self._outlet.close()
        for link in (self._link, *self._others.values()):
            link.close()
        if self._disk is not None:
            self._disk.close(self._ring.sequence)

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _ring_of(site: Site | str, camera: str) -> CameraRing:
    """As the site file says, if there is one."""
    return CameraRing() if isinstance(site, str) else site.cameras[camera].ring


def _disk_ring(ring: CameraRing, camera: str, run: str) -> DiskRing | None:
    if ring.disk is None or ring.path is None:
        return None
    from camfan.disk_ring import DiskRing  # only here: not every system has its locks

    return DiskRing(Path(ring.path) / camera, camera, run, ring.disk)

"""Publishing the frames of a camera, and events about it, to the broker.

A Publisher numbers what it is given, makes up for what could not be sent, and never waits for the
network: a frame that cannot leave now stays in the ring until it is asked for.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from camfan.address import SiteLike, camera_endpoints, resolve_with_hidden
from camfan.encoding import check_image, encode_image
from camfan.errors import AlreadyPublishedError, ClosedError, NotCustomError
from camfan.event_publisher import send_event
from camfan.frame import Frame, Image
from camfan.identity import KeyFile, client_keys
from camfan.link.camera_commands import CameraCommands
from camfan.link.camera_settings import CameraSettings
from camfan.link.claim import Claim
from camfan.link.ingest_socket import IngestSocket, SendResult
from camfan.link.redaction import Redaction
from camfan.link.reporting import complete_report
from camfan.options import (
    MAX_NS,
    check_callable,
    check_captured,
    check_integer,
    check_jpeg,
    check_number,
)
from camfan.ring.absences import EncodingDecision
from camfan.ring.repair import NoArchive
from camfan.ring.ring import CaptureCounts, MemoryRing, StoredFrame
from camfan_config import CameraRing, CustomCamera, Hidden, Site
from camfan_wire.bounds import WIDEST, check_bounds
from camfan_wire.clock import ClockEstimate, ClockOffset
from camfan_wire.errors import WireError
from camfan_wire.header import Header, encode_header
from camfan_wire.link import Link
from camfan_wire.messages import EventState, Report
from camfan_wire.upright import SizeCache

if TYPE_CHECKING:
    from camfan.ring.disk_ring import DiskRing

CLOCK_S = 0.02  # how often it is looked whether the clock is known
NOBODY = EncodingDecision(demand=0)
DEFAULT_QUALITY = 80  # of `publish_image`


class Publisher:
    """Publishes the frames of one camera. For events alone there is EventPublisher.

    `publish`, `publish_image`, `wanted`, `skip`, `refuse`, `rest` and `close` belong to one thread;
    everything else is safe on any.

    Args:
        site: path of a site file, or a loaded Site; or, together with `ingest`, the address of the
            broker's delivery socket, such as "tcp://hub.local:5552".
        camera: name of the camera in the site file.
        ingest: address of the broker's ingest socket, where it is not the one of the site file.
        quality: JPEG quality of your encoder, 1 to 100, if it can be changed while it runs (see
            the property `quality`); None if it cannot.
        ring: what is stored for subscribers that missed it; None: as in the site file, or 64 MB in
            memory where there is no site file.
        report: called every 2 s on another thread for the status of the node; None: the state is
            `live` as soon as a picture was published.
        key: file of the secret key to authenticate with; None: the camera's own, as described in
            `camfan.identity`.
        server_key: public key of the broker, 64 hexadecimal digits, where there is no site file.
        take_over: publish the camera also if another process does; that one is item, and ends.
        hidden: values of a loaded Site that reports and events must not contain; of a site file
            that is given by its path they are known.
        node: the caller takes the pictures of the camera's `source`, as `camfan camera` does.
            Without it the camera has to be `source: custom`.

    A camera has one publisher at a time. While another one is alive, and when another one takes
    over, `publish`, `skip`, `refuse`, `wanted` and `check` raise AlreadyPublishedError; this is
    known about 3 s after the start, because the other one may just be ending.

    Raises:
        SiteError: the site file has mistakes.
        UnknownCameraError: the site has no such camera.
        NotCustomError: the camera is not `source: custom`.
        EndpointError: `site` or `ingest` is not an address, or `ingest` is missing.
        KeyMissingError, KeyFileError: the site has keys, and no usable one was found.
    """

    def __init__(
        self,
        site: SiteLike,
        camera: str,
        *,
        ingest: str | None = None,
        quality: int | None = None,
        ring: CameraRing | None = None,
        report: Callable[[], Report] | None = None,
        key: KeyFile | None = None,
        server_key: str | None = None,
        take_over: bool = False,
        hidden: Hidden | None = None,
        node: bool = False,
    ) -> None:
        if quality is not None:
            quality = check_integer("quality", quality, 1, 100)
        if ring is not None and not isinstance(ring, CameraRing):
            raise TypeError(f"ring is a camfan_config.CameraRing, not {ring!r}")
        check_callable("report", report)
        site, found = resolve_with_hidden(site)
        self._redaction = Redaction(hidden or found)
        delivery, ingest = camera_endpoints(site, camera, ingest)
        if not node:
            _check_custom(site, camera)
        ring = ring or _ring_of(site, camera)
        keys = client_keys(site, camera, key, server_key)
        self.camera = camera
        self.run = secrets.token_hex(8)
        self._closed = False
        self._sizes = SizeCache()
        self._limits = WIDEST if isinstance(site, str) else site.security.limits
        self._ring = MemoryRing(self.run, ring.memory)
        self._claim = Claim()
        self._settings = CameraSettings(quality, self.report_now)
        self._denied: EncodingDecision | None = (
            None  # why the next picture is not wanted, if it was asked
        )
        self._report = report
        self._clock = ClockEstimate()
        self._ingest = IngestSocket(ingest, keys)
        self._disk = _disk_ring(ring, camera, self.run)
        archive = self._disk or NoArchive()
        self._link = Link(
            delivery,
            name=camera,
            kind="camera",
            user=CameraCommands(
                camera, self._ring, archive, self._clock, self._settings, self._claim
            ),
            clock=self._clock,
            publishes=camera,
            run=self.run,
            take_over=take_over,
            report=self._status,
            keys=keys,
        )

    @property
    def connected(self) -> bool:
        """The broker answers."""
        return self._link.connected

    @property
    def trouble(self) -> str | None:
        """Why the broker cannot be reached, in a sentence, such as a key that is not permitted.

        None while it answers, or while nothing is known but that it does not.
        """
        return self._link.trouble

    @property
    def clock(self) -> ClockEstimate:
        """What is known of the site's clock."""
        return self._clock

    @property
    def sequence(self) -> int:
        """Of the next picture."""
        return self._ring.sequence

    @property
    def counts(self) -> CaptureCounts:
        """What became of all pictures of this run; they add up."""
        return self._ring.counts

    def publish(
        self,
        jpeg: bytes | memoryview,
        *,
        captured_ns: int | None = None,
        error_ns: int = 0,
    ) -> bool:
        """Number, keep and send one JPEG. Never waits for the network.

        Args:
            jpeg: one whole JPEG. `bytes` are stored without a copy; anything else is copied.
            captured_ns: when it was taken: ns since 1970 on this machine's wall clock, as
                `time.time_ns()`; None: now. Subscribers read it as `Frame.captured`.
            error_ns: bound of the error of `captured_ns`, which counts into the error of the
                frame's age.

        Returns:
            True if it was handed to the network. False if the broker is away or the link full: it
            stays in the ring, and is sent later to subscribers that miss it. False also if it is
            not wanted: then it has a number and nothing else.

        Raises:
            WireError: not one whole JPEG within the limits; NotUprightError (a WireError and a
                ValueError): its EXIF orientation is not 1, see `camfan.upright`. The picture is
                numbered, and a counted loss.
            TypeError, ValueError: a time that is not a number of ns; nothing is numbered.
            ClosedError: this Publisher was closed.
        """
        self._check_open()
        if type(jpeg) is not bytes:
            check_jpeg(jpeg)
        return self._publish(jpeg, _check_times(captured_ns, error_ns), error_ns, None)

    def replay(self, frame: Frame) -> bool:
        """Publish a frame of a recording, with its number and its times, marked `replayed`.

        Numbers between the last frame and this one are skipped. Returns as `publish`.

        Raises:
            ValueError: its number is not after that of the last frame: begin with another
                Publisher, which has a run of its own.
            WireError, ClosedError: as `publish`.
        """
        self._check_open()
        missing = frame.sequence - self.sequence
        if missing < 0:
            raise ValueError(f"{frame!r} is not after frame {self.sequence - 1} of this Publisher")
        if missing:
            self.skip(missing)
        return self._publish(frame.jpeg, frame.captured, 0, frame)

    def _publish(
        self,
        jpeg: bytes | memoryview,
        captured_ns: int | None,
        error_ns: int,
        recorded: Frame | None,
    ) -> bool:
        decision = self._decide()
        if decision.reason(self._ring.sequence) is not None:
            self._leave_out(1, decision)
            return False
        self._denied = None
        try:
            width, height = self._sizes.upright_size(jpeg)
            check_bounds(len(jpeg), width, height, self._limits)
        except WireError:
            self.refuse()
            raise
        wall, monotonic = time.time_ns(), time.monotonic_ns()
        known = self._clock.offset()
        offset, error = _offset_of(known, wall - monotonic)
        if recorded is not None:
            offset, error = recorded.offset, recorded.error
        header = Header(
            version=1,
            camera=self.camera,
            run=self.run,
            sequence=self._ring.sequence,
            captured=wall if captured_ns is None else captured_ns,
            offset=offset,
            error=None if error is None else error + error_ns,
            width=width,
            height=height,
            size=len(jpeg),
            unwanted=self._ring.unwanted,
            epoch=None if known is None else known.epoch,
            replayed=recorded is not None,
        )
        # What is not bytes belongs to somebody who may write to it.
        stored = StoredFrame(
            header,
            jpeg if isinstance(jpeg, bytes) else bytes(jpeg),
            wall - monotonic,
            error_ns=error_ns,
        )
        self._ring.append(stored, decision)
        self._settings.demand.made(header.sequence)
        encoded = encode_header(header)
        if self._disk is not None:
            self._disk.keep(stored, encoded, decision)
        result = self._ingest.send(header.topic, encoded, stored.jpeg)
        if result is SendResult.SENT:
            self._ring.mark_sent(stored)
        self._settings.adaptation.made(header.sequence, result)
        if self._disk is not None:
            self._disk.settle()
        return result is SendResult.SENT

    def publish_image(
        self,
        image: Image,
        *,
        captured_ns: int | None = None,
        error_ns: int = 0,
        quality: int | None = None,
    ) -> bool:
        """Encode one picture as JPEG and publish it; a picture that is not wanted costs nothing.

        Args:
            image: uint8 array, (height, width, 3) in the order blue, green, red as in OpenCV, or
                (height, width), grey; of any memory layout. It may be reused afterwards.
            captured_ns, error_ns: as in `publish`.
            quality: of the JPEG, 1 to 100; None: the property `quality`, or 80 where that is None.

        Returns:
            As `publish`.

        Raises:
            TypeError, ValueError: not such an array, or a value out of range; nothing is numbered.
            WireError: the JPEG exceeds 16 MB; it is numbered, and a counted loss.
            ClosedError: this Publisher was closed.
        """
        self._check_open()
        image = check_image(image)
        if quality is not None:
            quality = check_integer("quality", quality, 1, 100)
        captured_ns = _check_times(captured_ns, error_ns)
        if captured_ns is None:
            captured_ns = time.time_ns()
        if not self.wanted():
            self.skip()
            return False
        jpeg = encode_image(image, quality or self.quality or DEFAULT_QUALITY)
        return self.publish(jpeg, captured_ns=captured_ns, error_ns=error_ns)

    def wanted(self) -> bool:
        """Whether the next picture is worth decision: a subscriber wants it.

        Ask before the work of taking and encoding it, and call `skip` if the answer is no.
        """
        self.check()
        decision = self._decide()
        denied = decision.reason(self._ring.sequence) is not None
        self._denied = decision if denied else None
        return not denied

    def wait_for_broker(self, seconds: float) -> bool:
        """Wait until the broker listens to this camera and its clock is known, at most so long;
        whether that is so.

        What is published before reaches readers of every frame only, late, and has no age. Worth
        waiting for where the next picture is far away.
        """
        self._check_open()
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            if not self._ingest.wait_for_broker(left_s):
                return False
            if self._clock.offset() is not None:
                return True
            time.sleep(CLOCK_S)
        return False

    def skip(self, pictures: int = 1) -> None:
        """Number this many pictures that are not made."""
        self._check_open()
        check_integer("pictures", pictures, 1, 2**63 - 1)
        self._leave_out(pictures, self._denied or NOBODY)

    def refuse(self) -> None:
        """Number a picture that was taken but cannot be published; it is a counted loss."""
        self._check_open()
        decision, sequence = self._decide(), self._ring.sequence
        decision = EncodingDecision() if decision.reason(sequence) else decision
        self._ring.refuse(decision)
        self._denied = None
        if self._disk is not None:
            self._disk.refuse(sequence, decision)

    def idle(self) -> bool:
        """No subscriber watches, and no picture is due that keeps the last one fresh."""
        return self._settings.demand.idle()

    def rest(self, seconds: float) -> None:
        """Wait this long while `idle`; ends at once when pictures are wanted."""
        check_number("seconds", seconds, 0, math.inf, "seconds")
        self._settings.demand.rest(seconds)

    @property
    def quality(self) -> int | None:
        """JPEG quality for the next picture: yours, or one that an operator has set, or a lower
        one that the link carries. None for a Publisher that was made without `quality`.
        """
        return self._settings.jpeg_quality

    @property
    def fps(self) -> float | None:
        """Pictures a second that an operator has set; None: not set."""
        return self._settings.fps

    def _decide(self) -> EncodingDecision:
        return self._settings.decide(self._ring.sequence)

    def _leave_out(self, pictures: int, decision: EncodingDecision) -> None:
        sequence = self._ring.sequence
        changed = self._ring.leave_out(pictures, decision)
        self._denied = None
        if changed and self._disk is not None:
            self._disk.leave_out(sequence, decision)

    def check(self) -> None:
        """Raises AlreadyPublishedError if another process publishes the camera."""
        lost = self._claim.lost
        if lost is not None:
            raise AlreadyPublishedError(lost)

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("this Publisher was closed")
        self.check()

    def _status(self) -> Report:
        """The node's own report, with the accounts of the camera."""
        whole = complete_report(self._report, self._ring, self._disk, self._settings)
        return self._redaction.report(whole)

    def event(
        self,
        kind: str,
        state: EventState,
        *,
        id: str | None = None,  # noqa: A002 - the word of the protocol
        time_ns: int | None = None,
        details: Mapping[str, object] | None = None,
    ) -> str:
        """Publish an event about this camera; as `EventPublisher.event`."""
        return send_event(
            self._link,
            kind,
            state,
            id=id,
            camera=self.camera,
            time_ns=time_ns,
            details=details,
            redaction=self._redaction,
        )

    def report_now(self) -> None:
        """Send the status at once, because something changed."""
        self._link.report_now()

    def close(self) -> None:
        """End. To be called on the thread that publishes."""
        if self._closed:
            return
        self._closed = True
        self._ingest.close()
        self._link.close()
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


def _check_custom(site: Site | str, camera: str) -> None:
    section = None if isinstance(site, str) else site.cameras.get(camera)
    if section is not None and not isinstance(section, CustomCamera):
        source = section.__struct_config__.tag
        raise NotCustomError(
            f"camera '{camera}' has 'source: {source}' in the site file, so its pictures "
            f"come from 'camfan camera {camera}'; a Publisher is for a camera with 'source: custom'"
        )


def _check_times(captured_ns: int | None, error_ns: int) -> int | None:
    if error_ns:
        check_integer("error_ns", error_ns, 0, MAX_NS)
    return check_captured(captured_ns)


def _ring_of(site: Site | str, camera: str) -> CameraRing:
    """As the site file says, if there is one."""
    return CameraRing() if isinstance(site, str) else site.cameras[camera].ring


def _disk_ring(ring: CameraRing, camera: str, run: str) -> DiskRing | None:
    if ring.disk is None or ring.path is None:
        return None
    from camfan.ring.disk_ring import DiskRing  # only here: not every system has its locks

    return DiskRing(Path(ring.path) / camera, camera, run, ring.disk)


def _offset_of(
    known: ClockOffset | None, wall_minus_monotonic: int
) -> tuple[int | None, int | None]:
    """Site clock minus our wall clock, and its bound: true also right after a step of ours.

    `wall_minus_monotonic` is our wall clock minus our monotonic one.
    """
    if known is None:
        return None, None
    return known.offset_ns - wall_minus_monotonic, known.error_ns

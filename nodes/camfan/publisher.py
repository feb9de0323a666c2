"""Publishing the frames of one camera, and events about it, to the broker.

A Publisher numbers each frame, keeps it for subscribers that miss it, and never waits for the
network: a frame that cannot be sent now stays in the ring until the broker asks for it.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Mapping
from types import TracebackType

from camfan.address import SiteLike, camera_endpoints, resolve_with_hidden
from camfan.encoding import check_image, encode_image
from camfan.errors import AlreadyPublishedError, ClosedError, NotCustomError
from camfan.event_publisher import send_event
from camfan.frame import Frame, Image
from camfan.identity import KeyFile, client_keys
from camfan.link.camera_commands import CameraCommands
from camfan.link.camera_settings import CameraSettings
from camfan.link.claim import Claim
from camfan.link.frame_builder import FrameBuilder
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
from camfan.ring.camera_store import CameraStore
from camfan.ring.ring import CaptureCounts, StoredFrame
from camfan_config import CameraRing, CustomCamera, Hidden, Site
from camfan_wire.bounds import WIDEST
from camfan_wire.clock import ClockEstimate
from camfan_wire.errors import WireError
from camfan_wire.header import encode_header
from camfan_wire.link import Link
from camfan_wire.messages import EventState, Report

CLOCK_S = 0.02  # between looks at whether the site's clock is known
UNWANTED = EncodingDecision(demand=0)
DEFAULT_QUALITY = 80  # of `publish_image`


class Publisher:
    """Publishes the frames of one camera. To publish events only, use EventPublisher.

    Thread safety: `publish`, `publish_image`, `wanted`, `wait_for_broker`, `skip`, `refuse`, `rest`
    and `close` belong to one thread; everything else is safe on any thread.

    A camera has one publisher at a time. While another process publishes the camera, and when
    another process takes it over, `publish`, `skip`, `refuse`, `wanted` and `check` raise
    AlreadyPublishedError. This is known about 3 s after the start, because the other process may
    just be ending.

    Args:
        site: path of a site file, a loaded Site, or, together with `ingest`, the address of the
            broker's delivery socket, such as "tcp://hub.local:5552".
        camera: name of the camera in the site file.
        ingest: address of the broker's ingest socket, if it is not the one of the site file.
        quality: JPEG quality of your encoder, 1 to 100, if it can change while the encoder runs
            (see the property `quality`); None if it cannot.
        ring: what is kept for subscribers that miss it; None: as in the site file, or 64 MB in
            memory where there is no site file.
        report: called every 2 s on another thread for the status of the node; None: the state is
            `live` after the first frame.
        key: file of the secret key used to authenticate; None: the camera's own, as described in
            `camfan.identity`.
        server_key: public key of the broker, 64 hexadecimal digits, where there is no site file.
        take_over: publish the camera even if another process does; that process gets
            AlreadyPublishedError.
        hidden: values of a loaded Site that reports and events must not contain; for a site file
            that is given by its path they are known.
        node: the caller captures from the camera's `source`, as `camfan camera` does. Without it
            the camera has to be `source: custom`.

    Raises:
        TypeError, ValueError: a value of the wrong type, or out of range.
        SiteError: the site file has mistakes.
        UnknownCameraError: the site has no such camera.
        NotCustomError: the camera is not `source: custom`.
        EndpointError: `site` or `ingest` is not an address, or `ingest` is missing.
        KeyMissingError, KeyFileError: the site has keys, and no usable key was found.
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
        if camera is None:
            raise TypeError("a Publisher is for one camera; to publish events, use EventPublisher")
        if quality is not None:
            quality = check_integer("quality", quality, 1, 100)
        if ring is not None and not isinstance(ring, CameraRing):
            raise TypeError(f"ring is a camfan_config.CameraRing, not {ring!r}")
        check_callable("report", report)
        site, found = resolve_with_hidden(site)
        delivery, ingest = camera_endpoints(site, camera, ingest)
        if not node:
            _check_custom(site, camera)
        keys = client_keys(site, camera, key, server_key)
        limits = WIDEST if isinstance(site, str) else site.security.limits
        self.camera = camera
        self.run = secrets.token_hex(8)
        self._closed = False
        self._denied: EncodingDecision | None = None  # by `wanted`, for the next frame
        self._report = report
        self._redaction = Redaction(hidden or found)
        self._clock = ClockEstimate()
        self._builder = FrameBuilder(camera, self.run, limits, self._clock)
        self._claim = Claim()
        self._settings = CameraSettings(quality, self.report_now)
        self._ingest = IngestSocket(ingest, keys)
        self._store = CameraStore(camera, self.run, ring or _ring_of(site, camera))
        self._link = Link(
            delivery,
            name=camera,
            kind="camera",
            user=CameraCommands(camera, self._store, self._clock, self._settings, self._claim),
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

        None while it answers, or while the reason is not known.
        """
        return self._link.trouble

    @property
    def clock(self) -> ClockEstimate:
        """What is known of the site's clock."""
        return self._clock

    @property
    def sequence(self) -> int:
        """Of the next frame."""
        return self._store.sequence

    @property
    def counts(self) -> CaptureCounts:
        """What became of all frames of this run; the counts add up."""
        return self._store.memory.counts

    @property
    def quality(self) -> int | None:
        """JPEG quality for the next frame: yours, one that an operator has set, or a lower one
        that the link can carry. None for a Publisher that was made without `quality`.
        """
        return self._settings.jpeg_quality

    @property
    def fps(self) -> float | None:
        """Frames a second that an operator has set; None: not set."""
        return self._settings.fps

    def publish(
        self,
        jpeg: bytes | memoryview,
        *,
        captured_ns: int | None = None,
        error_ns: int = 0,
    ) -> bool:
        """Number, keep and send one JPEG. Never waits for the network.

        Args:
            jpeg: one whole JPEG. `bytes` are kept without a copy; anything else is copied.
            captured_ns: when it was captured, in ns since 1970 on this machine's wall clock, as
                `time.time_ns()`; None: now. Subscribers read it as `Frame.captured`.
            error_ns: bound of the error of `captured_ns`; it is part of the error of the frame's
                age.

        Returns:
            True if the frame was handed to the network. False if the broker is away or the link is
            full: the frame stays in the ring, and is sent later to subscribers that miss it. False
            also if the frame is not wanted: then it has a number and nothing else.

        Raises:
            WireError: not one whole JPEG within the limits; NotUprightError (a WireError and a
                ValueError): its EXIF orientation is not 1, see `camfan.upright`. The frame is
                numbered and counted as refused.
            TypeError, ValueError: a time that is not a number of ns; nothing is numbered.
            AlreadyPublishedError: another process publishes the camera.
            ClosedError: this Publisher was closed.
        """
        self._check_open()
        if type(jpeg) is not bytes:
            check_jpeg(jpeg)
        return self._publish(jpeg, _check_times(captured_ns, error_ns), error_ns)

    def replay(self, frame: Frame) -> bool:
        """Publish a frame of a recording, with its number and its times, marked `replayed`.

        Numbers between the last frame and this one are skipped. Returns as `publish`.

        Raises:
            ValueError: its number is not after that of the last frame: continue with another
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
        recorded: Frame | None = None,
    ) -> bool:
        ring = self._store.memory
        sequence = ring.sequence
        decision = self._settings.decide(sequence)
        if decision.reason(sequence) is not None:
            self._skip(1, decision)
            return False
        self._denied = None
        try:
            frame = self._builder.build(
                jpeg, captured_ns, error_ns, sequence, ring.unwanted, recorded
            )
        except WireError:
            self.refuse()
            raise
        return self._send(frame, decision)

    def publish_image(
        self,
        image: Image,
        *,
        captured_ns: int | None = None,
        error_ns: int = 0,
        quality: int | None = None,
    ) -> bool:
        """Encode one image as JPEG and publish it; an image that is not wanted is not encoded.

        Args:
            image: uint8 array of any memory layout, (height, width, 3) in the order blue, green,
                red, as in OpenCV, or (height, width), grey. The array may be reused afterwards.
            captured_ns, error_ns: as in `publish`.
            quality: of the JPEG, 1 to 100; None: the property `quality`, or 80 where that is None.

        Returns:
            As `publish`.

        Raises:
            TypeError, ValueError: not such an array, or a value out of range; nothing is numbered.
            WireError: the JPEG exceeds the limits; the frame is numbered and counted as refused.
            AlreadyPublishedError: another process publishes the camera.
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
        """Whether the next frame is worth capturing: a subscriber wants it.

        Ask before the work of capturing and encoding, and call `skip` if the answer is False.
        """
        self.check()
        decision = self._decide()
        denied = decision.reason(self._store.sequence) is not None
        self._denied = decision if denied else None
        return not denied

    def wait_for_broker(self, seconds: float) -> bool:
        """Wait at most this long until the broker listens to this camera and its clock is known.

        Returns whether that is so. Frames that are published before reach only subscribers of
        every frame, late, and have no age. Worth waiting for where the next frame is far away.
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

    def skip(self, frames: int = 1) -> None:
        """Number this many frames that are not captured."""
        self._check_open()
        check_integer("frames", frames, 1, 2**63 - 1)
        self._skip(frames, self._denied or UNWANTED)

    def refuse(self) -> None:
        """Number a frame that was captured but cannot be published; it is counted as refused."""
        self._check_open()
        decision = self._decide()
        denied = decision.reason(self._store.sequence) is not None
        self._denied = None
        self._store.refuse(EncodingDecision() if denied else decision)

    def idle(self) -> bool:
        """No subscriber watches, and no frame is due that keeps the last one fresh."""
        return self._settings.demand.idle()

    def rest(self, seconds: float) -> None:
        """Wait this long while `idle`; returns at once when frames are wanted."""
        check_number("seconds", seconds, 0, math.inf, "seconds")
        self._settings.demand.rest(seconds)

    def check(self) -> None:
        """Raises AlreadyPublishedError if another process publishes the camera."""
        lost = self._claim.lost
        if lost is not None:
            raise AlreadyPublishedError(lost)

    def event(
        self,
        kind: str,
        state: EventState,
        *,
        id: str | None = None,  # noqa: A002 - the word of the protocol
        time_ns: int | None = None,
        details: Mapping[str, object] | None = None,
    ) -> str:
        """Publish an event about this camera; arguments, result and errors as
        `EventPublisher.event`.
        """
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
        """Stop publishing. To be called on the thread that publishes."""
        if self._closed:
            return
        self._closed = True
        self._ingest.close()
        self._link.close()
        self._store.close()

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _send(self, frame: StoredFrame, decision: EncodingDecision) -> bool:
        header, sequence = encode_header(frame.header), frame.header.sequence
        self._store.append(frame, header, decision)
        self._settings.demand.made(sequence)
        result = self._ingest.send(frame.header.topic, header, frame.jpeg)
        if result is SendResult.SENT:
            self._store.memory.mark_sent(frame)
        self._settings.adaptation.made(sequence, result)
        self._store.settle()
        return result is SendResult.SENT

    def _decide(self) -> EncodingDecision:
        return self._settings.decide(self._store.sequence)

    def _skip(self, frames: int, decision: EncodingDecision) -> None:
        self._denied = None
        self._store.skip(frames, decision)

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("this Publisher was closed")
        self.check()

    def _status(self) -> Report:
        """The node's own report, with what became of the camera's frames."""
        return self._redaction.report(complete_report(self._report, self._store, self._settings))


def _check_custom(site: Site | str, camera: str) -> None:
    section = None if isinstance(site, str) else site.cameras.get(camera)
    if section is not None and not isinstance(section, CustomCamera):
        source = section.__struct_config__.tag
        raise NotCustomError(
            f"camera '{camera}' has 'source: {source}' in the site file, so its frames "
            f"come from 'camfan camera {camera}'; a Publisher is for a camera with 'source: custom'"
        )


def _check_times(captured_ns: int | None, error_ns: int) -> int | None:
    if error_ns:
        check_integer("error_ns", error_ns, 0, MAX_NS)
    return check_captured(captured_ns)


def _ring_of(site: Site | str, camera: str) -> CameraRing:
    """As the site file says, if there is one."""
    return CameraRing() if isinstance(site, str) else site.cameras[camera].ring

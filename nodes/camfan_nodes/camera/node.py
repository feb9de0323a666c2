"""The loop of a camera node: capture, encode, publish; reopen a source that fails.

One thread, which the caller owns; nothing here exits or handles signals. The watchdog is fed by
frames that were published, and by the decision that the source is absent or that its pace explains
the silence, never by a timer. The last frame is never sent again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from camfan.ring.ring import CaptureCounts
from camfan_config.site.pace import STALE_INTERVALS, STALE_S, Gaps, Pace
from camfan_nodes.camera.clock import Clock, Steps
from camfan_nodes.camera.encode import Encoder, JpegDecodeError
from camfan_nodes.camera.figures import NodeFigures
from camfan_nodes.camera.hang_detector import HangDetector
from camfan_nodes.camera.outage import Backoff, Outage
from camfan_nodes.camera.source import (
    SLICE_S,
    CameraSource,
    CameraStream,
    CapturedFrame,
    FinalSourceError,
    Idle,
    SkippedFrames,
    SourceDemand,
    SourceError,
)
from camfan_wire.errors import WireError
from camfan_wire.exif import UPRIGHT
from camfan_wire.jpeg import picture_size

CONNECT_S = 5.0  # that a slow camera waits for the broker at its start
FEED_S = 5.0  # between reports while the source is absent
TICK_NS = 1_000_000_000  # between reports, at least
OPEN_LIMIT_S = 60.0  # opening a source that takes longer hangs
MIN_STALL_S = 1.0  # a shorter one would be the usual pause between two frames
HANG_MARGIN_S = 1.0  # how much longer than a stall a single capture may take

log = logging.getLogger(__name__)


class FramePublisher(SourceDemand, Protocol):
    """What the loop needs of `camfan.Publisher`."""

    @property
    def counts(self) -> CaptureCounts: ...

    @property
    def quality(self) -> int | None: ...

    def wait_for_broker(self, seconds: float) -> bool: ...

    def skip(self, frames: int = 1) -> None: ...

    def refuse(self) -> None: ...

    def publish(
        self, jpeg: bytes, *, captured_ns: int | None = None, error_ns: int = 0
    ) -> bool: ...

    def event(
        self,
        kind: str,
        state: Literal["start", "update", "end"],
        *,
        id: str | None = None,  # noqa: A002 - the word of the protocol
        details: Mapping[str, object] | None = None,
    ) -> str: ...

    def report_now(self) -> None: ...

    def check(self) -> None:
        """Raises CamfanError if another process publishes the camera."""


class ServiceManager(Protocol):
    """What started this process, and kills it if it does not report: systemd."""

    def ready(self) -> None: ...
    def alive(self) -> None: ...
    def status(self, text: str) -> None: ...


class StallError(SourceError):
    """The source is open, and gives no usable frame."""


@dataclass(frozen=True, slots=True)
class CameraNodeParts:
    """What a camera node consists of."""

    camera: str
    source: CameraSource
    encoder: Encoder
    publisher: FramePublisher
    supervisor: ServiceManager
    figures: NodeFigures
    hangs: HangDetector
    clock: Clock
    plan: Callable[[float | None], Pace]  # for the rate that an operator has set


class CameraNode:
    """One camera, from its first opening until the clock says stop."""

    def __init__(self, parts: CameraNodeParts) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._gaps = Gaps()
        self._good_ns = 0  # when the source last did what it should
        self._last_ns = 0  # when the last frame of this opening came; 0: not yet
        self._steps = Steps(parts.clock)
        self._outage = Outage(parts.clock)
        self._backoff = Backoff(parts.clock)
        self._refusal = ""  # why the last frame was refused
        self._damaged = 0  # frames, up to the last good one
        self._tick_due_ns = 0
        self._announced = False  # what was opened is logged with its first frame
        self._ready = False
        self._turns = False  # by EXIF orientation; logged once

    def run(self) -> None:
        """Publish until the clock says stop. Raises FinalSourceError if only a restart helps."""
        self._wait_for_broker()
        while not self._clock.wait(0):
            try:
                ended = self._follow_source()
            except SourceError as exc:
                self._lose(exc)
                self._rest(self._backoff.next_s())
            else:
                if ended:
                    self._end()
        if self._outage.lasts:
            self._parts.publisher.event(
                "camera-offline", "end", id=self._outage.event, details={"reason": "node stopped"}
            )

    def _wait_for_broker(self) -> None:
        """The first frame of a slow camera is shown for long: wait for the broker."""
        if self._pace.stale_s <= STALE_S:
            return
        until_ns = self._clock.monotonic_ns() + round(CONNECT_S * 1e9)
        while not self._clock.wait(0) and self._clock.monotonic_ns() < until_ns:
            if self._parts.publisher.wait_for_broker(SLICE_S):
                return

    def _follow_source(self) -> bool:
        """Open the source once; True when it ended, False at a stop."""
        source, clock, hangs = self._parts.source, self._clock, self._parts.hangs
        hangs.expect(f"opening {source.name}", OPEN_LIMIT_S)
        try:
            with source.open(self._parts.publisher) as stream:
                self._parts.figures.opened()
                self._announced = False
                begun_ns = clock.monotonic_ns()
                try:
                    return self._follow_stream(stream)
                except SourceError as exc:
                    if source.reopens:
                        raise
                    raise FinalSourceError(f"{exc}; only a new process can reopen it") from exc
                finally:
                    self._backoff.held((clock.monotonic_ns() - begun_ns) / 1e9)
                    hangs.expect(f"closing {source.name}", OPEN_LIMIT_S)
        finally:
            hangs.rest()

    def _follow_stream(self, stream: CameraStream) -> bool:
        clock, hangs, name = self._clock, self._parts.hangs, self._parts.source.name
        hang_s = min(self._stall_s, OPEN_LIMIT_S) + HANG_MARGIN_S
        self._good_ns, self._last_ns = clock.monotonic_ns(), 0
        self._damaged = self._parts.source.counts.unreadable
        while not clock.wait(0):
            hangs.expect(f"reading {name}", hang_s)
            got = stream.capture()
            if isinstance(got, CapturedFrame):
                if self._publish(got, stream):
                    self._came(1)
                    continue
            elif isinstance(got, SkippedFrames):
                self._pass_over(got.frames, stream)
                self._came(got.frames)
                continue
            elif got is Idle.PACED:
                self._good_ns = clock.monotonic_ns()
            elif got is Idle.ENDED:
                return True
            self._check_silence(name)
        return False

    def _came(self, pictures: int) -> None:
        """Learn the pace from frames that came since the last one."""
        now_ns = self._clock.monotonic_ns()
        if self._last_ns:
            self._gaps.add((now_ns - self._last_ns) / 1e9 / pictures)
        self._good_ns = self._last_ns = now_ns
        self._damaged = self._parts.source.counts.unreadable

    def _check_silence(self, name: str) -> None:
        """Raises StallError if the silence is longer than the pace of this camera explains."""
        pace = self._pace
        quiet_s = (self._clock.monotonic_ns() - self._good_ns) / 1e9
        stall_s = self._stall_s
        if quiet_s > stall_s:
            damaged = self._parts.source.counts.unreadable - self._damaged
            why = self._refusal and f": {self._refusal}"
            why = why or (f": {damaged} were damaged" if damaged else "")
            if not why and not self._last_ns:
                why = "; if its first frame takes longer, set a longer `stall_after`"
            raise StallError(f"{name}: no usable frame for {stall_s:g} s{why}")
        if quiet_s <= STALE_INTERVALS * pace.interval_s:
            self._feed()

    @property
    def _pace(self) -> Pace:
        return self._parts.plan(self._parts.publisher.fps).seen(self._gaps.interval_s)

    @property
    def _stall_s(self) -> float:
        return max(MIN_STALL_S, self._pace.stall_s)

    def _publish(self, picture: CapturedFrame, stream: CameraStream) -> bool:
        """Encode and send; False for a frame that cannot be published."""
        self._notice_step()
        parts = self._parts
        begun_ns = time.thread_time_ns()
        try:
            made = parts.encoder.make(picture, parts.publisher.quality)
        except (JpegDecodeError, WireError) as exc:
            parts.publisher.refuse()
            self._refuse(str(exc))
            return False
        spent_ns = time.thread_time_ns() - begun_ns
        if made.orientation != UPRIGHT:
            self._note_turning(made.orientation)
        try:
            sent = parts.publisher.publish(
                made.jpeg, captured_ns=picture.captured_ns, error_ns=picture.error_ns
            )
        except WireError as exc:
            self._refuse(str(exc))
            return False
        encode_ns = spent_ns if made.encoded else None
        parts.figures.published(len(made.jpeg), encode_ns, sent=sent)
        if self._flows(stream):
            parts.figures.size = picture_size(made.jpeg)
        return True

    def _note_turning(self, orientation: int) -> None:
        if not self._turns:
            log.info(
                "camera %s: its JPEGs have EXIF orientation %d; each is decoded, turned upright and"
                " encoded again here. They would pass through untouched if the camera stored them"
                " upright",
                self._parts.camera, orientation,
            )  # fmt: skip
        self._turns = True

    def _pass_over(self, pictures: int, stream: CameraStream) -> None:
        """Number frames that no subscriber wants; they prove that the source is live."""
        self._notice_step()
        self._parts.publisher.skip(pictures)
        self._parts.figures.skipped(pictures)
        self._flows(stream)

    def _flows(self, stream: CameraStream) -> bool:
        """The source gives frames; True if a report to the service manager was due."""
        self._refusal = ""
        if not self._announced:
            self._announce(stream.description)
        return self._feed()

    def _refuse(self, why: str) -> None:
        level = (
            logging.DEBUG if self._refusal else logging.WARNING
        )  # once in a row, not once per frame
        log.log(level, "camera %s: a frame is left out: %s", self._parts.camera, why)
        self._refusal = why
        self._parts.figures.refused(why)

    def _notice_step(self) -> None:
        step_s = self._steps.step_s()
        if step_s is None:
            return
        log.warning("camera %s: the clock was set by %.3f s", self._parts.camera, step_s)
        details = {"seconds": round(step_s, 3)}
        event = self._parts.publisher.event("clock-step", "start", details=details)
        self._parts.publisher.event("clock-step", "end", id=event, details=details)

    def _lose(self, error: SourceError) -> None:
        """Report it, once per outage, not once per attempt."""
        parts = self._parts
        parts.figures.failed(str(error), self._pace)
        parts.supervisor.status(str(error))
        if not self._outage.begin():
            log.debug("camera %s: %s (attempt %d)", parts.camera, error, self._outage.attempts)
            return
        log.warning("camera %s: %s; trying again", parts.camera, error)
        self._outage.event = parts.publisher.event(
            "camera-offline", "start", details={"reason": str(error)}
        )
        parts.publisher.report_now()

    def _announce(self, description: str) -> None:
        """Log the first frame of a stream, and the end of an outage."""
        parts, event, attempts = self._parts, self._outage.event, self._outage.attempts
        self._announced = True
        if self._outage.lasts:
            lasted_s = self._outage.end()
            log.info("camera %s: back after %.1f s, %d attempts", parts.camera, lasted_s, attempts)
            details = {"seconds": round(lasted_s, 3)}
            parts.publisher.event("camera-offline", "end", id=event, details=details)
        log.info("camera %s: %s", parts.camera, description)
        parts.publisher.report_now()

    def _end(self) -> None:
        """A source that has ended: run on, so that it is not restarted, and publish nothing."""
        log.info("camera %s: %s has ended", self._parts.camera, self._parts.source.name)
        self._parts.figures.ended()
        self._parts.supervisor.status("the source has ended")
        self._parts.publisher.report_now()
        while not self._rest(FEED_S):
            pass

    def _rest(self, seconds: float) -> bool:
        """Wait without a source; that is known, so the watchdog is fed. True at a stop."""
        until_ns = self._clock.monotonic_ns() + round(seconds * 1e9)
        while True:
            self._feed()
            left_s = (until_ns - self._clock.monotonic_ns()) / 1e9
            if left_s <= 0:
                return self._clock.wait(0)
            if self._clock.wait(min(left_s, FEED_S)):
                return True

    def _feed(self) -> bool:
        """Report to the service manager that all is well; True if that was due."""
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._tick_due_ns:
            return False
        self._tick_due_ns = now_ns + TICK_NS
        parts = self._parts
        parts.publisher.check()
        if not self._ready:
            parts.supervisor.ready()
            self._ready = True
        parts.supervisor.alive()
        if parts.figures.state == "live":
            parts.supervisor.status(parts.figures.sentence(parts.publisher.counts))
        return True

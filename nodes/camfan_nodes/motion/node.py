"""The motion node: the newest frame of each of its cameras a few times a second; events out.

Frames are decoded grey and small, by scaled DCT; nothing is decoded twice and nothing is kept.
A camera that falls silent has its open events ended; one that comes back is watched on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag

from camfan import EventPublisher, Frame, ImageError, Report, Subscriber
from camfan_config import Motion, Site, select
from camfan_config.site.pace import Gaps, Pace, planned_pace
from camfan_nodes.motion.detector import Detector
from camfan_nodes.motion.event_steps import EventStep
from camfan_nodes.motion.pictures import decoding_scale
from camfan_nodes.motion.settings import detector_of
from camfan_wire.figures import MotionCameraFigures, MotionFigures

log = logging.getLogger(__name__)

WAIT_S = 0.25  # for the next frame, before looking at what else is due
REPORT_S = 1.0
SILENT_S = 10.0  # without a frame: what is going on in front of the camera is not known any more


def run(
    site: Site,
    name: str,
    stop: Flag,
    *,
    ready: Callable[[], None] = lambda: None,
    alive: Callable[[], None] = lambda: None,
    key: Path | None = None,
) -> None:
    """Be the motion node `name` of the site until `stop` is set.

    `ready` is called once, when the broker is being asked; `alive` about once a second while the
    work gets done. Raises what Subscriber raises.
    """
    motion = site.motion[name]
    watches = _watches(site, motion)
    board = MotionReport(watches)
    with (
        EventPublisher(site, name, kind="motion", report=board.report, key=key) as publisher,
        Subscriber(
            site, list(watches), max_fps=motion.fps, name=name, kind="motion", key=key
        ) as frames,
    ):
        ready()
        shown_s = 0.0
        while not stop.is_set():
            with suppress(TimeoutError):
                frame = frames.read(WAIT_S)
                watches[frame.camera].see(frame, publisher)
            now_s = time.monotonic()
            if now_s - shown_s >= REPORT_S:
                shown_s = now_s
                for watch in watches.values():
                    watch.tick(publisher)
                board.show()
                alive()
        for watch in watches.values():
            watch.close(publisher)


@dataclass(slots=True)
class MotionCamera:
    """One camera under watch."""

    camera: str
    detector: Detector
    frames: int = 0
    undecodable: int = 0
    events: int = 0
    busy_s: float = 0.0  # decoding and detecting, all frames together
    age_ms: float | None = None  # of the last frame, when it arrived
    open: dict[int, str] = field(default_factory=dict)  # number of an event: its id
    kinds: dict[int, str] = field(default_factory=dict)  # number of an open event: its kind
    _offset_ns: int = 0  # site clock minus the camera's
    _seen_s: float | None = None
    plan: Pace = field(default_factory=Pace)  # how often frames should come
    _gaps: Gaps = field(default_factory=Gaps)

    def see(self, frame: Frame, publisher: EventPublisher) -> None:
        """Looks at one frame and publishes the events that follow from it."""
        started_s = time.perf_counter()
        now_s = time.monotonic()
        if self._seen_s is not None:
            self._gaps.add(now_s - self._seen_s)
        self._seen_s = now_s
        self._offset_ns = frame.offset or 0
        age = frame.age
        self.age_ms = None if age is None else round(age.seconds * 1000, 1)
        try:
            gray = frame.gray(decoding_scale(frame.height))
        except ImageError as exc:
            self.undecodable += 1
            log.debug("camera %s: %s", self.camera, exc)
            return
        changes = self.detector.feed(gray, frame.captured)
        self.frames += 1
        self.busy_s += time.perf_counter() - started_s
        self._tell(changes, publisher)

    def tick(self, publisher: EventPublisher) -> None:
        """To be called about once a second: ends what is open when no frames come."""
        silent_s = max(SILENT_S, self.plan.seen(self._gaps.interval_s).stale_s)
        if self._seen_s is not None and time.monotonic() - self._seen_s > silent_s:
            self._seen_s = None
            self.close(publisher)

    def close(self, publisher: EventPublisher) -> None:
        """End what is open."""
        self._tell(self.detector.close(), publisher)

    @property
    def figures(self) -> MotionCameraFigures:
        """For the status; what is not known is None."""
        return MotionCameraFigures(
            frames=self.frames,
            undecodable=self.undecodable,
            events=self.events,
            motion="motion" in self.kinds.values(),
            age_ms=self.age_ms,
            frame_ms=round(self.busy_s / self.frames * 1000, 3) if self.frames else None,
        )

    def _tell(self, changes: list[EventStep], publisher: EventPublisher) -> None:
        for change in changes:
            identity = publisher.event(
                change.kind,
                change.state,
                id=self.open.get(change.number),
                camera=self.camera,
                time_ns=_moment(change) + self._offset_ns,
                details=_details(change, self._offset_ns),
            )
            if change.state == "end":
                self.open.pop(change.number, None)
                self.kinds.pop(change.number, None)
            else:
                self.open[change.number] = identity
                self.kinds[change.number] = change.kind
            self.events += change.state == "start"


class MotionReport:
    """The node's last report; written by its loop, read by the link's thread."""

    def __init__(self, watches: dict[str, MotionCamera]) -> None:
        self._watches = watches
        self._report = Report("starting")

    def report(self) -> Report:
        return self._report

    def show(self) -> None:
        """Bring it up to date."""
        cameras = {name: watch.figures for name, watch in self._watches.items()}
        seen = any(watch.frames for watch in self._watches.values())
        state = "watching" if seen else "waiting"
        self._report = Report(state, motion=MotionFigures(cameras=cameras))


def _watches(site: Site, motion: Motion) -> dict[str, MotionCamera]:
    return {
        camera: MotionCamera(
            camera, detector_of(site, motion, camera), plan=planned_pace(site.cameras[camera])
        )
        for camera in select(site, motion.cameras)
    }


def _moment(change: EventStep) -> int:
    """When a step happened, which is before it was detected."""
    return {"start": change.start_ns, "update": change.time_ns, "end": change.last_ns}[change.state]


def _details(change: EventStep, offset_ns: int) -> dict[str, object]:
    """Times are on the site's clock, as that of the event."""
    details: dict[str, object] = {
        "start": change.start_ns + offset_ns,
        "last": change.last_ns + offset_ns,
        "peak": change.peak_ns + offset_ns,
    }
    if change.kind == "motion":
        details |= {
            "boxes": [[round(side, 4) for side in box] for box in change.boxes],
            "area": round(change.area, 5),
            "zones": list(change.zones),
            "score": round(change.score, 3),
        }
    return details

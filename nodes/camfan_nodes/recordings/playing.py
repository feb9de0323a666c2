"""One recorded camera on the bus, with its original timing."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag

from camfan import Frame, FrameLostError, Publisher, Recording, Site, WireError
from camfan_nodes.recordings.choosing import RecordingsPlace

log = logging.getLogger(__name__)

CONNECT_S = 10.0  # for the broker to listen, at the start
BEHIND_S = 0.5  # from when on a replay is said to be behind
DRAIN_S = 3.0  # for the last frames, at the end of a run


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRequest:
    """What to replay, and how."""

    start_ns: int
    end_ns: int
    speed: float
    loop: bool


class ReplayClock:
    """Which recorded time it is; the same for all cameras of a replay."""

    def __init__(self, request: ReplayRequest) -> None:
        self._request = request
        self._began_s = time.monotonic()

    def begin(self) -> None:
        """The first frame is due now."""
        self._began_s = time.monotonic()

    def until_s(self, time_ns: int, lap: int) -> float:
        """Seconds until a recorded time; negative: it is over."""
        request = self._request
        lap_ns = request.end_ns - request.start_ns
        recorded_s = (time_ns - request.start_ns + lap * lap_ns) / 1e9
        return self._began_s + recorded_s / request.speed - time.monotonic()


class CameraReplay:
    """Publishes one camera until its recording ends, or `stop` is set."""

    def __init__(
        self,
        site: Site,
        place: RecordingsPlace,
        camera: str,
        name: str,
        request: ReplayRequest,
        stop: Flag,
        key: Path | None = None,
    ) -> None:
        self.camera = camera
        self.name = name
        self.frames = 0
        self.lost: list[FrameLostError] = []
        self.behind_s = 0.0  # at most so far
        self.time_ns = request.start_ns
        self.error: Exception | None = None  # that ended it
        self._site = site
        self._place = place
        self._request = request
        self._stop = stop
        self._key = key
        self._publisher = self._new_publisher()
        self._run: str | None = None
        self._said_behind = False

    def wait_for_broker(self) -> bool:
        """Whether the broker listens; at most a few seconds."""
        return self._publisher.wait_for_broker(CONNECT_S)

    @property
    def trouble(self) -> str | None:
        """Why the broker cannot be reached."""
        return self._publisher.trouble

    def run(self, clock: ReplayClock) -> None:
        """For a thread of its own; `error` has what ended it."""
        try:
            self._play(clock)
        except Exception as exc:  # noqa: BLE001 - the outermost frame of a thread: it is reported
            self.error = exc
            self._stop.set()
        finally:
            self.close()

    def close(self) -> None:
        self._publisher.close()

    def _play(self, clock: ReplayClock) -> None:
        request = self._request
        lap = 0
        with Recording(self._place.folder, index=self._place.index) as recording:
            while True:
                for frame in self._frames(recording):
                    if not self._wait(clock, frame, lap):
                        return
                    self._publish(frame)
                if not request.loop or self._stop.wait(max(clock.until_s(request.end_ns, lap), 0)):
                    break
                lap += 1
                self._run = None  # its numbers begin again, so it is another run
        self._drain()

    def _frames(self, recording: Recording) -> Iterator[Frame]:
        request = self._request
        return recording.frames(
            self.camera, request.start_ns, request.end_ns, on_lost=self.lost.append
        )

    def _wait(self, clock: ReplayClock, frame: Frame, lap: int) -> bool:
        """Wait; False if replaying is to stop."""
        time_ns = frame.site_time or 0
        self.time_ns = time_ns
        left_s = clock.until_s(time_ns, lap)
        if left_s > 0:
            return not self._stop.wait(left_s)
        self.behind_s = max(self.behind_s, -left_s)
        if -left_s > BEHIND_S and not self._said_behind:
            self._said_behind = True
            log.warning(
                "%s is %.1f s behind: this machine does not replay it at %g x",
                *(self.camera, -left_s, self._request.speed),
            )
        return not self._stop.is_set()

    def _publish(self, frame: Frame) -> None:
        if frame.run != self._run:
            if self._run is not None or self._publisher.sequence > frame.sequence:
                self._drain()
                self._publisher.close()
                self._publisher = self._new_publisher()
                self._publisher.wait_for_broker(CONNECT_S)
            self._run = frame.run
        if frame.sequence < self._publisher.sequence:
            return  # recorded twice
        try:
            self._publisher.replay(frame)
            self.frames += 1
        except WireError as exc:
            log.warning("%s: frame %d is left out: %s", self.camera, frame.sequence, exc)

    def _drain(self) -> None:
        """Give the last frames the time to leave."""
        until_s = time.monotonic() + DRAIN_S
        while time.monotonic() < until_s and not self._stop.is_set():
            counts = self._publisher.counts
            if counts.unsent <= counts.late:
                return
            self._stop.wait(0.05)

    def _new_publisher(self) -> Publisher:
        return Publisher(self._site, self.name, node=True, key=self._key)

"""What the broker knows of one camera: its ring, its newest frames, its counts, its state."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, deque
from typing import NamedTuple

import zmq

from camfan_broker.camera.backlog import RepairMemory
from camfan_broker.camera.frame_log import FrameLog
from camfan_broker.camera.repair import CameraRepairs
from camfan_broker.camera.ring import OVERHEAD_BYTES, RESTARTED, FrameRing, RingEntry, RunSegment
from camfan_config.site.pace import Gaps, Pace
from camfan_wire.clock import Clock
from camfan_wire.errors import WireError
from camfan_wire.frame_check import FrameCheck
from camfan_wire.header import Header, Position
from camfan_wire.messages import OTHER_PUBLISHER
from camfan_wire.states import CameraState
from camfan_wire.topics import LAYERS, above, frame_topic, layer_of

PAST_RUNS = 64  # remembered, so that a frame of a run that ended is not taken for a new run
NOT_ASKED_SPANS = 256  # of frames that were not subscribed to; for traces
LOGGED = 8192  # arrivals that can be traced
FPS_WINDOW_NS = 3_000_000_000
BEGINNING = 64  # a run that is found at a lower number began while the broker was listening
SHOWN_NS = 60_000_000_000  # a refusal is reported for this long
SETTLE_NS = 1_000_000_000  # until a subscription has reached a camera
TAIL_NS = 2_500_000_000  # a frame that the camera has numbered should have come by then

GOES_ON_NS = 1_000_000_000  # an ended run goes on after this time without a frame of another


class _EndedRun(NamedTuple):
    """How far a run had come."""

    sequence: int = -1
    unwanted: int = 0


class TrackedCamera:
    """Belongs to the loop's thread; others may read its plain counts."""

    def __init__(
        self,
        name: str,
        ring_bytes: int,
        plan: Pace,
        late: RepairMemory,
        monotonic_ns: Clock = time.monotonic_ns,
    ) -> None:
        self.name = name
        self.plan = plan  # its pace, as the site file says
        self.gaps = Gaps()  # between its frames, also those that were numbered only
        self.pace = plan  # the pace at which its frames should come now
        self.ring = FrameRing(ring_bytes)
        self.topics = tuple(zmq.Frame(frame_topic(name, layer)) for layer in range(LAYERS))
        self.newest_by_layer: list[RingEntry | None] = [None] * LAYERS
        self.frame_check = FrameCheck(name)
        self.repairs = CameraRepairs(name, self._pace, late, monotonic_ns)
        self.via: tuple[str, ...] | None = None  # sites it came through; () while unknown
        self.state: CameraState = "waiting"
        self.asked_ns = monotonic_ns()  # since when its frames are wanted
        self.state_since_ns = 0  # site clock
        self.outage: str | None = None  # id of its event
        self.numbered = 0  # frames that the camera has numbered since it is known
        self.received = 0
        self.received_bytes = 0
        self.unwanted = 0  # numbered only, because they were not wanted
        self.lost = 0  # numbered, and did not arrive
        self.runs = 0
        self.run: str | None = None
        self.run_frames = 0  # received of this run
        self.refused: Counter[str] = Counter()
        self.located = False  # the connection that its frames come by is known
        self._refusal = ("", 0)  # why the last frame was refused, and when (monotonic ns)
        self.log = FrameLog(LOGGED)  # of this run
        self.tail: Position | None = None  # behind its newest frame, if that has not come
        self._missing_ns = 0  # since when a frame that the camera has numbered is missing
        self._sequence = -1
        self._run_unwanted = 0
        self._past_runs: OrderedDict[str, _EndedRun] = OrderedDict()
        self._segment = RunSegment()
        self._layers = 0  # that the broker subscribes to at ingest
        self._fewest = 0  # the least of that since the last frame
        self._asked_ns = 0  # when it changed
        self._not_asked: deque[tuple[int, int, int]] = deque(
            maxlen=NOT_ASKED_SPANS
        )  # after, before, fewest
        self._changes_hands = False  # the next change of runs is one of publishers
        self._samples: deque[tuple[int, int, int]] = deque()  # monotonic ns, frames, bytes

    @property
    def last_sequence(self) -> int | None:
        return self._sequence if self.run else None

    def check_order(self, header: Header) -> None:
        """Raises WireError for a frame that is not newer than the last one of its run."""
        if header.run == self.run:
            if header.sequence <= self._sequence:
                raise WireError("old", f"frame {header.sequence} after {self._sequence}")
        elif header.run in self._past_runs:
            ended = self._past_runs[header.run]
            if header.sequence <= ended.sequence:
                raise WireError("old", f"frame {header.sequence} after {ended.sequence}")

    def check_run(self, header: Header) -> None:
        """Raises WireError for what is left of a run that has ended, where only the order of frames
        shows it. Such a run goes on when the next one has been silent for a while.
        """
        silent = self.silent_ns(time.monotonic_ns())
        if self.has_ended(header.run) and silent is not None and silent < GOES_ON_NS:
            raise WireError("ended-run", f"run {header.run} has ended")
        self.resume_or_begin(header)

    def has_ended(self, run: str) -> bool:
        """Another run came after this one."""
        return run in self._past_runs

    def passes_to_another(self, run: str | None) -> None:
        """The next run is that of another publisher, not a restart; `run`: its run, if known."""
        self._changes_hands = run is None or run != self.run

    def resume_or_begin(self, header: Header) -> None:
        """The frame may change the run. If its run had ended, another publisher had ended it."""
        if self.has_ended(header.run):
            self._changes_hands = True

    def refuse(self, error: WireError, now: int) -> None:
        """Count a frame that was rejected, and keep the reason for `trouble`."""
        self.refused[error.reason] += 1
        self._refusal = (f"frames are refused ({error.reason}): {error}", now)

    def trouble(self, now: int) -> str | None:
        """Why frames were rejected lately, as a sentence; None if they were not."""
        sentence, at = self._refusal
        return sentence if sentence and now - at < SHOWN_NS else None

    def accept(
        self,
        header: Header,
        text: bytes,
        jpeg: zmq.Frame,
        received_ns: int,
    ) -> RingEntry:
        """Take the next frame, which has passed every check."""
        newest = self.ring.newest()
        if header.run != self.run:
            self._begin_run(header)
        elif newest is not None:
            pictures = header.sequence - newest.header.sequence
            self.gaps.add((received_ns - newest.received_ns) / 1e9 / pictures)
        missing = header.sequence - self._sequence - 1
        if missing:
            self._miss(header, missing)
        if received_ns - self._asked_ns > SETTLE_NS:
            self._fewest = self._layers
        self._sequence = header.sequence
        self.numbered += 1
        self.received += 1
        self.run_frames += 1
        layer = layer_of(header.sequence)
        size = header.size + len(text) + OVERHEAD_BYTES
        self.received_bytes += size
        entry = RingEntry(
            header,
            self.topics[layer],
            text,
            jpeg,
            received_ns,
            size,
            self.numbered,
            self.lost,
            self._segment,
        )
        self.ring.append(entry)
        self.newest_by_layer[layer] = entry
        self.log.add(header.sequence, received_ns)
        return entry

    def _begin_run(self, header: Header) -> None:
        whole = self.run is not None or header.sequence < BEGINNING
        ended = self._past_runs.pop(header.run, None)
        if self.run is not None:
            self._past_runs[self.run] = _EndedRun(self._sequence, self._run_unwanted)
            if len(self._past_runs) > PAST_RUNS:
                self._past_runs.popitem(last=False)
        self.run = header.run
        self.runs += ended is None
        self.run_frames = 0
        self.log.clear()
        self._not_asked.clear()
        # A run that is found in progress is counted from here; one that began now, from 0.
        start = _EndedRun() if whole else _EndedRun(header.sequence - 1, header.unwanted)
        self._sequence, self._run_unwanted = ended or start
        why = OTHER_PUBLISHER if self._changes_hands else RESTARTED
        if self._changes_hands:
            self.repairs.other_publisher()
        self._segment, self._changes_hands = RunSegment(self._sequence, why), False

    def listens_to(self, layers: int, now: int) -> None:
        """From now on the broker subscribes to this number of layers at ingest."""
        self._fewest = min(self._fewest, self._layers, layers)
        self._layers, self._asked_ns = layers, now

    def was_not_asked(self, sequence: int) -> bool:
        """The broker had not subscribed to this frame of the run, as far as is remembered."""
        return any(
            after < sequence < before and layer_of(sequence) >= fewest
            for after, before, fewest in self._not_asked
        )

    def _miss(self, header: Header, missing: int) -> None:
        """Count frames that did not come. Those without a subscription were not sent, even if the
        publisher does not say so; nor were the first of a run, before it knew the subscription.
        """
        said = header.unwanted - self._run_unwanted
        begins = self._sequence == -1
        silent = missing if begins else above(self._fewest, self._sequence, header.sequence)
        if silent > said:
            least = 0 if begins else self._fewest
            self._not_asked.append((self._sequence, header.sequence, least))
        unwanted = min(max(said, silent), missing)
        self._run_unwanted = header.unwanted
        self.numbered += missing
        self.unwanted += unwanted
        self.lost += missing - unwanted

    def has_taken(self, last: Position, now: int) -> bool:
        """The camera says that this is its newest frame; True if readers should look for it.

        Frames that were captured while the broker was away are asked for when the next frame
        shows the gap. Where no frame comes, because the source has ended, this shows it.
        """
        newest = self.ring.newest()
        header = None if newest is None else newest.header
        if header is not None and header.run == last.run and header.sequence >= last.sequence:
            self.tail, self._missing_ns = None, 0
            return False
        if last.run in self._past_runs:
            return False
        self._missing_ns = self._missing_ns or now
        silent = self.silent_ns(now)
        if now - self._missing_ns < TAIL_NS or (silent is not None and silent < TAIL_NS):
            return False
        before, self.tail = self.tail, Position(last.run, last.sequence + 1)
        return self.tail != before

    def silent_ns(self, now: int) -> int | None:
        """How long ago the last frame came, monotonic ns; None if none has."""
        newest = self.ring.newest()
        return None if newest is None else now - newest.received_ns

    def sample(self, now: int) -> None:
        """Note the counts, for `rates`; called at each tick."""
        self._samples.append((now, self.received, self.received_bytes))
        while self._samples[0][0] < now - FPS_WINDOW_NS:
            self._samples.popleft()

    def own_pace(self) -> Pace:
        """How often it captures, as far as is known."""
        return self.plan.seen(self.gaps.interval_s)

    def fps(self) -> float:
        """Frames per second over the last three seconds."""
        return self.rates()[0]

    def _pace(self) -> tuple[float, int]:
        """Frames per second, and bytes of a frame."""
        return self.fps(), self.received_bytes // max(self.received, 1)

    def rates(self) -> tuple[float, float]:
        """Frames and bytes per second over the last three seconds."""
        if not self._samples:
            return 0.0, 0.0
        then, frames, size = self._samples[0]
        seconds = max((time.monotonic_ns() - then) / 1e9, 1.0)
        return (self.received - frames) / seconds, (self.received_bytes - size) / seconds

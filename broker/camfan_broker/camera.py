"""What the broker knows of one camera: its ring, its last pictures, its counts, its state."""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import Literal

from camfan_broker.ring import Entry, Ring
from camfan_wire.errors import WireError
from camfan_wire.header import Header
from camfan_wire.topics import LAYERS, split_frame_topic

PAST_RUNS = 64  # remembered, so that a frame of a run that ended is not taken for a new run
FPS_WINDOW_NS = 3_000_000_000

State = Literal["wait", "live", "stale", "offline"]


class Camera:
    """Belongs to the loop's thread; others may read its plain counts."""

    def __init__(self, name: str, ring_bytes: int, stall_after_s: float) -> None:
        self.name = name
        self.stall_after_ns = int(stall_after_s * 1e9)
        self.ring = Ring(ring_bytes)
        self.newest_by_layer: list[Entry | None] = [None] * LAYERS
        self.state: State = "wait"
        self.state_since_ns = 0  # site clock
        self.outage: str | None = None  # id of the event that tells of it
        self.received = 0
        self.received_bytes = 0
        self.lost = 0  # numbered by the camera, never arrived
        self.runs = 0
        self.refused: Counter[str] = Counter()
        self._run: str | None = None
        self._sequence = -1
        self._past_runs: deque[str] = deque(maxlen=PAST_RUNS)
        self._recent: deque[tuple[int, int]] = deque()  # monotonic ns, bytes

    @property
    def last_sequence(self) -> int | None:
        return self._sequence if self._run else None

    def check_order(self, header: Header) -> None:
        """Raises WireError for a frame that is not newer than what came before."""
        if header.run == self._run:
            if header.sequence <= self._sequence:
                raise WireError("old", f"frame {header.sequence} after {self._sequence}")
        elif header.run in self._past_runs:
            raise WireError("ended-run", f"run {header.run} has ended")

    def accept(self, entry: Entry) -> None:
        """Take the next frame; `check_order` has passed it."""
        header = entry.header
        if header.run == self._run:
            self.lost += header.sequence - self._sequence - 1
        else:
            if self._run is not None:
                self._past_runs.append(self._run)
            self._run = header.run
            self.runs += 1
        self._sequence = header.sequence
        self.received += 1
        self.received_bytes += entry.bytes
        self.ring.append(entry)
        layer = split_frame_topic(entry.topic)
        if layer is not None:
            self.newest_by_layer[layer[1]] = entry
        self._recent.append((entry.received_ns, len(entry.jpeg)))

    def silent_ns(self, now: int) -> int | None:
        """How long ago the last frame came, monotonic ns; None if none has."""
        newest = self.ring.newest()
        return None if newest is None else now - newest.received_ns

    def rates(self) -> tuple[float, float]:
        """Frames and bytes per second over the last three seconds."""
        now = time.monotonic_ns()
        recent = self._recent
        while recent and recent[0][0] < now - FPS_WINDOW_NS:
            recent.popleft()
        seconds = FPS_WINDOW_NS / 1e9
        return len(recent) / seconds, sum(size for _, size in recent) / seconds

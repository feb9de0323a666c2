"""A thread that reads a network camera and keeps only its newest frames.

The delay must not grow: frames that the node has not taken when newer ones come are dropped, oldest
first, and counted. A thread that hangs in a library is abandoned; it ends with the time-outs of
that library, and no second thread is started before it has ended.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from camfan_nodes.camera.clock import Clock
from camfan_nodes.camera.source import (
    FULL_DEMAND,
    SLICE_S,
    CapturedFrame,
    FinalSourceError,
    Idle,
    SkippedFrames,
    SourceCounts,
    SourceDemand,
    SourceError,
)

THREAD = "camfan-reader"
HANG_S = 30.0  # a library that ignores its own time-outs for this long never comes back

# Ends soon after the event is set; None: a frame that no subscriber wants.
Pictures = Callable[[threading.Event], Iterator[CapturedFrame | None]]


class NetworkReader:
    """Frames of one connection, on their way from the thread that reads to the one that asks."""

    def __init__(
        self,
        pictures: Pictures,
        depth: int,
        counts: SourceCounts,
        description: str,
        demand: SourceDemand = FULL_DEMAND,
    ) -> None:
        self._demand = demand
        self._skipped = 0  # seen by the reading thread, and not made
        self.description = description
        self._pictures = pictures
        self._counts = counts
        self._waiting: deque[CapturedFrame] = deque(maxlen=depth)  # full: the oldest is dropped
        self._changed = threading.Condition()
        self._error: Exception | None = None
        self._ended = False
        self._leave = threading.Event()
        self.thread = threading.Thread(target=self._run, name=THREAD, daemon=True)

    def capture(self) -> CapturedFrame | SkippedFrames | Idle:
        """The oldest frame that is waiting, if it is wanted. Raises what ended the reading."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended, SLICE_S)
            if self._skipped:
                passed, self._skipped = self._skipped, 0
                return SkippedFrames(passed)
            if self._waiting:
                picture = self._waiting.popleft()
                return picture if self._demand.wanted() else SkippedFrames()
            if self._error is not None:
                raise self._error
            return Idle.ENDED if self._ended else Idle.SILENT

    def leave(self) -> None:
        """Ask the thread to end, and wait for it up to SLICE_S."""
        self._leave.set()
        self.thread.join(SLICE_S)

    def _run(self) -> None:
        try:
            for picture in self._pictures(self._leave):
                with self._changed:
                    if picture is None:
                        self._skipped += 1  # wakes no thread
                    else:
                        self._counts.dropped += len(self._waiting) == self._waiting.maxlen
                        self._waiting.append(picture)
                        self._changed.notify()
                if self._leave.is_set():
                    break
        except Exception as exc:  # noqa: BLE001 - raised again by `capture`, on the node's thread
            self._error = exc
        with self._changed:
            self._ended = True
            self._changed.notify()


class NetworkReaders:
    """One reader at a time: the next one starts after the last thread has ended."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._last: threading.Thread | None = None
        self._hangs_since_ns = 0

    @contextmanager
    def open(self, reader: NetworkReader) -> Iterator[NetworkReader]:
        """Raises FinalSourceError when the last thread hangs for good."""
        self._refuse_second()
        self._last = reader.thread
        reader.thread.start()
        try:
            yield reader
        finally:
            reader.leave()
            self._hangs_since_ns = self._clock.monotonic_ns()

    def _refuse_second(self) -> None:
        if self._last is None or not self._last.is_alive():
            return
        hanging_s = (self._clock.monotonic_ns() - self._hangs_since_ns) / 1e9
        message = f"{self._name}: the last connection hangs and cannot be closed"
        raise FinalSourceError(message) if hanging_s > HANG_S else SourceError(message)

"""The thread that writes, so that a disk that is slow holds up nothing else.

What comes from the broker waits in a queue that is bounded in bytes. When it is full, frames are
lost with the reason `disk-slow`, each stretch in its place among the frames that were kept.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable
from threading import Thread
from types import TracebackType

from msgspec import Struct

from camfan.frame import Frame
from camfan_nodes.recorder.losses import DISK_SLOW, LostStretches
from camfan_nodes.recorder.storage import Storage
from camfan_wire.messages import Event, Gap, Record

log = logging.getLogger(__name__)

QUEUE_BYTES = 64_000_000  # JPEGs that wait for the disk; beyond, the new frame is lost
RESUMED_BYTES = QUEUE_BYTES // 2  # so little must wait before frames are taken again
WAIT_S = 0.25  # for something to write, before looking at what else is due
REPORT_S = 1.0


class _LostFrames(Struct, frozen=True):
    gap: Gap


Item = Frame | Gap | Event | Record


class StorageThread:
    """Hands everything to a storage, in order. `show` is called on its thread, once a second.

    `slow` is called by `put` with True when the disk has fallen behind, and with False when it has
    caught up.
    """

    def __init__(
        self,
        storage: Storage,
        show: Callable[[Storage], None],
        slow: Callable[[bool], None] = lambda _slow: None,
    ) -> None:
        self._storage = storage
        self._show = show
        self._slow = slow
        self._queue: queue.SimpleQueue[Item | _LostFrames | None] = queue.SimpleQueue()
        self._losses = LostStretches()
        self._behind = False
        self._put_bytes = 0  # written by the thread that puts,
        self._done_bytes = 0  # and this by the one that takes: the difference waits
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._run, name="storage")

    def put(self, item: Item) -> None:
        """Hand something over. Raises what the thread has ended with."""
        if self._failure is not None:
            raise self._failure
        if isinstance(item, Frame):
            if self._is_behind():
                self._lose(item)
                return
            self._put_bytes += len(item.jpeg)
        for gap in self._losses.end():
            self._queue.put(_LostFrames(gap))
        self._queue.put(item)

    def check(self) -> None:
        """Raises what the thread has ended with."""
        if self._failure is not None:
            raise self._failure
        self._is_behind()

    def close(self) -> None:
        """Have everything written that was handed over, and end the thread."""
        for gap in self._losses.end():
            self._queue.put(_LostFrames(gap))
        self._queue.put(None)
        self._thread.join()

    def __enter__(self) -> StorageThread:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _is_behind(self) -> bool:
        limit = RESUMED_BYTES if self._behind else QUEUE_BYTES
        behind = self._put_bytes - self._done_bytes > limit
        if behind != self._behind:
            self._behind = behind
            self._slow(behind)
        return behind

    def _lose(self, frame: Frame) -> None:
        before = self._losses.add(frame, DISK_SLOW)
        if before is not None:
            self._queue.put(_LostFrames(before))

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as exc:  # noqa: BLE001 - raised again where things are put
            self._failure = exc

    def _work(self) -> None:
        shown_s = 0.0
        while True:
            try:
                item = self._queue.get(timeout=WAIT_S)
            except queue.Empty:
                pass
            else:
                if item is None:
                    return
                self._take(item)
            self._storage.tick()
            now_s = time.monotonic()
            if now_s - shown_s >= REPORT_S:
                shown_s = now_s
                self._show(self._storage)

    def _take(self, item: Item | _LostFrames) -> None:
        match item:
            case Frame():
                self._storage.append(item)
                self._done_bytes += len(item.jpeg)
            case Gap():
                self._storage.gap(item)
            case Event():
                self._storage.event(item)
            case Record():
                self._storage.record(item)
            case _LostFrames():
                self._storage.lose(item.gap)

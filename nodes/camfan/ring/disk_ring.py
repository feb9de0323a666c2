"""The part of a camera's ring that survives its process: files of a few megabytes on a disk.

When `settle` returns, the kernel has what was published, so a process that is killed loses nothing.
The kernel syncs it to the disk every SYNC_S, which is what a power cut can cost. A disk that is
full, slow or gone costs no frame: the ring in memory goes on, and `trouble` says what is wrong.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from camfan.ring.absences import Absence, EncodingDecision
from camfan.ring.repair import DAMAGED
from camfan.ring.ring import RingSpan, StoredFrame
from camfan.ring.ring_file import RecordKind, RingFileError, read_contents, read_frame
from camfan.ring.ring_folder import PendingRecord, RingFolder, RingSegment
from camfan_config.text.units import short_bytes

SYNC_S = 30.0
RETRY_S = 2.0  # after a failure
WAIT_S = 0.05  # that a publisher waits for a slow disk, once until the disk has caught up
QUEUE_BYTES = 16_000_000  # waiting for the disk; full: the newest is not written, and counted
CLOSE_S = 1.0

log = logging.getLogger(__name__)


class DiskRing:
    """Frames of one camera over all its runs. `path` is its own folder; it is made if missing."""

    def __init__(self, path: Path, camera: str, run: str, limit_bytes: int) -> None:
        self.trouble: str | None = None
        self.lost = 0  # frames that the disk did not take
        self._limit_bytes = limit_bytes
        self._folder = RingFolder(path, camera, run, limit_bytes)
        self._changed = threading.Condition()  # of the queue
        self._queue: deque[PendingRecord] = deque()
        self._waiting = 0  # bytes in the queue
        self._busy = True  # until the folder is open
        self._lagging = False  # a publisher waited for WAIT_S in vain
        self._stop = False
        self._retry_s = 0.0
        self._full_bytes = 0  # of the ring when the disk was full; 0: it is not
        self._ended = threading.Event()
        self._writer = threading.Thread(target=self._write_all, name="ring", daemon=True)
        self._syncer = threading.Thread(target=self._sync_all, name="ring sync", daemon=True)
        self._writer.start()
        self._syncer.start()

    def keep(self, stored: StoredFrame, header: bytes, decision: EncodingDecision) -> None:
        """The next frame, with its header as it was sent."""
        at = stored.header
        write = PendingRecord(
            RecordKind.FRAME,
            decision,
            at.sequence,
            stored.wall_minus_monotonic_ns,
            header,
            stored.jpeg,
            at.captured,
        )
        self._put(write)

    def leave_out(self, sequence: int, decision: EncodingDecision) -> None:
        """From this sequence on, frames are left out for another reason than before."""
        self._put(PendingRecord(RecordKind.LEFT_OUT, decision, sequence))

    def refuse(self, sequence: int, decision: EncodingDecision) -> None:
        self._put(PendingRecord(RecordKind.REFUSED, decision, sequence))

    def settle(self) -> None:
        """Wait until the kernel has all frames; a disk that is too slow is waited for once."""
        with self._changed:
            if not self._lagging and not self._changed.wait_for(self._idle, WAIT_S):
                self._lagging = True

    def close(self, following: int) -> None:
        """The run ends before this sequence."""
        self._put(PendingRecord(RecordKind.END, EncodingDecision(), following))
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        self._ended.set()
        self._writer.join(CLOSE_S)

    def parts(self) -> Sequence[RingFileReader]:
        """All files, oldest first, with what has been written until now."""
        with self._changed:
            self._changed.wait_for(self._idle, WAIT_S)
        found = self._folder.segments
        parts = []
        for index, segment in enumerate(found):
            following = found[index + 1] if index + 1 < len(found) else None
            same = following is not None and following.run == segment.run
            parts.append(RingFileReader(segment, following.first if following and same else None))
        return parts

    def remembers(self, run: str) -> bool:
        return run in self._folder.runs

    def ended_whole(self, run: str) -> bool:
        files = [segment for segment in self._folder.segments if segment.run == run]
        return bool(files) and (files[-1].ended or files[-1].about.boot == self._folder.boot)

    def span(self) -> RingSpan:
        folder, segments = self._folder, self._folder.segments
        if not segments:
            return RingSpan()
        oldest = segments[0]
        seconds = (max(folder.newest_ns, segments[-1].captured) - oldest.captured) / 1e9
        frames = folder.frames - oldest.about.frames
        return RingSpan(frames, folder.size, max(0.0, seconds), oldest.first)

    def _put(self, write: PendingRecord) -> None:
        with self._changed:
            if self._waiting > QUEUE_BYTES:
                self.lost += write.kind == RecordKind.FRAME
                return
            self._queue.append(write)
            self._waiting += write.bytes
            self._changed.notify_all()

    def _idle(self) -> bool:
        return not self._queue and not self._busy

    def _write_all(self) -> None:
        self._attempt(lambda: None)
        while (write := self._next()) is not None:
            if not self._attempt(lambda: self._write(write)):
                self.lost += write.kind == RecordKind.FRAME
        self._folder.close()

    def _next(self) -> PendingRecord | None:
        """The next record, once there is one; None at the end."""
        with self._changed:
            self._busy = False
            if not self._queue:
                self._lagging = False
                self._changed.notify_all()
            self._changed.wait_for(lambda: self._queue or self._stop)
            if not self._queue:
                return None
            write = self._queue.popleft()
            self._waiting -= write.bytes
            self._busy = True
            return write

    def _write(self, write: PendingRecord) -> None:
        if self._folder.append(write):
            self._full_bytes = max(self._full_bytes, self._folder.size)
            has, asked = short_bytes(self._full_bytes), short_bytes(self._limit_bytes)
            self._set_trouble(f"the disk is full; the ring has {has} of {asked}")
        elif self.trouble is not None and not self._is_full():
            log.info("%s: the ring can be written again", self._folder.path)
            self.trouble, self._full_bytes = None, 0

    def _is_full(self) -> bool:
        """The disk was full, and the ring has not grown by a file since."""
        return 0 < self._full_bytes >= self._folder.size - self._folder.file_bytes

    def _attempt(self, step: Callable[[], None]) -> bool:
        if time.monotonic() < self._retry_s:
            return False
        try:
            if not self._folder.is_open:
                self._folder.open()
            step()
        except OSError as exc:
            why = exc.strerror or str(exc)
            self._set_trouble(f"the ring cannot be written: {why}")
            self._folder.close()
            self._retry_s = time.monotonic() + RETRY_S
            return False
        return True

    def _set_trouble(self, trouble: str) -> None:
        """Log once per outage, not once per frame; the status does not show where the ring is."""
        if self.trouble is None:
            log.warning("%s: %s", self._folder.path, trouble)
        self.trouble = trouble

    def _sync_all(self) -> None:
        while not self._ended.wait(SYNC_S):
            try:
                self._folder.sync()
            except OSError as exc:
                self._set_trouble(f"the ring cannot be synced: {exc.strerror or exc}")


class RingFileReader:
    """Reads one file of the ring, as far as it was written when this was made."""

    def __init__(self, segment: RingSegment, end: int | None) -> None:
        self.run = segment.run
        self.first = segment.first
        self._segment = segment
        self._size = segment.bytes
        self._end = end  # where the next file of the run goes on

    def items(self, first: int, stop: int | None) -> Iterator[StoredFrame | Absence]:
        """All from `first` on and before `stop`, without a hole; nothing if it was deleted."""
        if self._end is not None and self._end <= first:
            return
        try:
            handle = os.open(self._segment.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        try:
            yield from self._read(handle, max(first, self.first), stop)
        except (OSError, RingFileError) as exc:
            log.warning("%s: cannot be read: %s", self._segment.path, exc)
        finally:
            os.close(handle)

    def _read(self, handle: int, first: int, stop: int | None) -> Iterator[StoredFrame | Absence]:
        contents = read_contents(handle, self._size)
        end = contents.following if self._end is None else self._end
        end = end if stop is None else min(end, stop)
        for record in contents.frames:
            if record.sequence < first:
                continue
            if record.sequence >= end:
                break
            stored = read_frame(handle, record)
            if stored is None:
                continue  # it becomes part of a damaged gap
            yield from contents.absences.explain(first, record.sequence - 1, DAMAGED)
            yield stored
            first = record.sequence + 1
        yield from contents.absences.explain(first, end - 1, DAMAGED)

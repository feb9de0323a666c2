"""The part of a camera's ring that survives its process: files of a few megabytes on a disk.

What is published is with the kernel when `settle` returns, so a process that is killed loses
nothing; the kernel gathers it, and is asked to have it written down every SYNC_S, which is what a
power cut costs. A disk that is full, slow or gone costs no picture: the ring in memory goes on, and
the trouble is told.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from camfan.ring.absences import Absence, Making
from camfan.ring.repair import DAMAGED
from camfan.ring.ring import Kept, Span
from camfan.ring.ring_file import Kind, RingFileError, read_contents, read_frame
from camfan.ring.ring_folder import RingFolder, Stretch, Write
from camfan_config.text.units import short_bytes

SYNC_S = 30.0
RETRY_S = 2.0  # after a failure
WAIT_S = 0.05  # that a publisher waits for a slow disk; then it waits no more until that is done
QUEUE_BYTES = 16_000_000  # waiting for the disk; full: the newest is not written, and counted
CLOSE_S = 1.0

log = logging.getLogger(__name__)


class DiskRing:
    """Frames of one camera over all its runs. `path` is its own folder, made if it is not there."""

    def __init__(self, path: Path, camera: str, run: str, limit_bytes: int) -> None:
        self.trouble: str | None = None
        self.lost = 0  # frames that the disk did not take
        self._limit_bytes = limit_bytes
        self._folder = RingFolder(path, camera, run, limit_bytes)
        self._changed = threading.Condition()  # of the queue
        self._queue: deque[Write] = deque()
        self._waiting = 0  # bytes in the queue
        self._busy = True  # until the folder is open
        self._lagging = False  # somebody waited in vain
        self._stop = False
        self._retry_s = 0.0
        self._full_bytes = 0  # of the ring when the disk was full; 0: it is not
        self._ended = threading.Event()
        self._writer = threading.Thread(target=self._write_all, name="ring", daemon=True)
        self._syncer = threading.Thread(target=self._sync_all, name="ring sync", daemon=True)
        self._writer.start()
        self._syncer.start()

    def keep(self, kept: Kept, header: bytes, making: Making) -> None:
        """The next frame, with its header as it was sent."""
        at = kept.header
        write = Write(
            Kind.FRAME, making, at.sequence, kept.apart_ns, header, kept.jpeg, at.captured
        )
        self._put(write)

    def leave_out(self, sequence: int, making: Making) -> None:
        """From this sequence on, pictures are left out for other reasons than before."""
        self._put(Write(Kind.LEFT_OUT, making, sequence))

    def refuse(self, sequence: int, making: Making) -> None:
        self._put(Write(Kind.REFUSED, making, sequence))

    def settle(self) -> None:
        """Wait until the kernel has it all; a disk that is too slow is waited for once."""
        with self._changed:
            if not self._lagging and not self._changed.wait_for(self._idle, WAIT_S):
                self._lagging = True

    def close(self, following: int) -> None:
        """The run ends before this sequence."""
        self._put(Write(Kind.END, Making(), following))
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        self._ended.set()
        self._writer.join(CLOSE_S)

    def chapters(self) -> Sequence[Chapter]:
        """All files, oldest first, with what has been written until now."""
        with self._changed:
            self._changed.wait_for(self._idle, WAIT_S)
        found = self._folder.stretches
        chapters = []
        for index, stretch in enumerate(found):
            following = found[index + 1] if index + 1 < len(found) else None
            same = following is not None and following.run == stretch.run
            chapters.append(Chapter(stretch, following.first if following and same else None))
        return chapters

    def remembers(self, run: str) -> bool:
        return run in self._folder.runs

    def ended_whole(self, run: str) -> bool:
        files = [stretch for stretch in self._folder.stretches if stretch.run == run]
        return bool(files) and (files[-1].ended or files[-1].about.boot == self._folder.boot)

    def span(self) -> Span:
        folder, stretches = self._folder, self._folder.stretches
        if not stretches:
            return Span()
        oldest = stretches[0]
        seconds = (max(folder.newest_ns, stretches[-1].captured) - oldest.captured) / 1e9
        frames = folder.frames - oldest.about.frames
        return Span(frames, folder.size, max(0.0, seconds), oldest.first)

    def _put(self, write: Write) -> None:
        with self._changed:
            if self._waiting > QUEUE_BYTES:
                self.lost += write.kind == Kind.FRAME
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
                self.lost += write.kind == Kind.FRAME
        self._folder.close()

    def _next(self) -> Write | None:
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

    def _write(self, write: Write) -> None:
        if self._folder.append(write):
            self._full_bytes = max(self._full_bytes, self._folder.size)
            has, asked = short_bytes(self._full_bytes), short_bytes(self._limit_bytes)
            self._tell(f"the disk is full; the ring has {has} of {asked}")
        elif self.trouble is not None and not self._is_full():
            log.info("%s: the ring is written again", self._folder.path)
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
            self._tell(f"the ring is not written: {why}")
            self._folder.close()
            self._retry_s = time.monotonic() + RETRY_S
            return False
        return True

    def _tell(self, trouble: str) -> None:
        """Once an outage, not once a frame; a status says nothing of where the ring lies."""
        if self.trouble is None:
            log.warning("%s: %s", self._folder.path, trouble)
        self.trouble = trouble

    def _sync_all(self) -> None:
        while not self._ended.wait(SYNC_S):
            try:
                self._folder.sync()
            except OSError as exc:
                self._tell(f"the ring cannot be synced: {exc.strerror or exc}")


class Chapter:
    """One file of the ring, as far as it is written, for whoever reads it."""

    def __init__(self, stretch: Stretch, end: int | None) -> None:
        self.run = stretch.run
        self.first = stretch.first
        self._stretch = stretch
        self._size = stretch.bytes
        self._end = end  # where the next file of the run goes on

    def tell(self, first: int, stop: int | None) -> Iterator[Kept | Absence]:
        """What it has from `first` on and before `stop`, without a hole; nothing if it is gone."""
        if self._end is not None and self._end <= first:
            return
        try:
            handle = os.open(self._stretch.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        try:
            yield from self._read(handle, max(first, self.first), stop)
        except (OSError, RingFileError) as exc:
            log.warning("%s: cannot be read: %s", self._stretch.path, exc)
        finally:
            os.close(handle)

    def _read(self, handle: int, first: int, stop: int | None) -> Iterator[Kept | Absence]:
        contents = read_contents(handle, self._size)
        end = contents.following if self._end is None else self._end
        end = end if stop is None else min(end, stop)
        for record in contents.frames:
            if record.sequence < first:
                continue
            if record.sequence >= end:
                break
            kept = read_frame(handle, record)
            if kept is None:
                continue  # it is told as damaged, with what else is missing here
            yield from contents.absences.explain(first, record.sequence - 1, DAMAGED)
            yield kept
            first = record.sequence + 1
        yield from contents.absences.explain(first, end - 1, DAMAGED)

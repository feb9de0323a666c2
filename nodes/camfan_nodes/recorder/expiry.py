"""Retention at work: segments and clips whose time is over are deleted, oldest first.

A row is marked before its file is deleted, and removed after that, so a file that cannot be
deleted keeps its row and is tried again. Each call works for a bounded time.
"""

from __future__ import annotations

import errno
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from itertools import islice

from camfan.recording.retention import Decision, Holdings, plan_retention, shortfall
from camfan.recording.rows import ClipRow, SegmentRow
from camfan_config import Clips, Keep
from camfan_nodes.recorder.cutting import CutFile, cut_segment, frames_within
from camfan_nodes.recorder.folder import Folder
from camfan_nodes.recorder.index import Index
from camfan_nodes.recorder.removal import remove_file

log = logging.getLogger(__name__)

CHECK_S = 60.0
BATCH = 20  # segments whose rows change in one transaction
_DISK_ERRORS = {errno.EROFS, errno.EIO, errno.ENODEV, errno.ENXIO}
BUDGET_S = 0.1  # after this time the rest waits for the next call


class Expiry:
    """Deletes recordings and clips as `keep` of the recorder and of its clips demands."""

    def __init__(
        self,
        folder: Folder,
        index: Index,
        keep: Keep,
        clips: Clips | None,
        site_ns: Callable[[], int],
    ) -> None:
        self._folder = folder
        self._index = index
        self._keep = keep
        self._clip_age_s = None if clips is None else clips.keep.age
        self._site_ns = site_ns
        self._failed: dict[str, str] = {}  # path of a file that could not be deleted, and why
        self._said: set[str] = set()  # logged once each
        self._uncut: set[int] = (
            set()
        )  # files that could not be cut, not tried before the next retry
        self.deleted_bytes = 0  # since the start

    @property
    def trouble(self) -> str | None:
        """Why files that should be deleted are not; None while there are none."""
        if not self._failed:
            return None
        path, why = next(iter(self._failed.items()))
        others = f" and {len(self._failed) - 1} more" if len(self._failed) > 1 else ""
        return f"{self._folder.path / path}{others} cannot be deleted: {why}"

    def check(self, *, retry: bool = True) -> bool:
        """Delete what is due. Whether that was all of it; False: call again soon.

        `retry`: also the files that could not be deleted before. Raises sqlite3.Error.
        """
        until_s = time.monotonic() + BUDGET_S
        self._expire_clips()
        if retry:
            self._uncut.clear()
            self._retry()
        at_most = 1  # at first: a disk that deletes nothing costs one attempt
        finished = True
        while finished and (decisions := self._plan(at_most)):
            if not self._carry_out(decisions):
                break
            finished = time.monotonic() <= until_s
            at_most = BATCH
        self._index.commit(durable=False)
        return finished

    def _plan(self, at_most: int) -> list[Decision]:
        """The next decisions; clips are given up once there is nothing else to delete."""
        while True:
            reader, free_bytes = self._index.reader, self._folder.free_bytes()
            usage = reader.usage()
            holdings = Holdings(usage, self._candidates, reader.needed, free_bytes)
            plan = plan_retention(self._keep, holdings, self._site_ns())
            decisions = list(islice(plan, at_most))
            if decisions or not shortfall(self._keep, usage, free_bytes):
                return decisions
            for segment in self._uncut:  # there is no room to cut it: its clips give way
                self._index.keep_segment(segment)
            if self._uncut:
                self._uncut.clear()
                self._index.commit(durable=False)
            clip = reader.oldest_unprotected_clip()
            if clip is None:
                return []
            log.warning("clip of %s given up, as the limits of `keep` leave no room", clip.camera)
            self._remove_clip(clip)
            self._index.commit(durable=False)

    def _candidates(self, camera: str) -> Iterator[SegmentRow]:
        return (row for row in self._index.reader.ordinary(camera) if row.id not in self._uncut)

    def _carry_out(self, decisions: list[Decision]) -> bool:
        """Whether the disk deletes at all."""
        doomed = [d.segment for d in decisions if d.action == "delete"]
        for decision in decisions:
            if decision.action == "delete":
                self._index.mark_deleting(decision.segment.id)
            elif decision.action == "keep":
                self._index.keep_segment(decision.segment.id)
        try:
            self._index.commit(durable=False)
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_FULL:
                raise
            marked = [row for row in doomed if not self._index.reader.needed(row)]
        else:
            ids = {row.id for row in doomed}
            marked = [row for row in self._index.reader.segments(state="deleting") if row.id in ids]
        removed = [self._remove(row) for row in marked]
        for decision in decisions:  # after what makes room for it
            if decision.action == "cut":
                self._cut(decision)
        return not doomed or any(removed)

    def _cut(self, decision: Decision) -> None:
        """Leave only what is needed of a file; where that fails, all of it until the next retry."""
        row = decision.segment
        frames = frames_within(self._index.reader.frames_of(row.id), decision.needed)
        try:
            self._index.commit(durable=False)  # what waits from now on is the cut alone
            number = self._index.new_id()
            cut = cut_segment(self._folder.path, row, frames, number) if frames else None
        except (OSError, sqlite3.OperationalError) as exc:
            self._leave_whole(row, exc)
            return
        if cut is None:
            self._index.keep_segment(row.id)
            return
        try:
            self._replace(row, cut)
        except sqlite3.OperationalError as exc:
            self._index.withdraw()
            cut.file.discard()
            self._leave_whole(row, exc)
            return
        cut.file.reveal()
        cut.file.close()
        self._remove(row)

    def _replace(self, row: SegmentRow, cut: CutFile) -> None:
        """Let the index refer to the new file. Raises sqlite3.OperationalError."""
        self._index.replace_segment(row.id, cut.row, cut.frames)
        for gap in cut.gaps:
            log.error(
                "%s: frames %s to %s are damaged, so no clip has them",
                *(self._folder.path / row.path, gap.first, gap.last),
            )
            self._index.add_gap(gap, self._site_ns())
        self._index.commit(durable=True)

    def _leave_whole(self, row: SegmentRow, error: Exception) -> None:
        self._uncut.add(row.id)
        if row.path not in self._said:
            self._said.add(row.path)
            log.warning("%s stays whole, as it cannot be cut: %s", row.path, error)

    def _retry(self) -> None:
        """Try again what could not be deleted; what was protected since then stays."""
        self._failed.clear()  # of files that are gone by other means as well
        for row in self._index.reader.segments(state="deleting"):
            if self._index.reader.needed(row) and self._index.reader.frames_of(row.id):
                self._index.restore_segment(row.id)
            elif not self._remove(row):
                return

    def _remove(self, row: SegmentRow) -> bool:
        """Delete a file that is marked. False: nothing can be deleted at the moment."""
        try:
            remove_file(self._folder.fd, row.path)
        except OSError as exc:
            if row.path not in self._said:
                self._said.add(row.path)
                log.error("%s cannot be deleted: %s", self._folder.path / row.path, exc.strerror)
            self._failed[row.path] = exc.strerror or str(exc)
            if exc.errno in _DISK_ERRORS:
                if self._index.reader.frames_of(row.id):  # else another file has them
                    self._index.restore_segment(row.id)
                return False
            return True
        self._failed.pop(row.path, None)
        self._said.discard(row.path)
        self._index.forget_segment(row.id)
        self.deleted_bytes += row.bytes
        return True

    def _expire_clips(self) -> None:
        if self._clip_age_s is None:
            return
        before_ns = self._site_ns() - int(self._clip_age_s * 1e9)
        for clip in self._index.reader.clips_ended_before(before_ns, BATCH):
            self._remove_clip(clip)
        if self._index.waiting:
            self._index.commit(durable=False)

    def _remove_clip(self, clip: ClipRow) -> None:
        if clip.thumbnail is not None:
            try:
                remove_file(self._folder.fd, clip.thumbnail)
            except OSError as exc:
                log.error("%s cannot be deleted: %s", self._folder.path / clip.thumbnail, exc)
        self._index.forget_clip(clip.id)

"""Where a recorder puts frames: files and their index, as one thing.

`append` gives each frame to the operating system at once; `tick`, called several times a second,
commits the index every second and makes everything durable within `sync_s`. What the disk does
not take is counted as lost, with the reason, and tried again each second. Everything belongs to
one thread.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from camfan.frame import Frame
from camfan.recording.errors import IndexDamagedError, RecordingError
from camfan.recording.forecast import Forecast, forecast
from camfan.recording.rows import ClipRow
from camfan.recording.schema import explained
from camfan_config import Clips, Keep, RecordingMode
from camfan_config.report.mounts import network_share
from camfan_nodes.recorder.expiry import CHECK_S, Expiry
from camfan_nodes.recorder.folder import KEEP_INDEX, Folder, look_at_folder
from camfan_nodes.recorder.index import Index, open_index, set_aside
from camfan_nodes.recorder.intake import Intake
from camfan_nodes.recorder.losses import DISK_FULL, DISK_SLOW, LostStretches, reason_of
from camfan_nodes.recorder.manual import ManualRecordings
from camfan_nodes.recorder.open_segments import OpenSegments
from camfan_nodes.recorder.recovery import explain_skips, recover, segment_files
from camfan_nodes.recorder.sentinel import Sentinel
from camfan_nodes.recorder.tally import CameraCounts, DiskTrouble
from camfan_nodes.recorder.thumbnail import make_thumbnail
from camfan_nodes.recorder.timeline import FrameTime
from camfan_wire.header import Position
from camfan_wire.messages import Event, Gap, Record

log = logging.getLogger(__name__)

DECIDE_S = 0.1  # between looks at the frames that wait for a decision
FORECAST_S = 300.0
DAY_NS = 86_400_000_000_000
COMMIT_S = 1.0  # the most that the index is behind the files
RETRY_S = 1.0  # while the disk takes nothing
ROOM_BYTES = 8_000_000  # free space at which a disk that was full is tried again
SYNC_SHARE = 0.8  # of `sync_s`, after which syncing begins: it takes time itself
WAITING = 200_000  # changes of the index that wait in memory; beyond, events are dropped


class Storage:
    """The recordings of one recorder."""

    def __init__(
        self,
        recorder: str,
        path: Path,
        segment_s: float,
        sync_s: float,
        *,
        index: Path | None = None,
        keep: Keep | None = None,
        clips: Clips | None = None,
        mode_of: Callable[[str], RecordingMode] = lambda _camera: "continuous",
        cameras: Iterable[str] = (),
        state: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        site_ns: Callable[[], int] = time.time_ns,
        announce: Callable[[Event], Event] = lambda event: event,
    ) -> None:
        """Raises RecordingError.

        `cameras` are those that an event about no camera in particular is about.
        `state` is the folder in which it is remembered that `path` was recorded into.
        `index` is the folder of the index; None: that of the recordings.
        `announce` gets what happens to the recording itself: a full disk, a stepped clock; what
        it returns is recorded.
        """
        self.tallies: dict[str, CameraCounts] = {}
        self.trouble: DiskTrouble | None = None
        self.forecast = Forecast({})
        self._recorder = recorder
        self._sync_s = sync_s
        self._clock = clock
        self._site_ns = site_ns
        self._announce = announce
        self._losses = LostStretches()
        self._sentinel = Sentinel(path, recorder, state)
        self._sentinel.look()
        self._folder = Folder(path)
        try:
            self._index_folder = _index_folder(path, index)
            self._index = _recovered_index(path, self._index_folder, self._sentinel, mode_of)
        except BaseException:
            self._folder.close()
            raise
        self.expiry = Expiry(self._folder, self._index, keep or Keep(), clips, site_ns)
        self._files = OpenSegments(path, self._index, int(segment_s * 1e9), self._before_file)
        self._segment_s = segment_s
        self._manual = ManualRecordings(recorder, site_ns, self._happened)
        self._intake = Intake(
            self._index,
            recorder,
            clips=clips,
            mode_of=mode_of,
            cameras=cameras,
            site_ns=site_ns,
            record=self._record,
            passed=self._pass_over,
            finished=self._finish_clip,
        )
        self._positions = self._index.reader.positions()
        self._runs = self._index.reader.runs()
        self._committed_s = self._synced_s = clock()
        self._keep = keep or Keep()
        self._forecast_s = float("-inf")  # when it was last made
        self._decided_s = float("-inf")  # when what waits was last looked at
        self._checked_s = float("-inf")  # when retention was last looked at

    def positions(self) -> dict[str, Position]:
        """The last place of each camera that is recorded, skipped or lost."""
        return dict(self._positions)

    def free_bytes(self) -> int | None:
        """What the disk has left."""
        return self._folder.free_bytes()

    def append(self, frame: Frame) -> None:
        """Record a frame, once, or not, as the mode says.

        In the mode `continuous` it is in the operating system's hands when this returns. Raises
        RecordingError when the index is damaged.
        """
        self._intake.take(frame, self._clock())

    def gap(self, gap: Gap) -> None:
        """Record what will not come, in its place among the frames."""
        self._intake.take(gap, self._clock())

    def lose(self, gap: Gap) -> None:
        """Frames that came and that the disk was too slow for, as a gap with both ends."""
        self._tally(gap.camera).lost += (
            (gap.first if gap.last is None else gap.last) - gap.first + 1
        )
        self._intake.take(gap, self._clock())

    def _record(self, item: Frame | Gap) -> None:
        if isinstance(item, Gap):
            self._record_gap(item)
        else:
            self._record_frame(item)

    def _pass_over(self, frame: Frame) -> None:
        """A frame that the mode does not keep."""
        self._tally(frame.camera).skipped += 1
        self._advance(frame.camera, frame.position)

    def _record_frame(self, frame: Frame) -> None:
        tally = self._tally(frame.camera)
        ahead = self._advance(frame.camera, frame.position)
        if self.trouble is not None and not self._worth_trying(self.trouble):
            self._lose(frame, tally, self.trouble)
            return
        try:
            if self.trouble is not None:
                self._commit_losses()
            if not ahead and self._has(frame):
                tally.repeated += 1
                return
            moment = self._files.write(frame, self._clock(), late=not ahead)
        except (OSError, sqlite3.OperationalError) as exc:
            self._lose(frame, tally, self._fail(exc))
            return
        except sqlite3.Error as exc:
            raise self._ended_by(explained(self._index.path, exc)) from exc
        self._recover()
        tally.frames += 1
        tally.bytes += len(frame.jpeg)
        tally.until_ns = max(tally.until_ns or 0, moment.time_ns)
        if moment.step_ns:
            self._tell_of_step(frame, moment)

    def _record_gap(self, gap: Gap) -> None:
        """It is with the operating system when this returns: frames that follow survive a kill, and
        would tell the next life that all before them is explained.
        """
        last = gap.first if gap.last is None else gap.last
        if gap.last is not None and gap.reason != DISK_SLOW:
            self._tally(gap.camera).missing += last - gap.first + 1
        self._advance(gap.camera, Position(gap.run, last))
        self._index.add_gap(gap, self._site_ns())
        if self.trouble is not None:
            return
        try:
            self._commit(durable=False)
        except (OSError, sqlite3.OperationalError) as exc:
            self._fail(exc)

    def event(self, event: Event) -> None:
        """Record that something happened."""
        if self._index.waiting < WAITING:
            self._index.add_event(event)
            self._intake.event(event, self._clock())

    def record(self, wish: Record) -> None:
        """Start or stop a manual recording."""
        self._manual.take(wish, self._clock())

    def tick(self) -> None:
        """Do what is due. Raises RecordingError when the index is damaged."""
        now_s = self._clock()
        if now_s - self._checked_s >= CHECK_S:
            self._expire(retry=True)
        if now_s - self._forecast_s >= FORECAST_S:
            self._forecast_s = now_s
            self._look_ahead()
        if now_s - self._decided_s >= DECIDE_S:
            self._decided_s = now_s
            self._manual.tick(now_s)
            self._intake.tick(now_s)
        try:
            if now_s - self._synced_s >= self._sync_s * SYNC_SHARE:
                self._synced_s = now_s
                self._files.retire(now_s - self._segment_s)
                self._sync()
            elif now_s - self._committed_s >= COMMIT_S:
                self._commit(durable=False)
        except (OSError, sqlite3.OperationalError) as exc:
            self._fail(exc)

    def close(self) -> None:
        """Finish every file and make all of it durable, as far as the disk takes it."""
        self._manual.close()
        self._intake.close(self._clock())
        self._files.retire(float("inf"))
        for gap in self._losses.end():
            self._index.add_gap(gap, self._site_ns())
        try:
            self._sync()
        except (OSError, sqlite3.OperationalError, RecordingError) as exc:
            log.error("%s: not closed properly, repaired at the next start: %s", self._path, exc)
        finally:
            self._files.close()
            self._index.close()
            self._folder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _path(self) -> Path:
        return self._folder.path

    def _tally(self, camera: str) -> CameraCounts:
        return self.tallies.setdefault(camera, CameraCounts())

    def _advance(self, camera: str, to: Position) -> bool:
        """Whether this is further on in the camera's stream than all before; then we are there."""
        at = self._positions.get(camera)
        if at is not None and at.run == to.run:
            ahead = to.sequence > at.sequence
        else:  # another run: the next one, or one that was before
            ahead = at is None or (camera, to.run) not in self._runs
        if ahead:
            self._positions[camera] = to
            self._runs.add((camera, to.run))
        return ahead

    def _has(self, frame: Frame) -> bool:
        self._commit(durable=False)  # the reader sees what was committed
        return self._index.reader.has_frame(frame.camera, frame.run, frame.sequence)

    def _sync(self) -> None:
        try:
            self._files.sync()
        finally:
            self._commit(durable=True)

    def _commit(self, *, durable: bool) -> None:
        self._committed_s = self._clock()
        if not self._index.waiting:  # else the disk did not take it before: tell it once
            for gap in self._losses.gaps():
                self._index.add_gap(gap, self._site_ns())
        self._intake.note()
        if not durable:
            self._files.note()
        try:
            self._index.commit(durable=durable)
        except RecordingError as exc:
            raise self._ended_by(exc) from exc
        except sqlite3.OperationalError as exc:
            if _locked(exc) and self._index.waiting < WAITING:
                log.warning("%s: %s; tried again in a second", self._path, exc)
                return
            raise

    def _commit_losses(self) -> None:
        """A frame that follows says that all before it is explained, also after a kill."""
        self._commit(durable=False)  # what waited while the disk took nothing
        self._commit(durable=False)  # and then the gaps

    def _ended_by(self, error: RecordingError) -> RecordingError:
        """What to end with; a damaged index makes way for the next start."""
        if not isinstance(error, IndexDamagedError):
            return error
        aside = set_aside(self._index_folder)
        return IndexDamagedError(
            f"{error}; set aside as {aside.name}, the next start makes it again from the files"
        )

    def _before_file(self) -> None:
        """What is looked at before a file is opened. Raises DiskMissingError."""
        self._sentinel.check()
        self._expire()

    def _look_ahead(self) -> None:
        """Measure the rate, and warn where `keep` cannot hold what it says."""
        before = self.forecast.warning
        try:
            reader = self._index.reader
            used = sum(row.bytes for row in reader.usage())
            rates = reader.rates(self._site_ns() - DAY_NS)
        except sqlite3.OperationalError as exc:
            log.debug("%s: no forecast: %s", self._path, exc)
            return
        self.forecast = forecast(self._keep, rates, used, self.free_bytes())
        if self.forecast.warning is not None and before is None:
            log.warning("%s: %s", self._path, self.forecast.warning)

    def _expire(self, *, retry: bool = False) -> None:
        """Delete what retention no longer keeps. What fails is said, and tried again."""
        self._checked_s = self._clock()
        try:
            finished = self.expiry.check(retry=retry)
        except sqlite3.OperationalError as exc:
            if self.trouble is None:
                log.warning("%s: retention waits: %s", self._path, exc)
        else:
            if not finished:
                self._checked_s = float("-inf")  # at the next tick

    def _finish_clip(self, clip: ClipRow) -> None:
        """Give a clip that is complete its thumbnail, as far as its peak is recorded."""
        try:
            self._commit(durable=False)
            path = make_thumbnail(self._path, self._index.reader, clip)
        except (OSError, sqlite3.OperationalError) as exc:
            log.warning("clip of %s gets no thumbnail: %s", clip.camera, exc)
            return
        if path is not None:
            self._index.save_clip(replace(clip, thumbnail=path))

    def _worth_trying(self, trouble: DiskTrouble) -> bool:
        """It is time, and there is room for more than a few frames."""
        now_s = self._clock()
        if now_s < trouble.retry_s:
            return False
        if trouble.reason == DISK_FULL:
            self._expire()
        free_bytes = self.free_bytes()
        if trouble.reason != DISK_FULL or free_bytes is None or free_bytes >= ROOM_BYTES:
            return True
        self.trouble = replace(trouble, retry_s=now_s + RETRY_S)
        return False

    def _lose(self, frame: Frame, tally: CameraCounts, trouble: DiskTrouble) -> None:
        tally.lost += 1
        self._intake.interrupt(frame.camera)
        before = self._losses.add(frame, trouble.reason)
        if before is not None:
            self._index.add_gap(before, self._site_ns())

    def _fail(self, error: OSError | sqlite3.Error) -> DiskTrouble:
        """Stop recording until the disk takes something again."""
        self._files.retire(float("inf"))
        reason, retry_s = reason_of(error), self._clock() + RETRY_S
        message = f"{self._path}: {error}"
        if self.trouble is None:
            log.error("%s; nothing is recorded, tried again every %.0f s", message, RETRY_S)
            self.trouble = DiskTrouble(reason, message, secrets.token_hex(8), retry_s)
            self._tell(self.trouble.event, reason, "start", message=message)
        else:
            self.trouble = replace(self.trouble, message=message, retry_s=retry_s)
        return self.trouble

    def _recover(self) -> None:
        if self.trouble is None:
            return
        log.warning("%s: recording again", self._path)
        for gap in self._losses.end():
            self._index.add_gap(gap, self._site_ns())
        self._tell(self.trouble.event, self.trouble.reason, "end")
        self.trouble = None

    def _tell_of_step(self, frame: Frame, moment: FrameTime) -> None:
        log.warning("camera %s: its clock was set by %.3f s", frame.camera, moment.step_ns / 1e9)
        step_s = moment.step_ns / 1e9
        self._tell(secrets.token_hex(8), "clock-step", "end", camera=frame.camera, step_s=step_s)

    def _tell(
        self,
        event: str,
        kind: str,
        state: Literal["start", "end"],
        camera: str | None = None,
        **details: object,
    ) -> None:
        happened = Event(
            id=event,
            time=self._site_ns(),
            source=self._recorder,
            kind=kind,
            state=state,
            camera=camera,
            details=details,
        )
        self._happened(happened)

    def _happened(self, event: Event) -> None:
        """Record and publish an event of this recorder."""
        self.event(self._announce(event))


def _locked(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _index_folder(path: Path, asked: Path | None) -> Path:
    """The folder of the index, made if there is none. Raises RecordingError."""
    share = network_share(asked or path)
    if share is not None:
        log.warning(
            "%s is on a network share (%s), where the index is unsafe; set `index:` of the "
            "recorder to a folder on a local disk",
            *(asked or path, share),
        )
    if asked is None:
        return path
    look_at_folder(asked, KEEP_INDEX)
    try:
        asked.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise RecordingError(f"cannot keep the index in {asked}: {exc.strerror}") from exc
    return asked


def _recovered_index(
    folder: Path,
    index_folder: Path,
    sentinel: Sentinel,
    mode_of: Callable[[str], RecordingMode],
) -> Index:
    """The index, saying what the files say."""
    index = open_index(index_folder)
    try:
        if not sentinel.is_there and index.reader.usage() and not any(segment_files(folder)):
            raise sentinel.error()  # an index elsewhere knows recordings, and none is here
        sentinel.leave()
        found = recover(folder, index)
        explain_skips(index, found.rows, mode_of)
        index.commit(durable=True)
    except sqlite3.Error as exc:
        index.close()
        raise explained(index.path, exc) from exc
    except OSError as exc:
        index.close()
        raise RecordingError(f"cannot read the recordings in {folder}: {exc}") from exc
    except RecordingError:
        index.close()
        raise
    return index

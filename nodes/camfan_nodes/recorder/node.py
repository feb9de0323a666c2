"""The recorder as a node: every frame of its cameras, from the broker to the disk.

It reads in mode `every` from where the recording ends, so that neither its own restart nor an
outage leaves a hole that the rings could fill. A disk that is full or gone is its own trouble
only: frames go on being taken from the broker, and are counted as lost.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event as Flag

from camfan import Event, EventPublisher, Frame, Report, Subscriber
from camfan_config import Hidden, Site, select
from camfan_nodes.recorder.folder import index_folder
from camfan_nodes.recorder.intake import mode_of
from camfan_nodes.recorder.losses import DISK_SLOW
from camfan_nodes.recorder.sentinel import state_folder
from camfan_nodes.recorder.storage import Storage
from camfan_nodes.recorder.tally import CameraCounts
from camfan_nodes.recorder.trace import trace_frame
from camfan_nodes.recorder.writer import StorageThread
from camfan_wire.figures import RecorderCameraFigures, RecorderFigures

log = logging.getLogger(__name__)

WAIT_S = 0.25  # for the next frame, before looking at what else is due
ALIVE_S = 1.0


def run(
    site: Site,
    name: str,
    stop: Flag,
    *,
    ready: Callable[[], None] = lambda: None,
    alive: Callable[[], None] = lambda: None,
    hidden: Hidden | None = None,
    key: Path | None = None,
    started_s: float | None = None,
) -> None:
    """Be the recorder `name` of the site until `stop` is set.

    `ready` is called once, when the folder is open and the broker is being asked; `alive` about
    once a second while the work gets done; `hidden`: what reports and events must not contain.
    `started_s`: monotonic time from which on a camera that is new to the recording is wanted; now,
    if not given. Raises RecordingError, and what Subscriber raises.
    """
    started_s = time.monotonic() if started_s is None else started_s
    recorder = site.recorders[name]
    board = RecorderReport()
    with (
        EventPublisher(
            site, name, kind="recorder", report=board.report, key=key, hidden=hidden
        ) as publisher,
        Storage(
            name,
            Path(recorder.path),
            recorder.segment,
            recorder.sync,
            index=index_folder(recorder),
            keep=recorder.keep,
            clips=recorder.clips,
            mode_of=partial(mode_of, recorder),
            cameras=select(site, recorder.cameras),
            state=state_folder(site.site),
            site_ns=publisher.clock.site_ns,
            announce=publisher.publish,
        ) as storage,
        StorageThread(storage, board.show, SlowDisk(name, publisher, board).changed) as writer,
        Subscriber.every(
            site,
            recorder.cameras,
            since=storage.positions(),
            started_s=started_s,
            events=True,
            name=name,
            kind="recorder",
            key=key,
        ) as items,
    ):
        items.on_record(writer.put)
        items.answer_traces(partial(trace_frame, index_folder(recorder)))
        ready()
        alive_s = 0.0
        while not stop.is_set():
            with suppress(TimeoutError):  # no frames
                item = items.read(WAIT_S)
                if isinstance(item, Frame):
                    board.saw(item)
                if not (isinstance(item, Event) and _is_recorded(item, name)):
                    writer.put(item)
            if time.monotonic() - alive_s >= ALIVE_S:
                alive_s = time.monotonic()
                writer.check()
                alive()


class RecorderReport:
    """What the recorder last said of itself; written by its threads, read by the link's."""

    def __init__(self) -> None:
        self._report = Report("starting")
        self.slow: str | None = None  # a sentence, while the disk takes less than comes
        self._ages_ms: dict[str, float | None] = {}  # by camera, since it was last shown

    def saw(self, frame: Frame) -> None:
        """A frame came; how old it is, is asked of the first of each camera only."""
        if frame.camera not in self._ages_ms:
            age = frame.age
            self._ages_ms[frame.camera] = None if age is None else round(age.seconds * 1000, 1)

    def report(self) -> Report:
        report = self._report
        if self.slow is not None:
            report = replace(report, state=DISK_SLOW, message=self.slow)
        return report

    def show(self, storage: Storage) -> None:
        """Bring it up to date."""
        trouble, tallies = storage.trouble, storage.tallies
        figures = RecorderFigures(
            disk_free_bytes=storage.free_bytes(),
            deleted_bytes=storage.expiry.deleted_bytes,
            full_s=storage.forecast.full_s,
            stays_s=storage.forecast.stays_s,
            cameras={
                camera: _figures(
                    tally,
                    self._ages_ms.get(camera),
                    storage.forecast.bytes_per_hour.get(camera),
                )
                for camera, tally in tallies.items()
            },
        )
        self._report = Report(
            state="recording" if trouble is None else trouble.reason,
            message=_sentence(storage) if trouble is None else trouble.message,
            recorder=figures,
        )
        self._ages_ms.clear()


class SlowDisk:
    """Says when the disk falls behind and when it has caught up."""

    def __init__(self, recorder: str, publisher: EventPublisher, board: RecorderReport) -> None:
        self._recorder = recorder
        self._publisher = publisher
        self._board = board
        self._event = ""  # the id of the one that lasts

    def changed(self, slow: bool) -> None:
        if slow:
            self._board.slow = "the disk takes less than comes; frames are lost"
            log.error("recorder %s: %s", self._recorder, self._board.slow)
            self._event = self._publisher.event(DISK_SLOW, "start")
        else:
            log.warning("recorder %s: the disk has caught up", self._recorder)
            self._board.slow = None
            self._publisher.event(DISK_SLOW, "end", id=self._event)
        self._publisher.report_now()


def _is_recorded(event: Event, recorder: str) -> bool:
    """Our own events were recorded when they happened, but for what the disk was too slow for."""
    return event.source == recorder and event.kind != DISK_SLOW


def _sentence(storage: Storage) -> str | None:
    """What is wrong though everything is recorded."""
    return storage.expiry.trouble or storage.forecast.warning


def _figures(
    tally: CameraCounts, age_ms: float | None, bytes_per_hour: float | None
) -> RecorderCameraFigures:
    return RecorderCameraFigures(
        frames=tally.frames,
        bytes=tally.bytes,
        repeated=tally.repeated,
        lost=tally.lost,
        skipped=tally.skipped,
        missing=tally.missing,
        recorded_until=tally.until_ns,
        age_ms=age_ms,
        bytes_per_hour=bytes_per_hour,
    )

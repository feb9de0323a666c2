"""Clips: intervals of the recording around events.

A clip is a row of the index. While its event lasts, it reaches as far as it may become; when the
event is over, it ends `after` behind the last sign of it. Events whose intervals touch share a
clip, one that is longer than `max_length` is continued in the next, and a manual recording has a
clip of its own, with its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from camfan.recording.rows import ClipRow
from camfan_config import Clips
from camfan_nodes.recorder.index import Index
from camfan_wire.messages import Event

SETTLED_NS = 2_000_000_000  # after the end of a clip its frames are recorded
MANUAL = "recording"  # the kind of the event that a manual recording is


@dataclass(slots=True, eq=False)
class _OpenClip:
    """A clip that grows; events that touch share it."""

    row: ClipRow
    last_ns: int  # the last sign of its events
    peak: float = -1.0  # how much of the picture moved at `peak_ns`


@dataclass(slots=True)
class _LastingEvent:
    """An event of a camera that is not over."""

    clip: _OpenClip
    dated: bool = False  # its messages say when it was last seen; else it goes on until it ends


class ClipKeeper:
    """The clips of one recorder; `finished` is called with each one that is complete."""

    def __init__(
        self,
        index: Index,
        clips: Clips,
        site_ns: Callable[[], int],
        wanted: Callable[[ClipRow, int | None, bool], None],
        finished: Callable[[ClipRow], None],
    ) -> None:
        """`wanted` hears which interval each clip needs: from its start until a time (None: until
        its event ends), and whether there may be more to come.
        """
        self._wanted = wanted
        self._index = index
        self._before_ns = int(clips.before * 1e9)
        self._after_ns = int(clips.after * 1e9)
        self._longest_ns = int(clips.max_length * 1e9)
        self._site_ns = site_ns
        self._finished = finished
        self._lasting: dict[tuple[str, str], _LastingEvent] = {}  # by camera and event
        self._last = {clip.camera: clip for clip in index.reader.last_clips()}
        self._complete: dict[int, ClipRow] = {}  # over, but their last frames may still come
        self._end_interrupted()

    def event(self, event: Event, cameras: Iterable[str]) -> None:
        """Take a message about an event that makes clips."""
        for camera in cameras:
            key = (camera, event.id)
            lasting = self._lasting.get(key)
            if lasting is None:
                lasting = self._lasting[key] = _LastingEvent(self._clip_for(event, camera))
            self._see(event, lasting)
            if event.state == "end":
                del self._lasting[key]
                self._end(lasting.clip)
            if any(other.clip is lasting.clip for other in self._lasting.values()):
                self._want(lasting.clip)

    def tick(self) -> None:
        """Continue clips that have become too long, and report those that are complete."""
        now_ns = self._site_ns()
        for lasting in list(self._lasting.values()):
            if not lasting.dated:
                lasting.clip.last_ns = max(lasting.clip.last_ns, now_ns)
                self._split(lasting.clip)
                self._want(lasting.clip)
        for clip in list(self._complete.values()):
            if now_ns > clip.end_ns + SETTLED_NS:
                del self._complete[clip.id]
                self._finished(clip)

    def _end_interrupted(self) -> None:
        """End the clips of a life that was killed where their recording ends."""
        for clip in self._index.reader.open_clips():
            until_ns = self._index.reader.recorded_until(clip.camera) or 0
            end_ns = min(max(clip.event_start_ns, until_ns), clip.end_ns)
            self._close(replace(clip, event_end_ns=end_ns, end_ns=end_ns))

    def _clip_for(self, event: Event, camera: str) -> _OpenClip:
        """The clip that an event belongs to: one that it touches, or a new one."""
        now_ns, name = self._site_ns(), manual_name(event)
        begun_ns = min(max(started_at(event), now_ns - self._longest_ns), now_ns)
        start_ns, last = begun_ns - self._before_ns, self._last.get(camera)
        if name is None and last is not None and last.start_ns <= begun_ns:
            for lasting in self._lasting.values():
                if lasting.clip.row.id == last.id:
                    return lasting.clip
            if start_ns <= last.end_ns + 1:
                self._complete.pop(last.id, None)
                clip = _OpenClip(self._grown(replace(last, event_end_ns=None)), begun_ns)
                self._save(clip.row)
                return clip
        row = ClipRow(
            id=self._index.new_clip_id(),
            camera=camera,
            event=event.id,
            source=event.source,
            kind=event.kind,
            start_ns=start_ns,
            end_ns=start_ns,
            event_start_ns=begun_ns,
            peak_ns=begun_ns,
            name=name,
        )
        clip = _OpenClip(self._grown(row), begun_ns)
        self._save(clip.row)
        return clip

    def _grown(self, clip: ClipRow) -> ClipRow:
        """As long as it may become."""
        return replace(clip, end_ns=clip.start_ns + self._longest_ns - 1)

    def _see(self, event: Event, lasting: _LastingEvent) -> None:
        clip, last_ns = lasting.clip, seen_until(event)
        lasting.dated = last_ns is not None
        clip.last_ns = max(clip.last_ns, min(last_ns or event.time, self._site_ns()))
        peak_ns, area = _moment(event, "peak"), event.details.get("area")
        size = float(area) if isinstance(area, int | float) else 0.0
        if peak_ns is not None and size > clip.peak and peak_ns >= clip.row.start_ns:
            clip.peak, clip.row = size, replace(clip.row, peak_ns=peak_ns)
            self._save(clip.row)
        self._split(clip)

    def _want(self, clip: _OpenClip) -> None:
        dated = all(one.dated for one in self._lasting.values() if one.clip is clip)
        self._wanted(clip.row, clip.last_ns + self._after_ns if dated else None, True)

    def _split(self, clip: _OpenClip) -> None:
        while clip.last_ns + self._after_ns > clip.row.end_ns:
            full = clip.row
            self._close(replace(full, event_end_ns=min(clip.last_ns, full.end_ns)))
            following = replace(
                full,
                id=self._index.new_clip_id(),
                start_ns=full.end_ns + 1,
                event_start_ns=full.end_ns + 1,
                peak_ns=max(full.peak_ns, full.end_ns + 1),
                thumbnail=None,
            )
            clip.row, clip.peak = self._grown(following), -1.0
            self._save(clip.row)

    def _end(self, clip: _OpenClip) -> None:
        """One of its events is over; it ends with the last of them."""
        if any(lasting.clip is clip for lasting in self._lasting.values()):
            return
        end_ns = max(clip.last_ns, clip.row.event_start_ns)
        over_ns = min(end_ns + self._after_ns, clip.row.end_ns)
        self._close(replace(clip.row, event_end_ns=end_ns, end_ns=max(over_ns, end_ns)))

    def _close(self, clip: ClipRow) -> None:
        self._save(clip)
        self._wanted(clip, clip.end_ns, False)
        self._complete[clip.id] = clip

    def _save(self, clip: ClipRow) -> None:
        self._index.save_clip(clip)
        if clip.name is None:
            self._last[clip.camera] = clip


def started_at(event: Event) -> int:
    """When an event began, as far as its message says."""
    return _moment(event, "start") or event.time


def seen_until(event: Event) -> int | None:
    """When what an event is about was last seen; None where its messages do not say."""
    return _moment(event, "last")


def manual_name(event: Event) -> str | None:
    """The name of a manual recording; None for other events."""
    name = event.details.get("name")
    return str(name) if event.kind == MANUAL and name is not None else None


def _moment(event: Event, what: str) -> int | None:
    value = event.details.get(what)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None

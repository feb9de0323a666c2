"""What comes to a recorder, and what of it is kept: modes, and the clips around events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from camfan.frame import Frame
from camfan.recording.rows import ClipRow, Mode
from camfan_config import Clips, Recorder, RecordingMode
from camfan_config.text.globs import matches
from camfan_nodes.recorder.clipping import MANUAL, ClipKeeper
from camfan_nodes.recorder.gate import Gate, Verdict
from camfan_nodes.recorder.index import Index
from camfan_wire.messages import Event, Gap


def mode_of(recorder: Recorder, camera: str) -> RecordingMode:
    """The mode of a camera: that of the first glob that fits, else the recorder's."""
    own = (mode for glob, mode in recorder.modes.items() if matches(camera, [glob]))
    return next(own, recorder.mode)


@dataclass(slots=True)
class _Skipped:
    """A stretch of which not all is kept."""

    run: str
    first: int
    last: int
    mode: Mode


class Intake:
    """Decides what is kept. `record` takes what is; `passed` hears of frames that are not."""

    def __init__(
        self,
        index: Index,
        recorder: str,
        *,
        clips: Clips | None,
        mode_of: Callable[[str], RecordingMode],
        cameras: Iterable[str],
        site_ns: Callable[[], int],
        record: Callable[[Frame | Gap], None],
        passed: Callable[[Frame], None],
        finished: Callable[[ClipRow], None],
    ) -> None:
        self._index = index
        self._recorder = recorder
        self._settings = clips or Clips(source=())
        self._mode_of = mode_of
        self._cameras = tuple(cameras)
        self._record = record
        self._passed = passed
        self._gates: dict[str, Gate | None] = {}
        self._skipped: dict[str, _Skipped] = {}
        self._noted: dict[str, int] = {}  # the last of each stretch that the index has
        self._keeper = ClipKeeper(index, self._settings, site_ns, self._want, finished)

    def take(self, item: Frame | Gap, now_s: float) -> None:
        """A frame or a gap; `now_s`: monotonic."""
        gate = self._gate(item.camera)
        if gate is None:
            self._record(item)
            return
        gate.add(item, now_s)
        self._let_through(gate, now_s)

    def event(self, event: Event, now_s: float) -> None:
        """An event, which may be one that makes clips."""
        manual = event.kind == MANUAL and event.source == self._recorder
        if event.source not in self._settings.source and not manual:
            return
        cameras = self._cameras if event.camera is None else (event.camera,)
        self._keeper.event(event, cameras)
        for camera in cameras:
            gate = self._gate(camera)
            if gate is not None:
                self._let_through(gate, now_s)

    def tick(self, now_s: float) -> None:
        """Decide what has waited long enough."""
        for gate in self._gates.values():
            if gate is not None:
                self._let_through(gate, now_s)
        self._keeper.tick()

    def note(self) -> None:
        """Tell the index which stretches are not kept whole."""
        for camera, skipped in self._skipped.items():
            if self._noted.get(camera) != skipped.last:
                self._noted[camera] = skipped.last
                row = (skipped.run, skipped.first, skipped.last, skipped.mode)
                self._index.add_skip(camera, *row)

    def interrupt(self, camera: str) -> None:
        """A frame is lost: a stretch that the mode skips ends before it."""
        self.note()
        self._skipped.pop(camera, None)

    def close(self, now_s: float) -> None:
        """Record what an event still needs; what waits for one to come is forgotten."""
        for gate in self._gates.values():
            if gate is not None:
                for item, verdict in gate.rest(now_s):
                    self._settle(item, verdict, gate.mode)
        self.note()

    def _want(self, clip: ClipRow, until_ns: int | None, lasts: bool) -> None:
        gate = self._gate(clip.camera)
        if gate is not None:
            gate.want(clip.id, clip.start_ns, until_ns, lasts=lasts)

    def _gate(self, camera: str) -> Gate | None:
        if camera not in self._gates:
            mode, clips = self._mode_of(camera), self._settings
            before_ns = int(clips.before * 1e9)
            self._gates[camera] = None if mode == "continuous" else Gate(mode, before_ns)
        return self._gates[camera]

    def _let_through(self, gate: Gate, now_s: float) -> None:
        for item, verdict in gate.decided(now_s):
            self._settle(item, verdict, gate.mode)

    def _settle(self, item: Frame | Gap, verdict: Verdict, mode: Mode) -> None:
        if verdict == "wanted":
            self.note()
            self._skipped.pop(item.camera, None)
        if verdict != "skipped":
            self._record(item)
            return
        assert isinstance(item, Frame)  # gaps are always recorded
        self._passed(item)
        stretch = self._skipped.get(item.camera)
        if stretch is None or stretch.run != item.run or item.sequence < stretch.first:
            self.note()
            first = item.sequence
            self._skipped[item.camera] = _Skipped(item.run, first, first, mode)
            self._noted.pop(item.camera, None)
        else:
            stretch.last = max(stretch.last, item.sequence)

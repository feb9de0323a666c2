"""What a recorder knows of one frame: whether it is recorded, and in which file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from camfan.recording.errors import RecordingError
from camfan.recording.queries import IndexReader
from camfan.recording.schema import FILE_NAME, connect_to_read
from camfan_wire.messages import Hop, Trace


def trace_frame(index: Path, trace: Trace) -> Hop:
    """The hop of this recorder, whose index is in a folder; the broker adds the name."""
    if trace.run is None:
        return Hop(node="", outcome="unknown", reason="no frame of this camera has come")
    try:
        with closing(connect_to_read(index / FILE_NAME)) as db:
            return _look(IndexReader(db), trace.camera, trace.run, trace.sequence)
    except (RecordingError, sqlite3.Error) as exc:
        return Hop(node="", outcome="unknown", reason=f"its index cannot be read: {exc}"[:200])


def _look(index: IndexReader, camera: str, run: str, sequence: int) -> Hop:
    found = index.file_of(camera, run, sequence)
    if found is not None:
        path, time_ns = found
        return Hop(node="", outcome="recorded", reason=f"in {path}"[:200], time=time_ns)
    for gap in index.gaps(camera):
        within = gap.last is None or sequence <= gap.last
        if gap.run == run and gap.first <= sequence and within:
            return Hop(node="", outcome="lost", reason=f"a gap: {gap.reason}")
    position = index.positions().get(camera)
    if position is None or (position.run == run and sequence > position.sequence):
        return Hop(node="", outcome="held", reason="not recorded yet, or committed in a second")
    return Hop(node="", outcome="unknown", reason="neither recorded nor in a gap")

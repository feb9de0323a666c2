"""Making an index and its files agree again, after `verify` has found what is wrong.

Nothing that can still be read is removed. What is lost becomes a gap with a reason.
"""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from camfan import FrameLostError, Gap
from camfan.recording import matroska
from camfan.recording.frame_files import FrameFiles
from camfan.recording.lookup import FramesFile
from camfan.recording.matroska import About, FrameRecord, header
from camfan.recording.rows import FrameRow, SegmentRow
from camfan_nodes.recorder.index import Index
from camfan_nodes.recorder.losses import DAMAGED
from camfan_nodes.recorder.recovery import recover
from camfan_nodes.recorder.salvage import FramePlace, SegmentContents, read_segment, repair_segment
from camfan_nodes.recordings.problems import ProblemKind, VerifyProblem

FILE_LOST = "file-lost"
ASIDE = ".damaged"  # behind the name of a file without a frame that can be read

REPAIRS: dict[ProblemKind, str] = {
    "index": "rebuild the index: camfan recordings rebuild",
    "file-gone": "remove its rows, and note a gap",
    "frames-damaged": "take the damaged frames out of file and index, and note a gap",
    "structure": "write its head and its table of times again",
    "frames-unknown": "add them to the index",
    "file-unknown": "add it to the index",
    "file-unfinished": "remove it; it has no whole frame",
    "file-foreign": "leave it",
    "length": "finish the file behind its last whole frame",
    "rows-orphaned": "remove them",
    "clip": "remove what is gone from the index",
}


def repair_of(problem: VerifyProblem) -> str:
    """What would be done about it."""
    return REPAIRS[problem.kind]


def repair(folder: Path, index_folder: Path, problems: list[VerifyProblem]) -> None:
    """Do it; the folder is held. Raises RecordingError, OSError, sqlite3.Error."""
    files = {problem.file for problem in problems if problem.run is not None}
    with closing(Index(index_folder)) as index:
        known = {row.path: row for row in index.reader.segments()}
        for name in sorted(name for name in files if name in known):
            _repair_file(folder, index, known[name])
            index.commit(durable=True)
        recover(folder, index)
        index.commit(durable=True)
        _clean(index, folder)


def _repair_file(folder: Path, index: Index, row: SegmentRow) -> None:
    path = folder / row.path
    rows = index.reader.frames_of(row.id)
    if not path.is_file():
        _note_gaps(index, row, [each.sequence for each in rows], FILE_LOST)
        index.forget_segment(row.id)
        return
    good, bad = _sorted_out(folder, row, rows)
    _note_gaps(index, row, [each.sequence for each in bad], DAMAGED)
    if not good:
        index.forget_segment(row.id)
        path.rename(path.with_name(path.name + ASIDE))
        return
    _write_prefixes(path, row, good)
    contents = _contents(row, good, bad)
    length = repair_segment(path, contents)
    index.forget_frames(row.id)
    for each in good:
        index.add_frame(row.id, each, row.shift_ns)
    sequences = [each.sequence for each in good]
    index.update_segment(
        replace(
            row,
            state="salvaged",
            end_ns=max(each.time_ns for each in good),
            first=min(sequences),
            last=max(sequences),
            bytes=length,
            synced_bytes=length,
        )
    )


def _sorted_out(
    folder: Path, row: SegmentRow, rows: list[FrameRow]
) -> tuple[list[FrameRow], list[FrameRow]]:
    """Frames that can be read, also those without a row, by their place; and those that cannot."""
    file = FramesFile(
        row.id, row.camera, row.path, row.run, row.width, row.height, row.start_ns, None, 0
    )
    good: dict[int, FrameRow] = {}
    bad: list[FrameRow] = []
    with closing(FrameFiles(folder)) as files:
        for each in rows:
            try:
                files.read(file, each)
                good[each.sequence] = each
            except FrameLostError:
                bad.append(each)
    for place in _whole_places(folder / row.path, row.run):
        record = place.record
        good.setdefault(
            record.sequence,
            FrameRow(record.sequence, record.captured_ns, record.time_ns, place.offset, place.size),
        )
    found = sorted(good.values(), key=lambda each: each.offset)
    return found, [each for each in bad if each.sequence not in good]


def _whole_places(path: Path, run: str) -> Iterable[FramePlace]:
    contents = read_segment(path, 0)
    if contents is None:
        return ()
    return (place for place in contents.frames if f"{place.record.run:016x}" == run)


def _contents(row: SegmentRow, good: list[FrameRow], bad: list[FrameRow]) -> SegmentContents:
    """As `repair_segment` wants it: what stays, and what between that becomes void."""
    about = About(row.camera, row.width, row.height, row.start_ns)
    frames = tuple(_place(each, row.run) for each in good)
    end = max(place.end for place in frames)
    first = len(header(about))
    damaged = tuple(
        place
        for place in (_place(each, row.run) for each in bad)
        if first <= place.start < place.end <= end
        and not any(place.start < kept.end and kept.start < place.end for kept in frames)
    )
    return SegmentContents(about, frames, damaged, end, finished=False)


def _write_prefixes(path: Path, row: SegmentRow, good: list[FrameRow]) -> None:
    """What stands before each JPEG, so that players find it."""
    with path.open("rb+") as file:
        for each in good:
            file.seek(each.offset - matroska.PREFIX_BYTES)
            file.write(matroska.prefix(each.size, each.time_ns - row.start_ns))


def _place(row: FrameRow, run: str) -> FramePlace:
    record = FrameRecord(int(run, 16), row.sequence, row.captured_ns, row.time_ns)
    return FramePlace(record, row.offset, row.size)


def _note_gaps(index: Index, row: SegmentRow, numbers: list[int], reason: str) -> None:
    for first, last in _stretches(numbers):
        gap = Gap(camera=row.camera, run=row.run, first=first, last=last, reason=reason)
        index.add_gap(gap, time.time_ns())


def _stretches(numbers: list[int]) -> Iterator[tuple[int, int]]:
    ordered = sorted(numbers)
    for _, group in itertools.groupby(enumerate(ordered), lambda pair: pair[1] - pair[0]):
        members = [number for _, number in group]
        yield members[0], members[-1]


def _clean(index: Index, folder: Path) -> None:
    """Rows that point nowhere."""
    with closing(sqlite3.connect(index.path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM frames WHERE segment NOT IN (SELECT id FROM segments)")
        for number, thumbnail in db.execute(
            "SELECT id, thumbnail FROM clips WHERE thumbnail IS NOT NULL"
        ).fetchall():
            if not (folder / thumbnail).is_file():
                db.execute("UPDATE clips SET thumbnail = NULL WHERE id = ?", (number,))
        db.execute(
            "DELETE FROM clips WHERE event_end_ns IS NOT NULL AND NOT EXISTS (SELECT 1 FROM"
            " segments s WHERE s.camera = clips.camera AND s.start_ns <= clips.end_ns"
            " AND coalesce(s.end_ns, s.start_ns) >= clips.start_ns)"
        )
        db.execute("COMMIT")

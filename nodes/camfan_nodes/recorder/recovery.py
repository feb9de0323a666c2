"""What is done at the start: index and files are brought to say the same.

Files that were open when the recorder died are repaired and indexed to their last whole frame;
files that the index does not know are taken in; rows whose files are gone are dropped. Only files
whose place and name are ours are touched, and a file with a frame in it is never removed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from camfan.recording.rows import FrameRow, SegmentRow, SegmentState, clock_state, shift_between
from camfan_config import RecordingMode, is_name
from camfan_nodes.recorder.index import Index
from camfan_nodes.recorder.salvage import SegmentContents, read_segment, repair_segment
from camfan_nodes.recorder.segment import DAY_NAME, FILE_NAME, NEW

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Recovered:
    """What was found at the start."""

    salvaged: int = 0  # files that were open
    adopted: int = 0  # files that the index did not know
    vanished: int = 0  # files that are gone
    rows: list[SegmentRow] = field(default_factory=list)  # of the files that were read


def recover(folder: Path, index: Index) -> Recovered:
    """Add to the index what it lacks. Raises OSError; committing is left to the caller."""
    found = Recovered()
    known = index.reader.paths()
    _settle_unnamed(folder, known)
    left_open = {row.path: row for row in index.reader.segments(state="open")}
    for name in segment_files(folder):
        if name not in known:
            _adopt(folder, index, name, found)
        elif name in left_open:
            _recover(folder, index, left_open[name], found)
        known.pop(name, None)
    deleting = {row.id for row in index.reader.segments(state="deleting")}
    for segment in known.values():
        index.forget_segment(segment)
        found.vanished += segment not in deleting
    if found.salvaged or found.adopted or found.vanished:
        log.warning(
            "%s: %s segments salvaged, %s added to the index, %s gone",
            *(folder, found.salvaged, found.adopted, found.vanished),
        )
    return found


def explain_skips(
    index: Index, rows: Iterable[SegmentRow], mode_of: Callable[[str], RecordingMode]
) -> None:
    """What a mode skipped between frames of these files, and a kill kept from the index.

    To be called before what `recover` found is committed. A camera without any run in the index
    is left out: its stretches may have been lost with an index that was damaged.
    """
    known = {camera for camera, _ in index.reader.runs()}
    for row in rows:
        mode = mode_of(row.camera)
        if mode == "continuous" or row.camera not in known or row.first is None:
            continue
        before = index.reader.last_of(row.camera, row.run)
        first = row.first if before is None else before + 1
        if row.last is not None and first < row.last:
            index.add_skip(row.camera, row.run, first, row.last, mode)


def segment_files(folder: Path) -> Iterator[str]:
    """The files that are where, and named as, a recorder puts them; in order of their names."""
    return (name for name in _files(folder) if not name.endswith(NEW))


def unfinished_files(folder: Path) -> Iterator[str]:
    """What a kill left before its first frame was whole, or before the index referred to it."""
    return (name for name in _files(folder) if name.endswith(NEW))


def _settle_unnamed(folder: Path, known: Container[str]) -> None:
    """Name the files that the index refers to; the others hold nothing that was reported."""
    for name in list(unfinished_files(folder)):
        path = folder / name.removesuffix(NEW)
        if name.removesuffix(NEW) in known and not path.exists():
            (folder / name).rename(path)
        else:
            (folder / name).unlink()


def _files(folder: Path) -> Iterator[str]:
    """Ours: segments, and files that were to become one."""
    for camera in sorted(folder.iterdir()):
        if not is_name(camera.name) or not _is_folder(camera):
            continue
        for day in sorted(camera.iterdir()):
            if not DAY_NAME.fullmatch(day.name) or not _is_folder(day):
                continue
            names = sorted(path.name for path in day.iterdir() if not path.is_symlink())
            ours = (name for name in names if FILE_NAME.fullmatch(name.removesuffix(NEW)))
            yield from (f"{camera.name}/{day.name}/{name}" for name in ours)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _recover(folder: Path, index: Index, row: SegmentRow, found: Recovered) -> None:
    """Finish a segment that was not closed."""
    path = folder / row.path
    trusted = row.synced_bytes if row.synced_bytes <= path.stat().st_size else 0
    contents = read_segment(path, trusted)
    if contents is None or not contents.frames:
        index.forget_segment(row.id)
        _put_away(path, contents)
        return
    found.salvaged += 1
    index.forget_frames(row.id)
    found.rows.append(_enter(folder, index, row, contents))


def _adopt(folder: Path, index: Index, name: str, found: Recovered) -> None:
    """Take in a file that the index does not know."""
    path = folder / name
    contents = read_segment(path, None)
    if contents is None or not contents.frames:
        _put_away(path, contents)
        return
    first = contents.frames[0].record
    row = SegmentRow(
        id=index.new_id(),
        camera=name.split("/")[0],
        run=f"{first.run:016x}",
        path=name,
        width=contents.about.width,
        height=contents.about.height,
        start_ns=contents.about.start_ns,
        shift_ns=shift_between(first.captured_ns, first.time_ns),
        clock=clock_state(contents.about.start_ns),
    )
    found.adopted += 1
    index.add_segment(row)
    found.rows.append(_enter(folder, index, row, contents))


def _enter(folder: Path, index: Index, row: SegmentRow, contents: SegmentContents) -> SegmentRow:
    for place in contents.frames:
        record = place.record
        frame = FrameRow(
            record.sequence, record.captured_ns, record.time_ns, place.offset, place.size
        )
        index.add_frame(row.id, frame, row.shift_ns)
    if contents.damaged:
        log.warning("%s: %s damaged frames taken out", row.path, len(contents.damaged))
    state: SegmentState = "closed"
    length = (folder / row.path).stat().st_size
    if not contents.finished:
        length, state = _repair(folder / row.path, contents)
    sequences = [place.record.sequence for place in contents.frames]
    entered = replace(
        row,
        state=state,
        end_ns=contents.frames[-1].record.time_ns,
        first=min(sequences),
        last=max(sequences),
        bytes=length,
        synced_bytes=0 if state == "open" else length,
    )
    index.update_segment(entered)
    return entered


def _repair(path: Path, contents: SegmentContents) -> tuple[int, SegmentState]:
    try:
        return repair_segment(path, contents), "salvaged"
    except OSError as exc:  # a full disk has no room for the end of a file either
        log.warning("%s: not repaired; tried again at the next start: %s", path, exc)
        return contents.end, "open"


def _put_away(path: Path, contents: SegmentContents | None) -> None:
    """A file without a whole frame: removed if it is ours, left where it is otherwise."""
    if contents is not None or path.stat().st_size == 0:
        path.unlink()
    else:
        log.warning("%s is not a camfan recording; ignored", path)

"""The frames of a camera in order of time, across files that may overlap.

Files overlap where frames came late. Only the files of one moment are open in the index at once,
and no statement stays open between two frames: the recorder can always shorten its log.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from camfan.recording.lookup import FramesFile, Lookup
from camfan.recording.rows import FrameRow

SEEK_NS = 10_000_000_000  # an interval from which on each frame is looked up on its own

Found = tuple[FramesFile, FrameRow]


def walk(lookup: Lookup, camera: str, from_ns: int, until_ns: int) -> Iterator[Found]:
    """Every frame from one time to before another."""
    files = lookup.files(camera, from_ns, until_ns)
    waiting = next(files, None)
    active: list[tuple[int, int, FrameRow, FramesFile, Iterator[FrameRow]]] = []
    while active or waiting is not None:
        while waiting is not None and (not active or waiting.start_ns <= active[0][0]):
            rows = lookup.rows(waiting, from_ns, until_ns)
            if (row := next(rows, None)) is not None:
                heapq.heappush(active, (row.time_ns, waiting.id, row, waiting, rows))
            waiting = next(files, None)
        if not active:
            continue
        _, _, row, file, rows = active[0]
        yield file, row
        if (row_after := next(rows, None)) is None:
            heapq.heappop(active)
        else:
            heapq.heapreplace(active, (row_after.time_ns, file.id, row_after, file, rows))


def walk_at_intervals(
    lookup: Lookup, camera: str, from_ns: int, until_ns: int, every_ns: int
) -> Iterator[Found]:
    """The first frame of each interval that has one; intervals count from `from_ns`.

    Where that is 0, they count from the first frame.
    """
    found = next(walk(lookup, camera, from_ns, until_ns), None)
    if found is None:
        return
    origin_ns = from_ns or found[1].time_ns
    if every_ns < SEEK_NS:
        yield from _thinned(walk(lookup, camera, from_ns, until_ns), origin_ns, every_ns)
        return
    while found is not None:
        yield found
        due_ns = _next_interval(found[1].time_ns, origin_ns, every_ns)
        found = next(walk(lookup, camera, due_ns, until_ns), None) if due_ns < until_ns else None


def _thinned(frames: Iterator[Found], origin_ns: int, every_ns: int) -> Iterator[Found]:
    due_ns = origin_ns
    for file, row in frames:
        if row.time_ns >= due_ns:
            yield file, row
            due_ns = _next_interval(row.time_ns, origin_ns, every_ns)


def _next_interval(time_ns: int, origin_ns: int, every_ns: int) -> int:
    return origin_ns + ((time_ns - origin_ns) // every_ns + 1) * every_ns

"""Where the frames of a moment lie: questions to an index that touch a few rows each.

Sequences and times rise together within a segment, so a moment is found by halving the sequences
of the segment that has it. Nothing here opens a file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from msgspec import Struct

from camfan.recording.moments import LAST_NS
from camfan.recording.rows import FrameRow

PAGE_SEGMENTS = 200
PAGE_FRAMES = 500
GROWTH_NS = 60_000_000_000  # an open file may be longer by this than its row says
_FRAME = 'sequence, coalesce(captured_ns, time_ns + ?), time_ns, "offset", size'
_FILES = (
    "SELECT id, camera, path, run, width, height, start_ns,"
    " CASE state WHEN 'open' THEN NULL ELSE end_ns END, shift_ns"
    " FROM segments WHERE state != 'deleting'"
)


class FramesFile(Struct, frozen=True, gc=False):
    """One segment, as far as its frames are concerned."""

    id: int
    camera: str
    path: str  # below the folder of the recordings
    run: str
    width: int
    height: int
    start_ns: int
    end_ns: int | None  # None: it is open
    shift_ns: int  # capture time minus site time, of frames whose row has no capture time


class Lookup:
    """Finds frames by time and by sequence; raises sqlite3.Error."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._longest_ns = 0  # of the files up to this one
        self._measured_id = 0

    def files(self, camera: str, from_ns: int, until_ns: int) -> Iterator[FramesFile]:
        """The files with frames of a time, in the order in which they begin."""
        start_ns, last_id = from_ns - self._reach_ns(), -1
        while True:
            rows = self._db.execute(
                f"{_FILES} AND camera = ? AND (start_ns, id) > (?, ?) AND start_ns < ?"
                " ORDER BY start_ns, id LIMIT ?",
                (camera, start_ns, last_id, until_ns, PAGE_SEGMENTS),
            ).fetchall()
            files = [FramesFile(*row) for row in rows]
            yield from (file for file in files if file.end_ns is None or file.end_ns >= from_ns)
            if len(files) < PAGE_SEGMENTS:
                return
            start_ns, last_id = files[-1].start_ns, files[-1].id

    def rows(self, file: FramesFile, from_ns: int, until_ns: int) -> Iterator[FrameRow]:
        """The frames of a file from one time to before another."""
        first = self._first_from(file, from_ns)
        while first is not None:
            rows = self._db.execute(
                f"SELECT {_FRAME} FROM frames WHERE segment = ? AND sequence >= ?"  # noqa: S608 - as above
                " ORDER BY sequence LIMIT ?",
                (file.shift_ns, file.id, first, PAGE_FRAMES),
            ).fetchall()
            for fields in rows:
                row = FrameRow(*fields)
                if row.time_ns >= until_ns:
                    return
                yield row
            first = rows[-1][0] + 1 if len(rows) == PAGE_FRAMES else None

    def last_until(self, camera: str, time_ns: int) -> tuple[FramesFile, FrameRow] | None:
        """The newest frame at a time or before it."""
        best: tuple[FramesFile, FrameRow] | None = None
        for file in self._files_back_from(camera, time_ns):
            reach_ns = time_ns if file.end_ns is None else min(file.end_ns, time_ns)
            if best is not None and reach_ns <= best[1].time_ns:
                continue
            row = self._row_before(file, self._first_from(file, time_ns + 1))
            if row is not None and (best is None or row.time_ns > best[1].time_ns):
                best = file, row
        return best

    def of_sequence(
        self, camera: str, run: str, sequence: int
    ) -> tuple[FramesFile, FrameRow] | None:
        """The frame with a number."""
        closed = "AND state != 'open' AND last >= ?3 AND first <= ?3 ORDER BY last"
        for which in (closed, "AND state = 'open' AND ?3 >= 0"):
            files = self._db.execute(
                f"{_FILES} AND camera = ?1 AND run = ?2 {which}", (camera, run, sequence)
            )
            for fields in files:
                file = FramesFile(*fields)
                row = self.row(file, sequence)
                if row is not None:
                    files.close()
                    return file, row
        return None

    def row(self, file: FramesFile, sequence: int) -> FrameRow | None:
        fields = self._db.execute(
            f"SELECT {_FRAME} FROM frames WHERE segment = ? AND sequence = ?",  # noqa: S608 - as above
            (file.shift_ns, file.id, sequence),
        ).fetchone()
        return FrameRow(*fields) if fields else None

    def file(self, segment: int) -> FramesFile | None:
        fields = self._db.execute(f"{_FILES} AND id = ?", (segment,)).fetchone()
        return FramesFile(*fields) if fields else None

    def _files_back_from(self, camera: str, time_ns: int) -> Iterator[FramesFile]:
        """The files that may hold the newest frame at a time or before it, the latest first."""
        rows = self._db.execute(
            f"{_FILES} AND camera = ? AND start_ns <= ? ORDER BY start_ns DESC, id DESC",
            (camera, min(time_ns, LAST_NS)),
        )
        newest_ns: int | None = None
        reach_ns = self._reach_ns()
        for fields in rows:
            file = FramesFile(*fields)
            if newest_ns is not None and file.start_ns < newest_ns - reach_ns:
                break
            yield file
            newest_ns = file.start_ns if newest_ns is None else newest_ns
        rows.close()

    def _first_from(self, file: FramesFile, time_ns: int) -> int | None:
        """The smallest sequence at that time or after it; None when there is none."""
        ends = self._db.execute(
            "SELECT min(sequence), max(sequence) FROM frames WHERE segment = ?", (file.id,)
        ).fetchone()
        low, last = ends
        if low is None or time_ns <= file.start_ns:
            return None if low is None else int(low)
        high = last + 1
        while low < high:
            middle = (low + high) // 2
            sequence, at_ns = self._db.execute(
                "SELECT sequence, time_ns FROM frames WHERE segment = ? AND sequence >= ?"
                " ORDER BY sequence LIMIT 1",
                (file.id, middle),
            ).fetchone() or (high, LAST_NS)
            if at_ns >= time_ns:
                high = middle
            else:
                low = sequence + 1
        return low if low <= last else None

    def _row_before(self, file: FramesFile, sequence: int | None) -> FrameRow | None:
        """The last frame before a sequence; None: the last of the file."""
        fields = self._db.execute(
            f"SELECT {_FRAME} FROM frames WHERE segment = ? AND sequence < ?"  # noqa: S608 - as above
            " ORDER BY sequence DESC LIMIT 1",
            (file.shift_ns, file.id, LAST_NS if sequence is None else sequence),
        ).fetchone()
        return FrameRow(*fields) if fields else None

    def _reach_ns(self) -> int:
        """No file spans a longer time; each closed one is measured once."""
        ((closed_id,),) = self._db.execute(
            "SELECT coalesce((SELECT min(id) - 1 FROM segments WHERE state = 'open'),"
            " (SELECT max(id) FROM segments), 0)"
        )
        ((longest_ns,),) = self._db.execute(
            "SELECT coalesce(max(end_ns - start_ns), 0) FROM segments"
            " WHERE id > ? AND state != 'open'",
            (self._measured_id,),
        )
        self._longest_ns = max(self._longest_ns, longest_ns)
        self._measured_id = max(self._measured_id, closed_id)
        ((open_ns,),) = self._db.execute(
            "SELECT max(coalesce(end_ns, start_ns) - start_ns) FROM segments WHERE state = 'open'"
        )
        return max(self._longest_ns, 0 if open_ns is None else open_ns + GROWTH_NS)

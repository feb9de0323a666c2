"""How long retention takes to decide, with a million files in the index.

Run as `PYTHONPATH=tests/bench python -m camfan_bench.retention`; takes half a minute and 300 MB of
disk for the time that it runs.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from camfan.recording.queries import IndexReader
from camfan.recording.retention import Holdings, plan_retention
from camfan.recording.schema import connect
from camfan_config import Keep

FILES, CAMERAS, CLIPS = 1_000_000, 8, 20_000
MINUTE_NS = 60_000_000_000
BEGIN_NS = 1_700_000_000_000_000_000
BYTES = 45_000_000
DAY_S = 86_400.0
ROUNDS = 5
KEEPS = {
    "nothing is due": Keep(age=365 * DAY_S, size=10**15, min_free=1),
    "age": Keep(age=86.4 * DAY_S),
    "size": Keep(size=FILES * BYTES - 500_000_000),
    "min_free": Keep(min_free=2 * 10**12),
    "all three": Keep(age=80 * DAY_S, size=10**12, min_free=2 * 10**12),
}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.sqlite"
        with closing(connect(path)) as db:
            db.execute("BEGIN")
            db.executemany(
                "INSERT INTO segments (id, camera, run, path, width, height, state, start_ns,"
                " end_ns, first, last, bytes, synced_bytes)"
                " VALUES (?, ?, ?, ?, 1280, 720, 'closed', ?, ?, 0, 899, ?, ?)",
                _segments(),
            )
            db.executemany(
                "INSERT INTO clips (camera, event, source, kind, start_ns, end_ns, event_start_ns,"
                " event_end_ns, peak_ns) VALUES (?, 'e', 'm', 'motion', ?, ?, ?, ?, ?)",
                _clips(),
            )
            db.execute("COMMIT")
            for name, keep in KEEPS.items():
                times = sorted(_decide(IndexReader(db), keep) for _ in range(ROUNDS))
                sys.stdout.write(f"{name}: {times[0]:.1f} to {times[-1]:.1f} ms\n")
    return 0


def _decide(index: IndexReader, keep: Keep) -> float:
    """Milliseconds for the next 20 decisions."""
    begun_s = time.perf_counter()
    holdings = Holdings(index.usage(), index.ordinary, index.needed, 10**12)
    now_ns = BEGIN_NS + FILES // CAMERAS * MINUTE_NS
    list(islice(plan_retention(keep, holdings, now_ns), 20))
    return (time.perf_counter() - begun_s) * 1000


def _segments() -> Iterator[tuple[object, ...]]:
    for number in range(FILES):
        camera, start_ns = number % CAMERAS, BEGIN_NS + number // CAMERAS * MINUTE_NS
        path = f"camera-{camera}/2026-11-22/{number}.mkv"
        end_ns = start_ns + MINUTE_NS - 100_000_000
        yield (number, f"camera-{camera}", f"{camera:016x}", path, start_ns, end_ns, BYTES, BYTES)


def _clips() -> Iterator[tuple[object, ...]]:
    places = random.Random(1)
    for _ in range(CLIPS):
        start_ns = BEGIN_NS + places.randrange(FILES // CAMERAS) * MINUTE_NS
        camera = f"camera-{places.randrange(CAMERAS)}"
        yield (camera, start_ns, start_ns + 15_000_000_000, start_ns, start_ns, start_ns)


if __name__ == "__main__":
    sys.exit(main())

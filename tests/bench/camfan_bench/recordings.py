"""Reading recordings: one frame by its time among a million, and an export to MP4.

The index has a million frames; those of the last ten minutes are real, and are the ones that are
read. The export is that of 20 s of 1280x720; FFmpeg gets the same JPEGs and the same settings.
"""

from __future__ import annotations

import random
import resource
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import av

from camfan import Recording
from camfan_bench.frames import jpeg_of_size
from camfan_bench.model import BenchError, Benchmark, Figures, Measure, Run, alternating
from camfan_bench.rig import temporary_folder
from camfan_nodes.export.exporting import export_recording
from camfan_nodes.export.request import ExportRequest
from camfan_nodes.recorder.storage import Storage
from camfan_testing.recordings import INTERVAL_NS, RUN, START_NS, frame

SEEK, EXPORT = "recorder/seek", "recorder/export"
MILLION = 1_000_000
PER_FILE = 900
REAL = 10 * PER_FILE  # frames, the last of the million
LOOKS = 2_000
EXPORTED = 300


def benchmarks() -> list[Benchmark]:
    seek = Measure(SEEK, "ms p99", "PyAV: open, seek, read a packet", better="lower", reach=1.0)
    export = Measure(EXPORT, "CPU ms/frame", "ffmpeg, same JPEGs", better="lower", reach=1.3)
    return [Benchmark((seek,), _seeking, runs=3), Benchmark((export,), _exporting, runs=3)]


@contextmanager
def _seeking(length: float) -> Iterator[Run]:
    looks = max(int(LOOKS * length), 100)
    with temporary_folder() as folder:
        first = MILLION - REAL
        record(folder, range(first, MILLION), jpeg_of_size(50_000))
        enter_frames(folder, first)
        files = real_files(folder)
        with Recording(folder) as recording:

            def ours() -> Figures:
                spent = []
                for number in _chosen(looks, first):
                    began_s = time.perf_counter()
                    found = recording.at("porch", START_NS + number * INTERVAL_NS)
                    spent.append(time.perf_counter() - began_s)
                    assert found is not None
                    assert found.sequence == number
                return _figures(spent)

            def theirs() -> Figures:
                spent = []
                for number in _chosen(max(looks // 10, 50), first):
                    began_s = time.perf_counter()
                    _seek_in_file(files, number)
                    spent.append(time.perf_counter() - began_s)
                return _figures(spent)

            yield alternating(ours, theirs)


@contextmanager
def _exporting(length: float) -> Iterator[Run]:
    if shutil.which("ffmpeg") is None:
        raise BenchError("ffmpeg is not installed: apt install ffmpeg")
    count = max(int(EXPORTED * length), 30)
    with temporary_folder() as folder:
        record(folder, range(count), None)
        raw = folder / "frames.mjpeg"
        with Recording(folder) as recording:
            raw.write_bytes(b"".join(f.jpeg for f in recording.frames("porch")))

        def ours() -> Figures:
            request = ExportRequest(
                cameras=("porch",), output=folder / "ours.mp4", format="mp4", replace=True
            )
            began_s = time.process_time()
            with Recording(folder) as recording:
                export_recording(recording, request)
            return {EXPORT: 1000 * (time.process_time() - began_s) / count}

        def theirs() -> Figures:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(_ffmpeg(raw, folder / "theirs.mp4"), check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
            return {EXPORT: 1000 * used / count}

        yield alternating(ours, theirs)


def record(folder: Path, numbers: range, jpeg: bytes | None) -> None:
    """Frames of 1280x720, the given one again and again, or thirty that differ."""
    made = [jpeg] if jpeg else [jpeg_of_size(100_000, seed) for seed in range(30)]
    with Storage("archive", folder, PER_FILE * INTERVAL_NS / 1e9, 5.0) as storage:
        for n in numbers:
            data = made[n % len(made)]
            storage.append(frame(n, jpeg=data, width=1280, height=720))
            storage.tick()


def enter_frames(folder: Path, count: int) -> None:
    """Rows of the frames before, whose files are gone."""
    with closing(sqlite3.connect(folder / "index.sqlite")) as db:
        ((last,),) = db.execute("SELECT max(id) FROM segments")
        starts = range(0, count, PER_FILE)
        db.executemany(
            "INSERT INTO segments (id, camera, run, path, width, height, state, start_ns, end_ns,"
            " first, last, bytes, synced_bytes) VALUES (?, 'porch', ?, ?, 1280, 720, 'closed', ?,"
            " ?, ?, ?, 1, 1)",
            (
                (last + 1 + i, RUN, f"porch/{i}", START_NS + first * INTERVAL_NS,
                 START_NS + (min(first + PER_FILE, count) - 1) * INTERVAL_NS,
                 first, min(first + PER_FILE, count) - 1)
                for i, first in enumerate(starts)
            ),
        )  # fmt: skip
        db.executemany(
            "INSERT INTO frames VALUES (?, ?, NULL, ?, ?, 50000)",
            (
                (
                    last + 1 + n // PER_FILE,
                    n,
                    START_NS + n * INTERVAL_NS,
                    500 + n % PER_FILE * 50_115,
                )
                for n in range(count)
            ),
        )
        db.commit()


def real_files(folder: Path) -> list[tuple[int, Path]]:
    """(first sequence, path) of the files that there are, the last first."""
    with closing(sqlite3.connect(folder / "index.sqlite")) as db:
        rows = db.execute(
            "SELECT first, path FROM segments WHERE path LIKE '%.mkv' ORDER BY first DESC"
        ).fetchall()
    return [(first, folder / path) for first, path in rows]


def _seek_in_file(files: list[tuple[int, Path]], number: int) -> None:
    first, path = next((first, path) for first, path in files if first <= number)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        container.seek((number - first) * INTERVAL_NS // 1_000_000, stream=stream)
        assert next(container.demux(stream)).size


def _chosen(count: int, first: int) -> list[int]:
    return [random.randrange(first, MILLION) for _ in range(count)]


def _figures(spent_s: list[float]) -> Figures:
    ordered = sorted(spent_s)
    return {
        SEEK: 1000 * ordered[len(ordered) * 99 // 100],
        "p50 ms": 1000 * ordered[len(ordered) // 2],
    }


def _ffmpeg(source: Path, output: Path) -> list[str]:
    words = (
        f"ffmpeg -v error -y -f mjpeg -framerate 15 -i {source} -c:v libx264 -preset veryfast"
        f" -crf 23 -bf 0 -g 60 -pix_fmt yuv420p -movflags +faststart {output}"
    )
    return words.split()

"""How old RTSP pictures are and are said to be: `make rtsp-ages` writes docs/benchmarks/rtsp.md.

A camera on this machine draws its clock into each picture, and encodes and sends it at once; the
reader is camfan's own source. What is said holds if the true age is within the error of it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
from itertools import product
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from camfan_bench.machine import describe_machine  # noqa: E402 - the path first
from camfan_config.types import RtspCamera  # noqa: E402
from camfan_nodes.camera.clock import NodeClock  # noqa: E402
from camfan_nodes.camera.rtsp import RtspSource  # noqa: E402
from camfan_nodes.camera.source import CapturedFrame  # noqa: E402
from camfan_testing.ages import SeenAge, look  # noqa: E402
from camfan_testing.rtp import Film  # noqa: E402
from camfan_testing.rtsp import Habits, rtsp_server  # noqa: E402

THREADS = (1, 2, 8, 16)
SIZE, FPS = (640, 360), 15
FILMS = {
    "H.264": Film("h264", SIZE, FPS),
    "H.264, 3 B-frames": Film("h264", SIZE, FPS, b_frames=3),
    "H.265": Film("hevc", SIZE, FPS),
    "MJPEG": Film("mjpeg", SIZE, FPS),
    "MPEG-4": Film("mpeg4", SIZE, FPS),
    "VP8": Film("vp8", SIZE, FPS),
}
CAMERAS = {
    "sends no reports": Habits(),
    "sends reports, and keeps each picture for 0.5 s": Habits(report_every_s=0.5, held_s=0.5),
}
SKIPPED = 15  # pictures at the start, which are measured but not in the medians
HEAD = """# True and said ages of RTSP

Written by `make rtsp-ages`. A camera on the same machine draws the time into each picture, encodes
and sends it; camfan reads it over TCP and UDP, with that many threads in the decoder. Each cell is
the true age: the age that is said ± its error, in milliseconds, as medians of {count} pictures
after the first {skipped}. What is said holds for a picture if its true age is within the error; the
last column counts all pictures of the row. [How the age is found](../guide/cameras.md#rtsp).

Measured on {machine}.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=45, help="of each cell, after the first")
    parser.add_argument("--output", type=Path, help="a file in place of standard output")
    args = parser.parse_args()
    machine = describe_machine()
    where = ", ".join(f"{machine[key]}" for key in ("processor", "system") if key in machine)
    parts = [HEAD.format(count=args.pictures, skipped=SKIPPED, machine=where)]
    untrue = 0
    for camera, habits in CAMERAS.items():
        text, wrong = _table(camera, habits, args.pictures)
        parts.append(text)
        untrue += wrong
    text = "\n".join(parts)
    if args.output is None:
        print(text, end="")
    else:
        args.output.write_text(text, encoding="utf-8")
    return 1 if untrue else 0


def _table(camera: str, habits: Habits, count: int) -> tuple[str, int]:
    """One table, and how many pictures were said to have an age that they had not."""
    lines = [
        f"## A camera that {camera}\n",
        "| codec | over | " + " | ".join(_threads(n) for n in THREADS) + " | what is said holds |",
        "|---|---|" + "---|" * (len(THREADS) + 1),
    ]
    untrue = 0
    for (codec, film), transport in product(FILMS.items(), ("tcp", "udp")):
        one = Habits(films=(film,), report_every_s=habits.report_every_s, held_s=habits.held_s)
        runs = [_watch(one, transport, threads, SKIPPED + count) for threads in THREADS]
        seen = [picture for run in runs for picture in run]
        true = sum(picture.holds for picture in seen)
        untrue += len(seen) - true
        cells = " | ".join(_cell(run[SKIPPED:]) for run in runs)
        holds = f"{true} of {len(seen)}"
        lines.append(f"| {codec} | {transport.upper()} | {cells} | {holds} |")
        print(lines[-1], file=sys.stderr)
    return "\n".join(lines) + "\n", untrue


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _cell(run: list[SeenAge]) -> str:
    true, said, error = (
        round(1000 * statistics.median(getattr(one, name) for one in run))
        for name in ("true", "said", "error")
    )
    return f"{true}: {said} ± {error}"


def _watch(habits: Habits, transport: str, threads: int, count: int) -> list[SeenAge]:
    found: list[SeenAge] = []
    with rtsp_server(habits) as server:
        camera = RtspCamera(url=server.url(), transport=transport)  # type: ignore[arg-type]  # one of two words
        source = RtspSource(camera, NodeClock(threading.Event()), threads=threads)
        with source.open() as stream:
            while len(found) < count:
                got = stream.capture()
                if isinstance(got, CapturedFrame):
                    found.append(look(got))
    return found


if __name__ == "__main__":
    sys.exit(main())

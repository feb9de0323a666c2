"""A camera whose pictures are like no others, and which writes down each before it is published.

`python -m camfan_faults.camera SITE NAME LOG [--fps 15] [--bytes 20000]`. SIGUSR1: it takes no more
pictures, and stays, to be asked for those it has. SIGUSR2: it goes on.
"""

from __future__ import annotations

import argparse
import signal
import threading
import time
from pathlib import Path

from camfan import Publisher
from camfan_faults.log import Log, checksum
from camfan_testing.jpegs import jpeg

COMMENT = 0xFE
MAX_COMMENT = 65_533


def picture(run: str, sequence: int, size: int) -> bytes:
    """A JPEG of about `size` bytes with the place of the frame in a comment."""
    whole = jpeg(64, 48, sequence % 16)
    text = f"{run} {sequence} ".encode()
    comments = b""
    while len(whole) + len(comments) < size:
        body = text + b"." * min(size - len(whole) - len(comments), MAX_COMMENT - len(text))
        comments += bytes((0xFF, COMMENT)) + (len(body) + 2).to_bytes(2, "big") + body
    return whole[:2] + comments + whole[2:]


class Pace:
    """When the next picture is due; no time is made up after a pause."""

    def __init__(self, fps: float) -> None:
        self._interval = 1 / fps
        self._due = time.monotonic()

    def wait(self, ended: threading.Event) -> bool:
        now = time.monotonic()
        self._due = max(self._due + self._interval, now - self._interval)
        return ended.wait(max(0.0, self._due - now))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("site", type=Path)
    parser.add_argument("name")
    parser.add_argument("log", type=Path)
    parser.add_argument("--fps", type=float, default=15)
    parser.add_argument("--bytes", type=int, default=20_000)
    args = parser.parse_args()
    ended, taking = threading.Event(), threading.Event()
    taking.set()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGUSR1, lambda *_: taking.clear())
    signal.signal(signal.SIGUSR2, lambda *_: taking.set())
    log, pace = Log(args.log), Pace(args.fps)
    with Publisher(args.site, args.name) as camera:
        log.write("run", camera.run)
        print("takes pictures", flush=True)
        while not pace.wait(ended):
            if not taking.is_set():
                print("rests after", camera.sequence - 1, flush=True)
                while not taking.wait(0.05) and not ended.is_set():
                    pass
                continue
            sequence = camera.sequence
            jpeg_of = picture(camera.run, sequence, args.bytes)
            log.write(sequence, checksum(jpeg_of), time.monotonic_ns())
            camera.publish(jpeg_of)
    log.close()


if __name__ == "__main__":
    main()

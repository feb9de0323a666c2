"""A subscriber that writes down what it gets, and goes on in its next life where it was.

`python -m camfan_faults.reader SITE LOG NAME [--mode every] [--cameras one two]`
"""

from __future__ import annotations

import argparse
import signal
import time
from pathlib import Path

from camfan import Event, Frame, Gap, Subscriber
from camfan.errors import ClosedError
from camfan_faults.log import Log, Received, checksum, read_received
from camfan_wire.header import Position


def positions(received: list[Received]) -> dict[str, Position]:
    """How far a reader is that received this."""
    return {
        item.camera: Position(item.run, item.last) for item in received if item.last is not None
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("site")
    parser.add_argument("log", type=Path)
    parser.add_argument("name")
    parser.add_argument("--mode", choices=("latest", "every"), default="every")
    parser.add_argument("--cameras", nargs="+")
    args = parser.parse_args()
    frames: Subscriber[Frame | Gap | Event]
    if args.mode == "every":
        since = positions(read_received(args.log))
        frames = Subscriber.every(args.site, args.cameras, since=since, name=args.name, events=True)
    else:
        frames = Subscriber(args.site, args.cameras, name=args.name, events=True)
    log = Log(args.log)
    signal.signal(signal.SIGTERM, lambda *_: frames.close())
    print("reads", flush=True)
    try:
        while True:
            _note(log, frames.read())
    except ClosedError:
        return


def _note(log: Log, item: Frame | Gap | Event) -> None:
    if isinstance(item, Frame):
        age = "-" if item.age is None else round(item.age.seconds * 1000, 1)
        late = "late" if item.late else "live"
        place = (item.camera, item.run, item.sequence)
        log.write("frame", *place, checksum(item.jpeg), late, time.monotonic_ns(), age)
    elif isinstance(item, Gap):
        last = "-" if item.last is None else item.last
        words = (item.camera, item.run, item.first, last, item.reason)
        log.write("gap", *words, time.monotonic_ns())


if __name__ == "__main__":
    main()

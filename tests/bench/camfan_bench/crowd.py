"""Many cameras and their readers, each through the library, for runs of minutes.

`python -m camfan_bench.crowd cameras SITE FIRST COUNT FPS BYTES`, `… reader SITE NAME MODE`. Each
ends at SIGTERM, and its last line is a JSON object of what it did: of cameras how many frames they
have numbered.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from camfan import ClosedError, Frame, Gap, Publisher, Subscriber, load_site
from camfan_bench.frames import jpeg_of_size
from camfan_bench.tied import die_with_parent

PICTURES = 3  # different ones
LINGER_S = 5.0


def cameras(site_path: str, first: str, count: str, fps: str, size: str) -> None:
    """Publishers cam<first>, …, each at its own moment of the interval; one thread serves all."""
    stop, site = _stop_at_signals(), load_site(Path(site_path))
    jpegs = [jpeg_of_size(int(size), seed) for seed in range(PICTURES)]
    names = [f"cam{int(first) + n}" for n in range(int(count))]
    interval = 1 / float(fps)
    with ExitStack() as stack:
        publishers = [stack.enter_context(Publisher(site, name)) for name in names]
        for publisher in publishers:
            _publish_first(publisher, jpegs[0], stop)
        due = [time.monotonic() + interval * n / len(publishers) for n in range(len(publishers))]
        print("publishing", flush=True)
        while not stop.is_set():
            for n, publisher in enumerate(publishers):
                if stop.wait(max(0.0, due[n] - time.monotonic())):
                    break
                publisher.publish(jpegs[publisher.sequence % PICTURES])
                due[n] += interval
        stop.clear()
        stop.wait(LINGER_S)  # what is missing may still be asked for
        print(json.dumps({p.camera: p.sequence for p in publishers}))


def _publish_first(publisher: Publisher, jpeg: bytes, stop: threading.Event) -> None:
    """Until one leaves; those before it are had all the same, as the broker knows their camera."""
    while not publisher.connected:
        stop.wait(0.02)
    while not publisher.publish(jpeg):
        stop.wait(0.02)


def reader(site: str, name: str, mode: str) -> None:
    """Counts frames and gaps of all cameras, and what must not be."""
    stop = _stop_at_signals()
    frames: Counter[str] = Counter()
    missing: Counter[str] = Counter()  # in gaps
    wrong: list[str] = []
    last: dict[str, int] = {}
    begin = Subscriber.every if mode == "every" else Subscriber.latest
    with begin(site, name=name, events=True) as items:
        threading.Thread(target=_close_when, args=(stop, items.close), daemon=True).start()
        try:
            while True:
                item = items.read()
                if isinstance(item, Frame):
                    frames[item.camera] += 1
                    first = end = item.sequence
                elif isinstance(item, Gap) and item.last is not None:
                    missing[item.camera] += item.last - item.first + 1
                    first, end = item.first, item.last
                else:
                    continue
                due = last.get(item.camera, first - 1) + 1
                if first < due or (mode == "every" and first > due):
                    wrong.append(f"{item.camera}: {first} where {due} was due")
                last[item.camera] = end
        except ClosedError:
            pass
        replaced = items.replaced
    found = {"frames": frames, "missing": missing, "replaced": replaced, "wrong": wrong[:10]}
    print(json.dumps(found))


def _close_when(stop: threading.Event, close: Callable[[], None]) -> None:
    stop.wait()
    close()


def _stop_at_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


ROLES: dict[str, Callable[..., None]] = {"cameras": cameras, "reader": reader}

if __name__ == "__main__":
    die_with_parent()
    ROLES[sys.argv[1]](*sys.argv[2:])

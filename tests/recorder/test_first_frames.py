"""A recorder begins with the first frame taken since it was started, in any order of starts."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from camfan import Publisher
from camfan_nodes.recorder.index import Index
from camfan_testing.jpegs import jpeg
from camfan_testing.live import wait_until
from camfan_testing.processes import camfan, running_broker
from camfan_testing.sites import TestSite, custom_cameras, write_site

RECORDER = "\nrecorders:\n  archive: {path: recordings, cameras: [one]}"
LONG = 80  # pictures: a broker that meets a run after these does not meet its beginning


class Filming(threading.Thread):
    """A camera that remembers when it took each picture."""

    def __init__(self, site: TestSite) -> None:
        super().__init__(name="filming", daemon=True)
        self._site = site
        self._ended = threading.Event()
        self.run_id = ""
        self.taken_s: list[float] = []  # monotonic, by sequence

    def run(self) -> None:
        with Publisher(self._site.path, "one") as camera:
            self.run_id = camera.run
            while not self._ended.wait(1 / 30):
                self.taken_s.append(time.monotonic())
                camera.publish(jpeg(64, 48, camera.sequence % 5))

    def __enter__(self) -> Filming:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


def accounted(folder: Path, run: str) -> tuple[set[int], list[tuple[int, int | None, str]]]:
    """Sequences of a run that are in the files, and what is reported as missing."""
    index = Index(folder / "recordings")
    frames = [
        frame.sequence
        for segment in index.reader.segments("one")
        if segment.run == run
        for frame in index.reader.frames_of(segment.id)
    ]
    gaps = [(g.first, g.last, g.reason) for g in index.reader.gaps("one") if g.run == run]
    index.close()
    assert len(frames) == len(set(frames))
    return set(frames), gaps


ORDERS = [*itertools.permutations(("broker", "camera", "recorder"))]


@pytest.mark.parametrize(
    "order", [ORDERS[0], *(pytest.param(o, marks=pytest.mark.long) for o in ORDERS[1:])]
)
def test_every_number_since_the_start_is_recorded_or_in_a_gap(
    tmp_path: Path, order: tuple[str, ...]
) -> None:
    """Broker, camera and recorder in any order; a camera that is there first has been for long."""
    site = write_site(tmp_path, custom_cameras("one") + RECORDER)
    camera = Filming(site)
    with ExitStack() as running:
        for what in order:
            if what == "broker":
                running.enter_context(running_broker(site.path))
            elif what == "camera":
                running.enter_context(camera)
                wait_until(lambda: len(camera.taken_s) > LONG)
            else:
                recorder = running.enter_context(
                    camfan("recorder", "archive", "--config", str(site.path))
                )
                started_s = time.monotonic()
        wait_until((site.path.parent / "recordings" / "index.sqlite").exists, 30.0)
        seen = len(camera.taken_s)
        wait_until(lambda: len(camera.taken_s) > seen + 100)
        assert recorder.stop() == 0

    frames, gaps = accounted(tmp_path, camera.run_id)
    first = next(n for n, at in enumerate(camera.taken_s) if at >= started_s)
    assert frames
    assert min(frames) <= first
    for number in range(first, max(frames)):
        assert number in frames or any(
            low <= number and (high is None or number <= high) for low, high, _ in gaps
        ), f"{number} of {first} to {max(frames)} is neither recorded nor in {gaps}"
    if order.index("camera") < order.index("recorder"):  # which need not have it all
        early = [n for n in frames if camera.taken_s[n] < started_s - 5]
        assert not early

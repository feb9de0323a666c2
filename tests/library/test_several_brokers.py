"""One Subscriber over the cameras of two broker processes, as if they were one."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from camfan import Event, EventPublisher, Frame, Gap, Report, Subscriber, load_site
from camfan_config import endpoints
from camfan_nodes.monitor.site_listener import SiteListener
from camfan_nodes.recorder import node as recorder_node
from camfan_nodes.recorder.index import Index
from camfan_testing.live import Camera, wait_until
from camfan_testing.processes import Process, camfan, running_broker
from camfan_testing.sites import write_two_brokers

READ_S = 15.0
SECTIONS = """cameras:
  cow: {source: custom, broker: barn}
  horse: {source: custom, broker: barn}
  porch: {source: custom, broker: house}
recorders:
  archive: {path: recordings, segment: 2s}
"""


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return write_two_brokers(tmp_path, SECTIONS)


@contextmanager
def both(path: Path) -> Iterator[tuple[Process, Process]]:
    """The brokers of barn and house."""
    with (
        running_broker(path, "--name", "barn") as barn,
        running_broker(path, "--name", "house") as h,
    ):
        yield barn, h


def test_latest_has_the_cameras_of_both_in_turn(path: Path) -> None:
    """With ages; and `connected`, `cameras` are those of all."""
    with (
        both(path),
        Camera(path, "cow"),
        Camera(path, "horse"),
        Camera(path, "porch"),
        Subscriber(path) as frames,
    ):
        wait_until(lambda: len(frames.cameras) == 3)
        assert frames.connected
        seen = [frames.read(READ_S) for _ in range(60)]

    assert set(frames.cameras) == {"cow", "horse", "porch"}
    by_camera = {name: sum(frame.camera == name for frame in seen) for name in frames.cameras}
    assert all(count >= 10 for count in by_camera.values()), by_camera
    ages = [frame.age for frame in seen[-20:]]
    assert all(age is not None and -age.error <= age.seconds < 5 for age in ages)


def test_only_the_brokers_that_are_needed_are_dialled(path: Path) -> None:
    """A reader of one camera does not notice that the other broker is not there."""
    with (
        running_broker(path, "--name", "house"),
        Camera(path, "porch"),
        Subscriber(path, "porch") as frames,
    ):
        assert frames.read(READ_S).camera == "porch"
        assert frames.connected
        assert frames.answers("porch")
        assert not frames.answers("cow")


def test_want_dials_a_broker_when_it_is_first_needed(path: Path) -> None:
    with (
        both(path),
        Camera(path, "cow"),
        Camera(path, "porch"),
        Subscriber(path, "porch") as frames,
    ):
        assert frames.read(READ_S).camera == "porch"

        frames.want(["cow"])

        while frames.read(READ_S).camera != "cow":
            pass
        assert all(frames.read(READ_S).camera == "cow" for _ in range(5))


def test_one_broker_that_is_killed_costs_the_other_nothing(path: Path) -> None:
    """Its cameras go on; those of the killed one come back by themselves, complete."""
    with (
        running_broker(path, "--name", "house"),
        Camera(path, "cow") as cow,
        Camera(path, "porch") as porch,
        Subscriber.every(path, events=True) as items,
    ):
        seen: list[Frame | Gap | Event] = []
        with running_broker(path, "--name", "barn") as barn:
            _read_until(items, seen, "cow", cow.published + 10)
            barn.stop(signal.SIGKILL)
        wait_until(lambda: not items.connected)
        assert items.answers("porch")
        assert not items.answers("cow")
        _read_until(items, seen, "porch", porch.published + 30)
        with running_broker(path, "--name", "barn"):
            _read_until(items, seen, "cow", cow.published + 10)

    for name in ("cow", "porch"):
        frames = [item for item in seen if isinstance(item, Frame) and item.camera == name]
        assert all(two.sequence == one.sequence + 1 for one, two in pairwise(frames)), name
    assert not [item for item in seen if isinstance(item, Gap)]


def _read_until(
    items: Subscriber[Frame | Gap | Event],
    seen: list[Frame | Gap | Event],
    camera: str,
    sequence: int,
) -> None:
    while True:
        item = items.read(READ_S)
        seen.append(item)
        if isinstance(item, Frame) and item.camera == camera and item.sequence >= sequence:
            return


def test_async_reading_goes_over_both(path: Path) -> None:
    async def read() -> set[str]:
        found = set()
        async with Subscriber(path) as frames:
            async for frame in frames:
                found.add(frame.camera)
                if found == {"cow", "porch"}:
                    break
        return found

    with both(path), Camera(path, "cow"), Camera(path, "porch"):
        assert asyncio.run(asyncio.wait_for(read(), READ_S)) == {"cow", "porch"}


def test_an_event_goes_to_the_broker_of_its_camera_and_is_heard_once(path: Path) -> None:
    """Statuses go to all brokers, so a subscriber of one camera gets all about it."""
    with (
        both(path),
        Subscriber(path, [], events=True, statuses=True) as all_of_it,
        Subscriber(path, "porch", events=True) as porch,
        EventPublisher(path, "archive", kind="recorder", report=lambda: Report("fine")) as archive,
    ):
        wait_until(lambda: all_of_it.connected and porch.connected and archive.connected)
        wait_until(lambda: "archive" in all_of_it.statuses)
        wait_until(lambda: {"barn", "house"} <= all_of_it.statuses.keys())

        sent = [archive.event("found", "start", camera=name) for name in ("cow", "porch")]

        heard = [_found(all_of_it) for _ in sent]
        assert {event.id for event in heard} == set(sent)
        assert _found(porch).camera == "porch"
        with pytest.raises(TimeoutError):
            _found(all_of_it, 0.5)


def _found(items: Subscriber[Frame | Gap | Event], wait_s: float = READ_S) -> Event:
    while True:
        item = items.read(wait_s)
        if isinstance(item, Event) and item.kind == "found":
            return item


def test_a_recorder_records_from_both_and_each_knows(path: Path) -> None:
    """Every frame of each, in order; /readyz of either broker counts the recorder in."""
    site, stop = load_site(path), threading.Event()
    with both(path), Camera(path, "cow") as cow, Camera(path, "porch") as porch:
        recorder = threading.Thread(target=recorder_node.run, args=(site, "archive", stop))
        recorder.start()
        wait_until(lambda: min(len(cow.sent), len(porch.sent)) > 60)
        for name in ("barn", "house"):
            wait_until(lambda name=name: "archive" not in _missing(site.brokers[name].http))  # type: ignore[misc]
        stop.set()
        recorder.join()

    index = Index(Path(site.recorders["archive"].path))
    for name in ("cow", "porch"):
        rows = [
            row for part in index.reader.segments(name) for row in index.reader.frames_of(part.id)
        ]
        found = [row.sequence for row in rows]
        assert found == list(range(found[0], found[-1] + 1))
        assert len(found) > 30
        assert not index.reader.gaps(name)
    index.close()


def _missing(http: str | None) -> str:
    try:
        with urllib.request.urlopen(f"http://{http}/readyz", timeout=5) as answer:
            return " ".join(json.load(answer)["missing"])
    except urllib.error.HTTPError as exc:
        return " ".join(json.load(exc)["missing"])


def test_top_shows_both_and_misses_the_one_that_is_gone(path: Path) -> None:
    site = load_site(path)
    with (
        running_broker(path, "--name", "house"),
        Camera(path, "cow"),
        Camera(path, "porch"),
        SiteListener(site) as listener,
    ):
        with running_broker(path, "--name", "barn"):
            wait_until(lambda: {c.state for c in listener.facts().cameras} >= {"live", "waiting"})
            wait_until(lambda: sum(c.state == "live" for c in listener.facts().cameras) == 2)
        wait_until(lambda: _state(listener, "cow") == "stale")
        assert _state(listener, "porch") == "live"
        wait_until(lambda: "barn is silent" in listener.facts().needs)
        assert listener.facts().connected


def _state(listener: SiteListener, camera: str) -> str:
    return next(one.state for one in listener.facts().cameras if one.name == camera)


def test_a_new_camera_reaches_the_broker_it_belongs_to(path: Path) -> None:
    """`camfan reload` asks them all, and says which took what."""
    with both(path):
        text = path.read_text("utf-8")
        path.write_text(
            text.replace("recorders:", "  goat: {source: custom, broker: barn}\nrecorders:")
        )
        with camfan("reload", "--config", str(path)) as reload:
            assert reload.wait() == 0
            assert "barn: camera goat added" in reload.output
            assert "house" not in reload.output
        with Camera(path, "goat"), Subscriber(path, "goat") as frames:
            assert frames.read(READ_S).camera == "goat"


def test_addresses_are_those_of_the_file(path: Path) -> None:
    """A subscriber by address alone has what that broker has."""
    site = load_site(path)
    with (
        both(path),
        Camera(path, "cow"),
        Camera(path, "porch"),
        Subscriber(endpoints(site, "house").delivery) as frames,
    ):
        assert {frames.read(READ_S).camera for _ in range(5)} == {"porch"}

"""Processes that are killed, stopped, or started in the wrong order: everybody else goes on."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

import pytest

from camfan import Event, Frame, Gap, Publisher, Subscriber
from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera, publish_first, wait_until
from camfan_testing.processes import Process, broker_process, running_broker
from camfan_testing.sites import TestSite, custom_cameras, write_site
from camfan_wire.credit import MAX_LATEST

READ_S = 15.0
PUBLISH = """
import sys, time
from camfan import Publisher
from camfan_testing.jpegs import jpeg
with Publisher(sys.argv[1], "one") as one:
    while True:
        one.publish(jpeg())
        time.sleep(0.02)
"""
READ_LATEST = """
import json, sys
from camfan import Subscriber
with Subscriber(sys.argv[1], "one") as frames:
    for frame in frames:
        print(json.dumps({"sequence": frame.sequence}), flush=True)
"""


@pytest.fixture
def written(tmp_path: Path) -> TestSite:
    return write_site(tmp_path, custom_cameras("one", "two"))


def python(code: str, *arguments: str) -> Process:
    support = str(Path(__file__).parents[1] / "support")
    return Process([sys.executable, "-c", code, *arguments], env={"PYTHONPATH": support})


def test_everybody_finds_a_broker_that_comes_last(written: TestSite) -> None:
    with (
        Subscriber(written.path, "one") as latest,
        Subscriber.every(written.path, "one") as every,
        Camera(written.path, "one") as one,
    ):
        wait_until(lambda: one.published > 5)
        assert one.sent == []

        with running_broker(written.path):
            assert latest.read(READ_S).run == one.run_id
            assert every.read(READ_S).run == one.run_id


def test_a_killed_broker_costs_no_other_process_a_restart(written: TestSite) -> None:
    """Killed three times: all flow again, in the same run, in order, and nothing is missing."""
    with (
        Camera(written.path, "one") as one,
        Subscriber(written.path, "one") as latest,
        Subscriber.every(written.path, "one", events=True) as every,
    ):
        seen: list[Frame | Gap] = []
        for _ in range(3):
            with running_broker(written.path) as broker:
                start = one.published
                while latest.read(READ_S).sequence < start:
                    pass
                seen += _read_until(every, start)
                broker.stop(signal.SIGKILL)
        with running_broker(written.path):
            end = one.published + 20
            seen += _read_until(every, end)

    _assert_complete(seen, one.run_id, end)


def test_what_a_camera_took_in_an_outage_comes_also_if_it_takes_no_more(written: TestSite) -> None:
    """A source that ended, or broke, while the broker was away: no frame shows the hole."""
    with (
        Publisher(written.path, "one") as camera,
        Subscriber.every(written.path, "one", events=True) as every,
    ):
        with running_broker(written.path) as broker:
            last = publish_first(camera)
            _read_until(every, last)
            broker.stop(signal.SIGKILL)
        for _ in range(10):
            camera.publish(jpeg())
        with running_broker(written.path):
            seen = _read_until(every, camera.sequence - 1)

    assert [item.sequence for item in seen if isinstance(item, Frame)] == list(
        range(last + 1, last + 11)
    )
    assert not [item for item in seen if isinstance(item, Gap)]


def _read_until(frames: Subscriber[Frame | Gap | Event], end: int) -> list[Frame | Gap]:
    seen: list[Frame | Gap] = []
    while True:
        item = frames.read(READ_S)
        if isinstance(item, Event):
            continue
        seen.append(item)
        if isinstance(item, Frame) and item.sequence >= end:
            return seen


def _assert_complete(seen: list[Frame | Gap], run: str, end: int) -> None:
    """Frames follow each other without a hole, without anything twice."""
    following: int | None = None
    for item in seen:
        assert item.run == run
        first = item.sequence if isinstance(item, Frame) else item.first
        last = item.sequence if isinstance(item, Frame) else item.last
        assert last is not None
        assert following is None or first == following
        following = last + 1
    assert following is not None
    assert following > end
    assert not [item for item in seen if isinstance(item, Gap)]


def test_a_killed_camera_is_a_new_run(written: TestSite) -> None:
    with (
        running_broker(written.path),
        Subscriber.every(written.path, "one", events=True) as frames,
    ):
        runs = []
        for _ in range(2):
            with python(PUBLISH, str(written.path)) as camera:
                item = frames.read(READ_S)
                while not isinstance(item, Frame) or item.run in runs:
                    item = frames.read(READ_S)
                runs.append(item.run)
                camera.stop(signal.SIGKILL)

    assert len(set(runs)) == 2


def test_a_camera_that_dies_is_reported(written: TestSite) -> None:
    """The broker says stale, then offline, and when the camera is back it says that too."""
    text = written.path.read_text().replace("source: custom", "source: custom, stall_after: 200ms")
    written.path.write_text(text)
    with (
        running_broker(written.path),
        Subscriber(written.path, "one", events=True) as frames,
        python(PUBLISH, str(written.path)) as camera,
    ):
        frames.read(READ_S)
        camera.send(signal.SIGSTOP)  # its node is silent, its connections stay
        stale = _next_event(frames)
        camera.send(signal.SIGCONT)
        back = _next_event(frames)
        while back.state != "end":
            back = _next_event(frames)

    assert (stale.source, stale.camera, stale.state) == ("broker", "one", "start")
    assert stale.kind in ("stale", "offline")
    assert back.camera == "one"


def _next_event(frames: Subscriber[Frame | Gap | Event]) -> Event:
    while True:
        item = frames.read(READ_S)
        if isinstance(item, Event):
            return item


def test_a_stopped_subscriber_affects_no_other_and_wakes_to_fresh_frames(written: TestSite) -> None:
    with (
        running_broker(written.path) as broker,
        Camera(written.path, "one", fps=100) as one,
        Subscriber.every(written.path, "one") as other,
        python(READ_LATEST, str(written.path)) as reader,
    ):
        reader.wait_for("sequence")
        reader.send(signal.SIGSTOP)
        stopped_at = one.published
        first = other.read(READ_S)
        got = [other.read(READ_S).sequence for _ in range(400)]
        assert got == list(range(first.sequence + 1, first.sequence + 401))

        before, woken_at = len(reader.lines), one.published
        reader.send(signal.SIGCONT)
        wait_until(lambda: len(reader.lines) >= before + 11)
        said = [line for line in reader.lines[before:] if line.startswith("{")]  # beside a warning
        sequences = [json.loads(line)["sequence"] for line in said]

        # What was under way when it was stopped: the credit, one in the box, one that was read.
        # All others are of the time after, give or take half a second of this machine's leisure.
        old = [n for n in sequences if n < woken_at - 50]
        assert len(old) <= MAX_LATEST + 2
        assert all(n <= stopped_at + 50 for n in old)
        assert broker.popen.poll() is None


def test_nothing_is_left_when_the_broker_never_comes(written: TestSite) -> None:
    """Closing is quick also without a broker, and no thread stays."""
    with Subscriber(written.path, "one") as frames, pytest.raises(TimeoutError):
        frames.read(0.05)

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("link")]


def test_a_broker_started_twice_is_refused_and_the_first_goes_on(written: TestSite) -> None:
    with (
        running_broker(written.path),
        Camera(written.path, "one"),
        Subscriber(written.path, "one") as frames,
        broker_process(written.path) as second,
    ):
        assert second.wait() == 69
        assert frames.read(READ_S).camera == "one"

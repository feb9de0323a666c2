"""The motion node between a real broker and a real camera."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from camfan import Event, Frame, Gap, Publisher, Subscriber
from camfan_config import Site
from camfan_nodes.motion.node import run
from camfan_testing.live import WAIT_S, live_broker, publish_first
from camfan_testing.motion_scenes import SECOND, Gray, Scene, film, seconds, textured, with_box

FPS = 30  # so that a film need not run at its own pace
PACE_S = 1 / 25
ROOM = textured(160, 120)
MOTION = f"motion:\n  yard: {{cameras: [one], fps: {FPS}, end_after: 1s}}\n"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with live_broker(tmp_path, "one", extra=MOTION) as live:
        yield live.site


def passage(at_s: float) -> Scene:
    return with_box(ROOM, (at_s - 4) * 40, 40, side=24) if at_s >= 4 else ROOM


def jpeg_of(gray: Gray) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(gray[:, :, None]), 85, "GRAY"))


@contextmanager
def running_node(site: Site) -> Iterator[None]:
    stop, ready = threading.Event(), threading.Event()
    node = threading.Thread(target=run, args=(site, "yard", stop), kwargs={"ready": ready.set})
    node.start()
    try:
        assert ready.wait(WAIT_S)
        yield
    finally:
        stop.set()
        node.join(WAIT_S)
        assert not node.is_alive()


@contextmanager
def playing(site: Site) -> Iterator[None]:
    """The camera `one` shows the film, faster than it was taken."""
    ended = threading.Event()

    def play() -> None:
        with Publisher(site, "one") as publisher:
            pictures = [(jpeg_of(gray), time_ns) for gray, time_ns in film(passage, 14, fps=10)]
            publish_first(publisher, pictures[0][0])
            for jpeg, time_ns in pictures:
                publisher.publish(jpeg, captured_ns=time_ns)
                if ended.wait(PACE_S):
                    return

    camera = threading.Thread(target=play)
    camera.start()
    try:
        yield
    finally:
        ended.set()
        camera.join(WAIT_S)


def events_of(frames: Subscriber[Frame | Gap | Event], last: str) -> list[Event]:
    """What comes from the node, up to an event in the state `last`."""
    events: list[Event] = []
    while not events or events[-1].state != last:
        item = frames.read(20)
        if isinstance(item, Event) and item.source == "yard":
            events.append(item)
    return events


def test_motion_in_front_of_a_camera_is_published(site: Site) -> None:
    """One event from start to end, with its camera, place and times on the site's clock."""
    with (
        Subscriber(site, ["one"], events=True, statuses=True) as frames,
        running_node(site),
        playing(site),
    ):
        events = events_of(frames, "end")

    assert [events[0].state, events[-1].state] == ["start", "end"]
    assert {(event.kind, event.camera, event.id) for event in events} == {
        ("motion", "one", events[0].id)
    }
    details = events[-1].details
    assert set(details) == {"start", "last", "peak", "boxes", "area", "zones", "score"}
    assert isinstance(details["start"], int)
    assert isinstance(details["last"], int)
    assert (details["last"] - details["start"]) / SECOND == pytest.approx(4, abs=0.8)
    assert events[0].time == pytest.approx(details["start"], abs=SECOND)
    assert seconds(details["start"]) == pytest.approx(4, abs=1.5)  # and the clocks' difference


def test_a_node_that_is_stopped_ends_its_events(site: Site) -> None:
    """Each event that began has an end."""
    with Subscriber(site, ["one"], events=True) as frames:
        with running_node(site), playing(site):
            started = events_of(frames, "start")
        ended = events_of(frames, "end")

    assert ended[-1].id == started[0].id


def test_a_picture_that_cannot_be_decoded_is_counted(site: Site) -> None:
    """It costs nothing but itself, and stands in the node's status."""
    whole = jpeg_of(np.full((120, 160), 90, np.uint8))
    start = whole.index(b"\xff\xdb")
    end = start + 2 + int.from_bytes(whole[start + 2 : start + 4])
    broken = whole[:start] + whole[end:]  # without a quantization table

    with (
        Subscriber(site, ["one"], statuses=True) as frames,
        running_node(site),
        Publisher(site, "one") as publisher,
    ):
        publish_first(publisher, broken)
        figures = None
        while not figures or not figures.undecodable:
            publisher.publish(broken)
            frames.read(WAIT_S)
            status = frames.statuses.get("yard")
            figures = status.motion.cameras.get("one") if status and status.motion else None

    assert figures.frames == 0
    assert figures.motion is False
    assert figures.frame_ms is None

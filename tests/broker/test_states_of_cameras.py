"""What the broker says of a camera: live, stale, offline, waiting, idle or ended, and when."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import zmq

from camfan_broker.access.board import NoticeBoard
from camfan_broker.camera.backlog import RepairMemory
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.camera.cameras import CameraTable
from camfan_broker.camera.demand import DemandTable
from camfan_broker.report.watch import CameraWatch
from camfan_config import Camera as Section
from camfan_config import CustomCamera, HttpCamera
from camfan_config.site.pace import planned_pace
from camfan_wire import messages
from camfan_wire.clock import SiteClock
from camfan_wire.figures import PublisherFigures
from camfan_wire.header import Header
from camfan_wire.messages import Status
from camfan_wire.topics import status_topic

SECOND = 1_000_000_000
STREAM = HttpCamera(url="http://camera/stream")


@dataclass
class World:
    """A camera, its node and the broker's watch, on a clock that the test moves."""

    section: Section = field(default_factory=CustomCamera)
    layers: int = 4
    trickle: float | None = 5.0

    def __post_init__(self) -> None:
        self.now = 1000 * SECOND
        self.sequence = 0
        self.said: list[tuple[str, str]] = []
        self.clock = SiteClock(lambda: self.now, lambda: self.now)
        self.board = NoticeBoard(self.clock, "broker")
        self.board.sinks.append(self)
        cameras = CameraTable(self.board)
        self.watch = CameraWatch(
            cameras, DemandTable(cameras), self.board, self.clock, lambda: self.now
        )
        self.camera = TrackedCamera(
            "one", 10**6, planned_pace(self.section), RepairMemory(10**6), lambda: self.now
        )

    def topic_came(self, topic: bytes, body: bytes, about: str | None) -> None:
        if topic.startswith(b"event/"):
            event = messages.decode_event(body)
            self.said.append((event.kind, event.state))

    def picture(self, pictures: int = 1) -> None:
        """The newest of so many that were taken since the last; the others were not wanted."""
        self.sequence += pictures
        header = Header(
            version=1, camera="one", run="0" * 16, sequence=self.sequence, captured=0, offset=0,
            error=0, width=8, height=8, size=10, unwanted=0,
        )  # fmt: skip
        frame = zmq.Frame(b"0123456789")
        self.camera.accept(header, b"{}", frame, self.now)

    def node_says(
        self, state: str, *, set_fps: float | None = None, layers: int | None = None
    ) -> None:
        figures = PublisherFigures(set_fps=set_fps, layers=layers)
        status = Status(node="one", kind="camera", time=self.now, state=state, publisher=figures)
        self.board.post(status_topic("one"), messages.encode(status))

    def state_after(self, seconds: float) -> str:
        self.now += round(seconds * SECOND)
        self.watch.look(
            self.camera,
            self.section,
            self.clock.now_ns(),
            layers=self.layers,
            trickle=self.trickle,
        )
        return self.camera.state

    def runs(self, seconds: float, interval_s: float) -> set[str]:
        """The states that are seen, four times an interval, while pictures come at this pace."""
        states = set()
        for _ in range(round(seconds / interval_s)):
            self.picture()
            states |= {self.state_after(interval_s / 4) for _ in range(4)}
        return states


def test_a_fast_camera_that_stops_is_stale_and_then_offline() -> None:
    """After 3 s and after a minute; each is an event that ends."""
    world = World()
    world.runs(2, 0.1)

    assert world.state_after(2.8) == "live"
    assert world.state_after(0.2) == "stale"
    assert world.state_after(56.8) == "stale"
    assert world.state_after(0.2) == "offline"
    world.picture()
    assert world.state_after(0) == "live"
    assert world.said == [
        ("stale", "start"), ("stale", "end"), ("offline", "start"), ("offline", "end")
    ]  # fmt: skip


@pytest.mark.parametrize("interval_s", [5, 7, 12, 30, 59])
def test_a_slow_stream_is_live_though_nothing_is_said_of_its_pace(interval_s: int) -> None:
    """The broker learns it; from the first picture on it is never anything else."""
    world = World(STREAM)

    assert world.runs(20 * interval_s, interval_s) == {"live"}
    assert world.state_after(interval_s * 1.9) == "live"
    assert world.state_after(interval_s * 0.2) == "stale"
    assert world.state_after(interval_s * 3 + 60) == "offline"


def test_a_picture_an_hour_is_live() -> None:
    """Where the site file says so."""
    world = World(CustomCamera(fps=1 / 3600))

    assert world.runs(36_000, 3600) == {"live"}
    assert not world.said


def test_before_the_first_picture_it_waits_and_not_for_ever() -> None:
    """After a minute it is offline, though it never was anything else."""
    world = World()

    assert world.state_after(1) == "waiting"
    assert world.state_after(58.9) == "waiting"
    assert world.state_after(0.1) == "offline"


def test_a_camera_without_a_viewer_is_idle() -> None:
    """Its trickle keeps it so; it counts as stale when that stops as well."""
    world = World()
    world.runs(2, 0.1)
    world.layers = 0

    states = set()
    for _ in range(10):
        states.add(world.state_after(5))
        world.picture(50)
    assert states == {"idle"}
    assert world.state_after(17) == "idle"
    assert world.state_after(1) == "stale"


def test_a_camera_that_is_asked_for_nothing_is_idle_while_its_node_is_heard() -> None:
    """However long; what its node says of its source counts, and its silence."""
    world = World(trickle=None)
    world.runs(2, 0.1)
    world.layers = 0

    states = set()
    for _ in range(100):
        world.node_says("idle")
        states.add(world.state_after(2))
    assert states == {"idle"}
    world.node_says("offline")
    assert world.state_after(1) == "offline"
    world.node_says("idle")
    assert world.state_after(5) == "idle"
    assert world.state_after(2) == "stale"
    assert world.state_after(60) == "offline"


def test_a_camera_that_is_watched_again_is_not_reported_as_stale() -> None:
    """Its last picture is hours old, because none was asked for."""
    world = World(trickle=None)
    world.runs(2, 0.1)
    world.layers = 0
    for _ in range(3):
        world.node_says("idle")
        world.state_after(3)
    world.now += 7200 * SECOND
    world.node_says("idle")
    world.state_after(0)

    world.layers = 4

    assert world.state_after(0.1) == "waiting"
    world.picture(72_000)
    assert world.state_after(0) == "live"


def test_a_thinned_camera_has_the_time_that_its_layers_take() -> None:
    """One picture a second, of which a viewer wants every eighth."""
    world = World(CustomCamera(fps=1))
    world.runs(10, 1.0)
    world.layers = 1

    states = set()
    for _ in range(6):
        states |= {world.state_after(2) for _ in range(4)}
        world.picture(8)
    assert states == {"live"}
    world.layers = 4
    world.node_says("live", layers=1)  # and the same where the link does not carry more
    assert world.state_after(20) == "live"
    world.node_says("live", layers=4)
    assert world.state_after(0) == "stale"


def test_a_rate_that_an_operator_has_set_counts() -> None:
    """A camera of 10 fps that was set to one frame in 10 s."""
    world = World(CustomCamera(fps=10))
    world.runs(2, 0.1)
    world.node_says("live", set_fps=0.1)

    assert world.state_after(29) == "live"
    assert world.state_after(1) == "stale"


def test_a_source_that_is_over_has_ended() -> None:
    """It is not offline, as long as its node is there."""
    world = World()
    world.runs(2, 0.1)

    for _ in range(50):
        world.node_says("ended")
        assert world.state_after(2) == "ended"
    assert not world.said
    assert world.state_after(5) == "offline"


def test_an_ended_camera_that_plays_again_is_live() -> None:
    """The first new picture counts for more than the last word of its node."""
    world = World()
    world.runs(2, 0.1)
    world.node_says("ended")
    assert world.state_after(1) == "ended"

    world.picture()

    assert world.state_after(0.1) == "live"

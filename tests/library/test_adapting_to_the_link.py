"""A camera whose link is thin: fewer layers, then lower quality, and back again slowly."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st

from camfan import Publisher, Subscriber, load_site
from camfan.link.adaptation import PATIENCE_S, QUALITY_FLOOR, Adaptation
from camfan.link.ingest_socket import SendResult
from camfan_testing.jpegs import jpeg
from camfan_testing.live import wait_until
from camfan_testing.peer import Peer
from camfan_testing.processes import running_broker
from camfan_testing.sites import custom_cameras, write_site
from camfan_testing.thin_link import ThinLink
from camfan_wire import messages
from camfan_wire.header import Position
from camfan_wire.topics import layer_of


class Simulation:
    """A camera of a given rate, a queue of four, and a link that carries another rate, in
    time of its own.
    """

    def __init__(self, fps: float, carries: float, quality: int | None = None) -> None:
        self.now = 1000.0
        self.fps = fps
        self.carries = carries  # frames a second
        self.adaptation = Adaptation(quality, lambda: self.now)
        self.sequence = 0
        self.lost = 0
        self.received = 0
        self.newest: int | None = None
        self.steps: list[tuple[float, int]] = []
        self._queue: deque[int] = deque()
        self._budget = 1.0

    def run(self, seconds: float, *, away: bool = False, cut: bool = False) -> None:
        end, receipt = self.now + seconds, self.now + 1
        while self.now < end:
            if layer_of(self.sequence) < self.adaptation.layers:
                self._frame(away=away)
            self.sequence += 1
            self.now += 1 / self.fps
            if not cut:
                self._drain()
            if self.now >= receipt and not away and not cut and self.newest is not None:
                self.adaptation.received(self.newest, self.received)
                receipt = self.now + 1
            if not self.steps or self.steps[-1][1] != self.adaptation.layers:
                self.steps.append((self.now, self.adaptation.layers))

    def _frame(self, *, away: bool) -> None:
        if away:
            self.adaptation.made(self.sequence, SendResult.AWAY)
        elif len(self._queue) < 4:
            self._queue.append(self.sequence)
            self.adaptation.made(self.sequence, SendResult.SENT)
        else:
            self.lost += 1
            self.adaptation.made(self.sequence, SendResult.FULL)

    def _drain(self) -> None:
        self._budget = min(self._budget + self.carries / self.fps, max(len(self._queue), 1))
        while self._queue and self._budget >= 1:
            self._budget -= 1
            self.received += 1
            self.newest = self._queue.popleft()


@given(st.floats(5, 30), st.floats(1.0, 3.0))
@settings(max_examples=30)
def test_a_link_that_carries_everything_changes_nothing(fps: float, spare: float) -> None:
    simulation = Simulation(fps, fps * spare + 0.5)

    simulation.run(120)

    assert [layers for _, layers in simulation.steps] == [4]
    assert simulation.adaptation.reason is None


@pytest.mark.parametrize(("share", "layers"), [(0.6, 3), (0.3, 2), (0.15, 1)])
def test_layers_go_until_the_rest_fits(share: float, layers: int) -> None:
    """Within seconds, a layer at a time; then hardly a frame is lost, and it says why."""
    simulation = Simulation(15, 15 * share)
    simulation.run(20)
    assert min(at for _, at in simulation.steps) == layers
    assert "of the frames" in str(simulation.adaptation.reason)
    lost = simulation.lost

    simulation.run(600)

    held = sum(
        b - a for (a, at), (b, _) in zip(simulation.steps, simulation.steps[1:], strict=False)
        if at == layers
    )  # fmt: skip
    assert held + simulation.now - simulation.steps[-1][0] > 0.8 * 600
    assert (simulation.lost - lost) / (600 * 15) < 0.03


def test_trials_that_fail_become_rarer() -> None:
    simulation = Simulation(15, 9)
    simulation.run(1200)

    trials = [at for at, layers in simulation.steps[1:] if layers == 4]
    pauses = [b - a for a, b in itertools.pairwise(trials)]
    assert pauses == sorted(pauses)
    assert pauses[0] > PATIENCE_S
    assert pauses[-1] > 4 * pauses[0]


def test_a_link_that_is_good_again_is_used_again() -> None:
    simulation = Simulation(15, 4)
    simulation.run(60)
    assert simulation.adaptation.layers == 2

    simulation.carries = 40
    simulation.run(200)

    assert simulation.adaptation.layers == 4
    assert simulation.adaptation.reason is None


def test_an_outage_is_not_a_thin_link() -> None:
    """What was not sent because the broker was away says nothing of the link."""
    simulation = Simulation(15, 40)
    simulation.run(10)
    simulation.run(600, away=True)
    simulation.received = 0  # the broker was restarted
    simulation.run(30)

    assert [layers for _, layers in simulation.steps] == [4]


def test_quality_is_lowered_last_and_to_a_floor() -> None:
    simulation = Simulation(16, 0.4, quality=80)
    assert simulation.adaptation.quality() == 80
    simulation.run(400)

    assert simulation.adaptation.layers == 1
    assert simulation.adaptation.quality() == QUALITY_FLOOR
    assert simulation.adaptation.quality(20) == 20


def test_a_camera_that_does_not_encode_has_layers_only() -> None:
    simulation = Simulation(16, 0.4)
    simulation.run(400)

    assert (simulation.adaptation.layers, simulation.adaptation.quality()) == (1, None)


@given(
    st.floats(5, 30),
    st.lists(st.tuples(st.floats(0.3, 2.4), st.floats(0.2, 3.0)), min_size=20, max_size=40),
)
@settings(max_examples=60)
def test_a_machine_without_time_is_not_a_thin_link(
    fps: float, rhythm: list[tuple[float, float]]
) -> None:
    """The broker, or a thread, stands still again and again; then the link carries all at once."""
    simulation = Simulation(fps, 1000)
    for stalls_s, runs_s in rhythm:
        simulation.run(stalls_s, cut=True)
        simulation.run(runs_s)

    assert [layers for _, layers in simulation.steps] == [4]
    assert simulation.adaptation.reason is None


def test_a_receipt_that_is_heard_late_says_what_was_under_way_when_it_was_written() -> None:
    """The thread of the link gets no time, either."""
    now = 0.0
    adaptation = Adaptation(monotonic=lambda: now)
    received = 0
    for sequence in range(300):  # 10 fps; a burst of three is lost each 2 s
        now = sequence / 10
        lost = sequence % 20 < 3
        adaptation.made(sequence, SendResult.FULL if lost else SendResult.SENT)
        received += not lost
        if sequence % 10 == 9:
            written, newest, frames = now, sequence, received
        if sequence % 10 == 5 and sequence > 10:  # 0.6 s later
            adaptation.received(newest, frames, written)

    assert adaptation.layers == 4


@pytest.mark.parametrize(("late_s", "thin"), [(0.02, True), (0.5, False)])
def test_a_broker_that_is_behind_says_nothing_of_the_link(late_s: float, *, thin: bool) -> None:
    """The queue is full at each receipt: the link is thin, if the broker has read all of it."""
    now = 0.0
    adaptation = Adaptation(monotonic=lambda: now)
    for sequence in range(100):  # 10 fps; half of it does not leave, and the rest is 1 s late
        now = sequence / 10
        adaptation.made(sequence, SendResult.FULL if sequence % 2 else SendResult.SENT)
        if sequence % 10 == 0 and sequence >= 10:
            adaptation.received(sequence - 10, (sequence - 10) // 2 + 1, now, late_s)

    assert (adaptation.layers < 4) is thin


@pytest.mark.parametrize("seconds", [4, 8, 30])
def test_a_cut_link_is_not_a_thin_link(seconds: float) -> None:
    """Nothing leaves and nothing is heard: all is made, for the ring; and when the link is back,
    what did not leave meanwhile says nothing of it.
    """
    simulation = Simulation(15, 40)
    simulation.run(10)
    simulation.run(seconds, cut=True)
    simulation.run(30)

    assert simulation.lost > 0
    assert [layers for _, layers in simulation.steps] == [4]


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as running:
        running.receipts = True
        yield running


@pytest.mark.long  # a link has to be full for a while
@pytest.mark.timeout(120)
def test_a_thin_link_is_never_more_than_full(peer: Peer) -> None:
    """Real sockets, a tenth of what the camera would send: an eighth of it is made, and comes."""
    picture = jpeg(640, 480, 1)
    fps = 2_400_000 / len(picture)
    port = int(peer.ingest.rpartition(":")[2])
    with (
        ThinLink(port, 200_000) as link,
        Publisher(peer.delivery, "porch", ingest=link.endpoint) as camera,
    ):
        peer.serve_until(lambda: peer.hello)
        peer.serve_until(lambda: _film(camera, picture, fps, peer) == 1, timeout=60)
        assert "of the frames" in str(peer.figures.adapted)
        counts = camera.counts
        assert counts.captured == counts.sent + counts.unsent + counts.uplink

        link.bytes_per_s = 40_000_000
        peer.serve_until(lambda: _film(camera, picture, fps, peer) == 2, timeout=60)
        counts = camera.counts
        answer = peer.repair("porch", Position(camera.run, counts.captured - 17))

    assert peer.statuses[-1].message
    assert {reason for _, _, reason in answer.gaps} == {"uplink"}


@pytest.mark.long
@pytest.mark.timeout(120)
def test_a_thread_that_gets_no_time_is_not_a_thin_link(peer: Peer) -> None:
    """The kernel runs the thread that writes frames only when a busy loop leaves it time."""
    picture = jpeg(1280, 720, 1)
    threads = set(_io_threads())
    with Publisher(peer.delivery, "porch", ingest=peer.ingest) as camera, _busy_loop() as cpu:
        peer.serve_until(lambda: peer.hello and camera.publish(picture))
        starved = min(set(_io_threads()) - threads)  # made first: that of the frames
        os.sched_setaffinity(starved, {cpu})
        os.sched_setscheduler(starved, os.SCHED_IDLE, os.sched_param(0))
        for _ in range(250):
            _film(camera, picture, 10, peer)
        counts = camera.counts

    assert counts.unsent > 0
    assert (counts.uplink, peer.figures.adapted) == (0, None)


@pytest.mark.long
@pytest.mark.timeout(120)
def test_a_broker_that_gets_no_time_is_not_a_thin_link(tmp_path: Path) -> None:
    """It stands still again and again for more than its queues hold, and says what it has received
    as soon as it goes on, before it has read all of it.
    """
    written = write_site(tmp_path, custom_cameras("porch"))
    site = load_site(written.path)
    noise = np.random.default_rng(1).integers(0, 256, (720, 1280, 3), np.uint8)
    picture = simplejpeg.encode_jpeg(noise, colorspace="BGR")  # large: queues hold few of them
    pace = threading.Event()  # which is never set
    with (
        running_broker(written.path) as broker,
        Subscriber.every(site, "porch"),
        Publisher(site, "porch") as camera,
    ):
        wait_until(lambda: camera.publish(picture))
        for number in range(300):
            if number % 24 == 0:
                broker.send(signal.SIGSTOP)
            if number % 24 == 22:
                broker.send(signal.SIGCONT)
            if camera.wanted():
                camera.publish(picture)
            else:
                camera.skip()
            pace.wait(1 / 15)
        broker.send(signal.SIGCONT)
        counts = camera.counts

    assert counts.unsent > 0
    assert counts.uplink == 0


def _io_threads() -> list[int]:
    """Those of libzmq in this process."""
    tasks = Path("/proc/self/task").iterdir()
    return [int(t.name) for t in tasks if (t / "comm").read_text().startswith("ZMQbg/IO")]


@contextmanager
def _busy_loop() -> Iterator[int]:
    """A process that takes all the time of one processor, and which one."""
    cpu = max(os.sched_getaffinity(0))
    # Of our own session: the kernel shares time among sessions first.
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as loop:
        try:
            os.sched_setaffinity(loop.pid, {cpu})
            yield cpu
        finally:
            loop.kill()


def _film(camera: Publisher, picture: bytes, fps: float, peer: Peer) -> object:
    """One picture more; the layers that the status says."""
    if camera.wanted():
        camera.publish(picture)
    else:
        camera.skip()
    end = time.monotonic() + 1 / fps
    while (left := end - time.monotonic()) > 0:
        peer.serve(left)
    return peer.figures.layers if peer.statuses else None


def test_an_operator_sets_rate_and_quality(peer: Peer) -> None:
    """For as long as it stands; null is as it was. The status says so at once."""
    with Publisher(peer.delivery, "porch", ingest=peer.ingest, quality=80) as camera:
        peer.serve_until(lambda: peer.hello)
        assert (camera.fps, camera.quality) == (None, 80)
        peer.say(messages.Set(camera="other", fps=1, quality=1))
        peer.say(messages.Set(camera="porch", fps=5, quality=50))
        peer.serve_until(lambda: camera.fps == 5)
        assert camera.quality == 50
        peer.serve_until(lambda: peer.statuses and peer.figures.set_fps == 5)
        assert peer.figures.quality == peer.figures.set_quality == 50
        peer.say(messages.Set(camera="porch"))
        peer.serve_until(lambda: camera.quality == 80)

    assert camera.fps is None


def test_a_camera_tells_what_became_of_a_frame(peer: Peer) -> None:
    """Sent, held, skipped, lost and why, or not known any more."""
    image = np.zeros((48, 64, 3), np.uint8)
    picture = simplejpeg.encode_jpeg(image, colorspace="BGR")
    with Publisher(peer.delivery, "porch", ingest=peer.ingest) as camera:
        peer.serve_until(lambda: peer.hello and camera.clock.offset())
        first = 0
        while not camera.publish(picture):
            first += 1
            peer.serve()
        camera.skip()
        camera.refuse()
        peer.listen()
        peer.serve_until(lambda: not camera.publish(picture))
        held = camera.sequence - 1
        assert _traced(peer, first) == ("sent", None)
        assert _traced(peer, first + 1) == ("skipped", "not-wanted")
        assert _traced(peer, first + 2) == ("lost", "refused")
        assert _traced(peer, held)[0] == "held"
        peer.repair("porch", Position(camera.run, held - 1))
        assert _traced(peer, held) == ("sent", "late, to repair")
        assert _traced(peer, held + 1)[0] == "unknown"
        assert _traced(peer, 0, run="f" * 16)[0] == "unknown"


def test_frames_that_left_the_ring_are_distinguished(peer: Peer) -> None:
    from camfan_config import CameraRing

    ring = CameraRing(memory=10_000)
    peer.listen()
    with Publisher(peer.delivery, "porch", ingest=peer.ingest, ring=ring) as camera:
        peer.serve_until(lambda: peer.hello)
        camera.publish(jpeg())
        peer.listen(b"frame/")
        peer.serve_until(lambda: camera.publish(jpeg()))
        sent = camera.sequence - 1
        for seed in range(20):
            camera.publish(jpeg(seed=seed))
        assert _traced(peer, 0) == ("lost", "ring-overrun")
        assert _traced(peer, sent) == ("sent", "no longer in the ring")


def _traced(peer: Peer, sequence: int, run: str | None = None) -> tuple[str, str | None]:
    peer.said.clear()
    peer.say(messages.Trace(id="t", camera="porch", sequence=sequence, run=run))
    peer.serve_until(lambda: peer.said)
    (answer,) = peer.said
    assert isinstance(answer, messages.Traced)
    (hop,) = answer.hops
    assert (hop.node, answer.sequence) == ("porch", sequence)
    return hop.outcome, hop.reason

"""The accounts of frames add up at any moment, and frames without a subscription are not lost."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from camfan import Publisher, Subscriber
from camfan_broker.camera.backlog import RepairMemory
from camfan_broker.camera.camera import SETTLE_NS, TrackedCamera
from camfan_broker.report.metrics import FiguresCollector
from camfan_broker.report.status import camera_figures
from camfan_config.site.pace import Pace
from camfan_nodes.monitor.last_status import LastStatuses
from camfan_nodes.shared.asking import ask
from camfan_nodes.web.ledger import hops
from camfan_testing.frames import read_frame
from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera as Filming
from camfan_testing.live import LiveBroker, live_broker, publish_first, wait_until
from camfan_testing.security import frame, raw_socket
from camfan_testing.wire import Wire
from camfan_wire.messages import Hop, Trace, Traced
from camfan_wire.topics import above, layer_of

READ_S = 15.0
RUN = "a" * 16


@given(st.integers(0, 4), st.integers(-1, 100), st.integers(1, 100))
def test_sequences_are_counted_by_layer(layers: int, after: int, many: int) -> None:
    before = after + many
    expected = sum(layer_of(n) >= layers for n in range(after + 1, before))
    assert above(layers, after, before) == expected


class Sending:
    """A client without a node, whose frames come to the broker as far as that has subscribed."""

    def __init__(self) -> None:
        self.camera = TrackedCamera("porch", 10_000_000, Pace(), RepairMemory(1_000_000))
        self.now = SETTLE_NS
        self.sequence = 0

    def listens_to(self, layers: int) -> None:
        self.camera.listens_to(layers, self.now)

    def send(self, *, lost: bool = False) -> None:
        self.now += SETTLE_NS + 1
        sequence, self.sequence = self.sequence, self.sequence + 1
        if lost or layer_of(sequence) >= self.camera._layers:
            return
        parts = frame("porch", sequence, RUN)
        self.camera.accept(read_frame(parts), parts[1], zmq.Frame(parts[2]), self.now)


def test_frames_without_a_subscription_are_unwanted() -> None:
    """A PUB socket does not send it, and its publisher does not know."""
    sending = Sending()
    sending.listens_to(4)
    for _ in range(8):
        sending.send()
    sending.listens_to(1)
    for _ in range(24):
        sending.send()
    sending.listens_to(0)
    for _ in range(100):
        sending.send()
    sending.listens_to(4)
    for _ in range(8):
        sending.send()

    camera = sending.camera
    assert camera.lost == 0
    assert (camera.numbered, camera.received) == (140, 8 + 3 + 8)
    assert camera.unwanted == camera.numbered - camera.received
    assert camera.was_not_asked(10)
    assert not camera.was_not_asked(136)


def test_what_was_asked_for_and_did_not_come_is_lost() -> None:
    sending = Sending()
    sending.listens_to(1)
    for number in range(40):
        sending.send(lost=number == 16)
    sending.listens_to(4)
    sending.send()
    for number in range(16):
        sending.send(lost=number in (3, 4))

    assert sending.camera.lost == 1 + 2


def test_the_first_frames_of_a_run_are_not_lost() -> None:
    """They were taken before the broker had subscribed."""
    sending = Sending()
    for _ in range(3):
        sending.send()
    sending.listens_to(4)
    for _ in range(3):
        sending.send()

    assert (sending.camera.lost, sending.camera.unwanted) == (0, 3)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveBroker]:
    with live_broker(tmp_path, "one", "two", memory="64MB") as broker:
        yield broker


def samples(live: LiveBroker) -> dict[tuple[str, str], float]:
    registry = CollectorRegistry()
    registry.register(FiguresCollector(live.broker))
    return {
        (sample.name, sample.labels.get("camera", "")): sample.value
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.startswith("camfan_subscriber")
    }


def test_accounts_add_up_at_every_moment(live: LiveBroker) -> None:
    """While a camera films and a client loses frames at random, seen from other threads."""
    chance, looks, heard = random.Random(7), 0, LastStatuses()
    with (
        Filming(live.site, "one", fps=200) as one,
        Subscriber.every(live.site, statuses=True) as every,
        raw_socket(zmq.XPUB, live.broker.addresses.ingest) as plain,
    ):
        while plain.recv() != b"\x01frame/two/3/":
            pass
        end, sequence = time.monotonic() + 6, 0
        while time.monotonic() < end:
            for _ in range(chance.randrange(20)):
                if chance.random() < 0.8:
                    plain.send_multipart(frame("two", sequence, RUN))
                sequence += 1
            for name in ("one", "two"):
                figures = camera_figures(live.broker, live.broker.cameras[name])
                parts = (figures.received, figures.unwanted, figures.lost)
                assert figures.numbered == sum(part or 0 for part in parts)
                seen = samples(live)
                assert seen["camfan_camera_numbered_frames_total", name] == sum(
                    seen[f"camfan_camera_{key}_frames_total", name]
                    for key in ("received", "unwanted", "lost")
                )
            heard.update(every.statuses, time.monotonic())
            chain = hops(live.site, heard.words(time.monotonic()))
            for hop, following in itertools.pairwise(chain):
                if hop.lost is not None and hop.frames is not None:
                    assert hop.frames - hop.lost == following.frames
            looks += 1
            every.read(READ_S)
        assert one.published > 100
        assert looks > 50
        wait_until(lambda: live.broker.cameras["two"].lost > 0)


def test_a_trace_does_not_contradict_itself(live: LiveBroker) -> None:
    """A frame that was captured before the camera connected, and came late: in every answer."""
    wire = Wire(int(live.broker.addresses.ingest.rpartition(":")[2]))
    wire.cut()
    with closing(wire), Subscriber.every(live.site, "one", name="all") as every:
        wait_until(lambda: every.cameras == ("one",))
        with Publisher(live.site, "one", ingest=wire.endpoint) as one:
            assert not one.publish(jpeg())
            wire.mend()
            newest = publish_first(one)
            assert [every.read(READ_S).sequence for _ in range(newest + 1)] == [*range(newest + 1)]

            said = traced(live, 0)

            assert {hop.outcome for hop in said.values()} == {"sent", "received", "delivered"}
            assert said["broker"].reason == "late, to repair"
            assert live.broker.cameras["one"].lost == 0


def traced(live: LiveBroker, sequence: int) -> dict[str, Hop]:
    question = Trace(id="q", camera="one", sequence=sequence)
    answer = ask(live.site, question, Traced, name="trace")
    return {hop.node: hop for hop in answer.hops}

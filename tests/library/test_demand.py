"""Demand: what the broker wants decides what is made, at once and also while it is away."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camfan import Publisher
from camfan.link.demand import LayerDemand
from camfan_testing.jpegs import jpeg
from camfan_testing.live import wait_until
from camfan_testing.peer import Peer
from camfan_wire import messages
from camfan_wire.topics import layer_of


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as running:
        yield running


@given(st.integers(1, 4))
def test_layers_are_made_as_they_are_wanted(layers: int) -> None:
    demand = LayerDemand(Time())
    demand.ask(layers, None)

    made = [n for n in range(64) if layer_of(n) < demand.layers_of(n)]

    assert made == [n for n in range(64) if n % (16 >> layers) == 0]


def test_before_the_first_word_everything_is_wanted() -> None:
    demand = LayerDemand(Time())

    assert (demand.layers, demand.idle()) == (4, False)


@given(st.floats(0.5, 60), st.floats(1, 30))
def test_the_trickle_is_one_frame_of_layer_0_per_interval(trickle: float, fps: float) -> None:
    now = Time()
    demand = LayerDemand(now)
    demand.ask(0, trickle)
    made = []
    for sequence in range(1000):
        if layer_of(sequence) < demand.layers_of(sequence):
            demand.made(sequence)
            made.append((now.now, sequence))
        now.now += 1 / fps

    assert made[0][1] == 0
    assert all(layer_of(sequence) == 0 for _, sequence in made)
    pauses = [b - a for (a, _), (b, _) in itertools.pairwise(made)]
    assert all(trickle - 1e-6 <= pause <= trickle + 8 / fps + 1e-6 for pause in pauses)


def test_without_a_trickle_nothing_is_made() -> None:
    demand = LayerDemand(Time())
    demand.ask(0, None)

    assert demand.layers_of(0) == 0
    assert demand.idle()
    assert demand._idle_s() == math.inf


def test_a_rest_ends_when_a_subscriber_watches() -> None:
    demand = LayerDemand()
    demand.ask(0, None)
    resting = threading.Thread(target=demand.rest, args=(60.0,))
    resting.start()
    assert resting.is_alive()

    demand.ask(4, None)

    resting.join(10)
    assert not resting.is_alive()
    demand.rest(60.0)  # a subscriber watches: no rest at all


def test_an_unwatched_camera_sends_nothing_and_wakes_at_once(peer: Peer) -> None:
    """The word stands while the broker does not listen; the next picture after it is made."""
    with Publisher(peer.delivery, "porch", ingest=peer.ingest) as camera:
        peer.serve_until(lambda: peer.hello)
        peer.serve_until(lambda: camera.publish(jpeg()))
        peer.say(messages.Demand(camera="porch", layers=0, trickle=None))
        peer.serve_until(camera.idle)
        before = camera.counts
        for _ in range(20):
            assert not camera.publish(jpeg())
        assert camera.counts.unwanted - before.unwanted == 20
        assert camera.counts.unsent == before.unsent

        peer.listen()
        peer.serve(0.2)
        assert not camera.wanted()

        peer.listen(b"frame/")
        peer.say(messages.Demand(camera="porch", layers=4))
        wait_until(camera.wanted)
        count = len(peer.frames)
        peer.serve_until(lambda: camera.publish(jpeg()))
        peer.serve_until(lambda: len(peer.frames) > count)

    header, _ = peer.frames[-1]
    assert header.unwanted == camera.counts.unwanted


def test_words_for_another_camera_are_not_heard(peer: Peer) -> None:
    with Publisher(peer.delivery, "porch", ingest=peer.ingest) as camera:
        peer.serve_until(lambda: peer.hello)
        peer.say(messages.Demand(camera="other", layers=0))
        peer.say(messages.Demand(camera="porch", layers=1))
        camera.skip()  # sequence 1 is of layer 3
        peer.serve_until(lambda: not camera.wanted())
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            peer.serve()

    assert camera._settings.demand.layers == 1

"""The fan-out socket: any ZeroMQ SUB, the last picture at once, and layers."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import zmq

from camfan import Publisher
from camfan_testing.jpegs import jpeg
from camfan_testing.live import LiveBroker, publish_first, serving, wait_until
from camfan_testing.sites import custom_cameras, write_site
from camfan_wire.header import Header, encode_header
from camfan_wire.topics import LAYERS

Connect = Callable[..., zmq.Socket[bytes]]


@pytest.fixture
def connect(live: LiveBroker) -> Iterator[Connect]:
    """Makes a SUB with these subscriptions, and closes it after the test."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with ExitStack() as opened:

        def make(*prefixes: bytes) -> zmq.Socket[bytes]:
            socket = opened.enter_context(context.socket(zmq.SUB))
            socket.setsockopt(zmq.RCVTIMEO, 10_000)
            socket.setsockopt(zmq.LINGER, 0)
            for prefix in prefixes:
                socket.subscribe(prefix)
            socket.connect(live.broker.addresses.fanout)
            return socket

        yield make
    context.term()


def sequence(socket: zmq.Socket[bytes]) -> int:
    topic, header, picture = socket.recv_multipart()
    found = json.loads(header)
    assert topic.startswith(b"frame/one/")
    assert found["size"] == len(picture)
    return int(found["sequence"])


def send(live: LiveBroker, publisher: Publisher, count: int) -> None:
    camera = live.broker.cameras["one"]
    for _ in range(count):
        publisher.publish(jpeg())
        wait_until(lambda: camera.last_sequence == publisher.sequence - 1)


def test_cameras_in_step_do_not_push_each_other_out(tmp_path: Path) -> None:
    """64 cameras send at the same instant, again and again: a reader that keeps up gets all."""
    names, picture = [f"cam{n}" for n in range(64)], jpeg()
    site = write_site(tmp_path, custom_cameras(*names))
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with serving(site.path) as live, ExitStack() as opened:
        reader, cameras = (opened.enter_context(context.socket(k)) for k in (zmq.SUB, zmq.PUB))
        reader.setsockopt(zmq.RCVTIMEO, 10_000)
        reader.subscribe(b"frame/")
        reader.connect(live.broker.addresses.fanout)
        cameras.setsockopt(zmq.LINGER, 0)
        cameras.connect(live.broker.addresses.ingest)
        counted = itertools.count()
        wait_until(lambda: publish_all(cameras, names[:1], next(counted), picture, live))
        wait_until(lambda: live.broker.fanout.wishes(names[0], None).layers == LAYERS)
        first = next(counted)
        for number in range(first, first + 20):
            publish_all(cameras, names, number, picture, live)
            got = set[str]()
            while len(got) < len(names):
                header = json.loads(reader.recv_multipart()[1])
                if header["sequence"] == number:
                    got.add(header["camera"])
    context.term()


def publish_all(
    socket: zmq.Socket[bytes], names: list[str], sequence: int, picture: bytes, live: LiveBroker
) -> bool:
    """A frame of each of these cameras, at once; True if the broker has had one."""
    for name in names:
        header = Header(
            version=1,
            camera=name,
            run="a" * 16,
            sequence=sequence,
            captured=time.time_ns(),
            offset=None,
            error=None,
            width=64,
            height=48,
            size=len(picture),
        )
        socket.send_multipart([header.topic, encode_header(header), picture])
    return live.broker.cameras[names[0]].received > 0


def test_a_new_subscriber_gets_the_newest_frame_and_no_other_gets_it_twice(
    live: LiveBroker, connect: Connect
) -> None:
    with Publisher(live.site, "one") as one:
        first = publish_first(one)
        early = connect(b"frame/one/")
        assert sequence(early) == first

        late = connect(b"frame/one/")
        assert sequence(late) == first
        send(live, one, 2)

        assert [sequence(early) for _ in range(2)] == [first + 1, first + 2]
        assert [sequence(late) for _ in range(2)] == [first + 1, first + 2]


def test_subscribing_to_what_is_not_there_takes_no_frame_from_others(
    live: LiveBroker, connect: Connect
) -> None:
    """After any subscription event libzmq sends the next message to one peer only."""
    with Publisher(live.site, "one") as one:
        first = publish_first(one)
        early = connect(b"frame/one/")
        assert sequence(early) == first
        for number in range(4):
            other = connect(b"frame/two/", b"other/")
            wait_until(lambda: live.broker.fanout.subscriptions.prefixes.total() == 3)
            other.close()
            send(live, one, 1)
            assert sequence(early) == first + 1 + number


def test_a_layer_is_a_share_of_the_frames(live: LiveBroker, connect: Connect) -> None:
    """Layer 0 alone is each eighth frame."""
    with Publisher(live.site, "one") as one:
        publish_first(one)
        socket = connect(b"frame/one/0/")
        wait_until(lambda: live.broker.fanout.subscriptions.prefixes.total() == 1)
        send(live, one, 40)
        got = [sequence(socket) for _ in range(5)]

    assert all(n % 8 == 0 for n in got)
    assert [b - a for a, b in itertools.pairwise(got[1:])] == [8, 8, 8]

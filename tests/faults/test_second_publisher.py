"""A camera has one publisher at a time: the second is refused by name, or takes over by request."""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from camfan import AlreadyPublishedError, Frame, Gap, NotCustomError, Publisher, Subscriber
from camfan.subscriber import Item
from camfan_broker.report.health import not_ready, warnings
from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera, LiveBroker, live_broker, publish_first, wait_until
from camfan_testing.processes import Process, camfan, running_broker
from camfan_testing.security import frame, raw_socket
from camfan_testing.sites import TestSite, write_site
from camfan_wire.messages import Heartbeat, Hello, Status, encode

READ_S = 15.0
PORCH = "cameras:\n  porch: {source: test, size: 160x120, fps: 20}\n"
HOST = socket.gethostname()


@pytest.fixture
def site(tmp_path: Path) -> TestSite:
    return write_site(tmp_path, PORCH)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveBroker]:
    with live_broker(tmp_path, "one") as broker:
        yield broker


def camera(site: TestSite, *arguments: str) -> Process:
    return camfan("camera", "porch", "--config", str(site.path), *arguments)


def frame_of_another_run(frames: Subscriber[Frame], run: str) -> Frame:
    """The first frame of any other run."""
    while (frame := frames.read(READ_S)).run == run:
        pass
    return frame


def gaps_and_frames(frames: Subscriber[Item], run: str) -> tuple[list[Gap], Frame]:
    """All gaps before the first frame of another run, and that frame."""
    gaps: list[Gap] = []
    while True:
        item = frames.read(READ_S)
        if isinstance(item, Gap):
            gaps.append(item)
        elif isinstance(item, Frame) and item.run != run:
            return gaps, item


def listening(socket: zmq.Socket[bytes], topic: bytes) -> None:
    """Wait until the broker has said that it listens for this."""
    while socket.recv() != b"\x01" + topic:
        pass


def test_the_second_node_is_refused_by_name_and_the_first_does_not_notice(site: TestSite) -> None:
    """Exit code 69, a sentence with host and time, and not one frame of the first is missing."""
    words = (
        rf"porch is already published from {re.escape(HOST)} since \d{{4}}-[-\d]+ [:\d]+; "
        "stop that one first, or start this one with --take-over"
    )
    with (
        running_broker(site.path) as broker,
        Subscriber.every(site.path, "porch") as frames,
        camera(site) as first,
    ):
        last = frames.read(READ_S)
        with camera(site) as second:
            assert second.wait() == 69
            assert re.search(words, second.output)
            assert "Traceback" not in second.output
        broker.wait_for("refused: frames of porch are refused: a second publisher")
        for _ in range(100):  # well behind the end of the second
            frame = frames.read(READ_S)
            assert (frame.run, frame.sequence) == (last.run, last.sequence + 1)
            last = frame
        assert first.stop() == 0


def test_a_node_takes_over_on_request_and_the_first_ends(site: TestSite) -> None:
    """The first says why, and a reader of every frame gets a gap that names another publisher."""
    with (
        running_broker(site.path),
        Subscriber.every(site.path, "porch", events=True) as frames,
        camera(site) as first,
    ):
        old = gaps_and_frames(frames, "")[1].run
        with camera(site, "--take-over") as second:
            assert first.wait() == 69
            assert f"porch was taken over from {HOST}" in first.output
            assert "Traceback" not in first.output
            gaps, new = gaps_and_frames(frames, old)
            assert [(gap.run, gap.last, gap.reason) for gap in gaps] == [
                (old, None, "other-publisher")
            ]
            assert new.sequence == 0
            assert second.stop() == 0


@pytest.mark.parametrize("silent", [signal.SIGKILL, signal.SIGSTOP])
def test_what_is_dead_or_silent_blocks_nothing(site: TestSite, silent: signal.Signals) -> None:
    """A crash, and a machine without power, whose connections stay open at the broker."""
    with (
        running_broker(site.path),
        Subscriber(site.path, "porch") as frames,
        camera(site) as first,
    ):
        old = frames.read(READ_S).run
        first.send(silent)
        with camera(site) as second:
            new = frame_of_another_run(frames, old)
            if silent == signal.SIGSTOP:
                first.send(signal.SIGCONT)
                assert first.wait() == 69
                assert re.search(
                    rf"porch is (published now|already published) from {HOST}", first.output
                )
            assert frames.read(READ_S).run == new.run
            assert second.stop() == 0


def test_a_publisher_that_was_refused_goes_on_once_the_first_has_left(live: LiveBroker) -> None:
    """It raises while the first is there, numbers nothing, and then publishes by itself."""
    reasons: list[str] = []

    def tried(second: Publisher) -> bool:
        try:
            return second.publish(jpeg())
        except AlreadyPublishedError as exc:
            reasons.append(str(exc))
            return False

    with Camera(live.site, "one") as first:
        wait_until(lambda: len(first.sent) > 3)
        with Publisher(live.site, "one") as second:
            wait_until(lambda: tried(second) is False and reasons != [])
            assert f"one is already published from {HOST} since " in reasons[0]
            numbered = second.sequence
            assert live.broker.cameras["one"].run == first.run_id
            first.stop()
            wait_until(lambda: tried(second) and live.broker.cameras["one"].run == second.run)
            assert second.sequence > numbered


def test_publishers_of_the_library_take_over_on_request(live: LiveBroker) -> None:
    """The first one raises, and does not fight back."""
    with Publisher(live.site, "one") as first:
        publish_first(first)
        with Publisher(live.site, "one", take_over=True) as second:
            wait_until(lambda: published(live, second))
            with pytest.raises(AlreadyPublishedError, match="one was taken over from "):
                wait_until(lambda: not first.publish(jpeg()) and False)
            assert published(live, second)


def published(live: LiveBroker, publisher: Publisher) -> bool:
    """Whether a picture left, and the broker has the run of this publisher."""
    return publisher.publish(jpeg()) and live.broker.cameras["one"].run == publisher.run


def test_only_a_custom_camera_is_published_by_code_of_yours(site: TestSite) -> None:
    """The pictures of all others come from their node."""
    with pytest.raises(NotCustomError, match="camera 'porch' has 'source: test'"):
        Publisher(site.path, "porch")


def test_the_second_of_two_clients_without_a_node_is_refused_aloud(live: LiveBroker) -> None:
    """Plain sockets: neither gets an answer, so log, figures and readiness report it."""
    camera = live.broker.cameras["one"]
    ingest = live.broker.addresses.ingest
    with (
        raw_socket(zmq.SUB, live.broker.addresses.fanout) as reader,
        raw_socket(zmq.XPUB, ingest) as first,
        raw_socket(zmq.XPUB, ingest) as second,
    ):
        reader.subscribe(b"frame/one/")
        for socket in (first, second):
            listening(socket, b"frame/one/3/")
        first.send_multipart(frame("one", 0, "a" * 16))
        wait_until(lambda: camera.run == "a" * 16)

        second.send_multipart(frame("one", 0, "b" * 16))
        wait_until(lambda: camera.refused["other-publisher"] == 1)

        first.send_multipart(frame("one", 1, "a" * 16))
        wait_until(lambda: camera.last_sequence == 1)
        trouble = camera.trouble(time.monotonic_ns())
        assert trouble is not None
        assert "a second publisher from 127.0.0.1" in trouble
        assert any("a second publisher" in line for line in warnings(live.broker))
        board = live.broker.board
        wait_until(lambda: refused_in(board.statuses.get("broker")) == {"other-publisher": 1})

        first.close()
        wait_until(lambda: second_begins(live, second))


def refused_in(status: Status | None) -> dict[str, int] | None:
    """What the broker's status says of refused frames, by reason."""
    return None if status is None or status.broker is None else status.broker.cameras["one"].refused


def second_begins(live: LiveBroker, second: zmq.Socket[bytes]) -> bool:
    """Whether a client that was refused is accepted now."""
    second.send_multipart(
        frame("one", (live.broker.cameras["one"].last_sequence or 0) + 8, "b" * 16)
    )
    return live.broker.cameras["one"].run == "b" * 16


def test_a_run_that_was_taken_over_goes_on_when_the_other_has_left(live: LiveBroker) -> None:
    """A client without a node cannot be asked to end: it is rejected, then accepted again, and a
    reader of every frame gets no frame twice and each number accounted for.
    """
    camera, run = live.broker.cameras["one"], "a" * 16
    with (
        Subscriber.every(live.site, "one", events=True) as frames,
        raw_socket(zmq.XPUB, live.broker.addresses.ingest) as plain,
    ):
        listening(plain, b"frame/one/3/")
        plain.send_multipart(frame("one", 0, run))
        assert [got.sequence for got in until(frames, run, 0) if isinstance(got, Frame)] == [0]
        for sequence in range(1, 4):
            plain.send_multipart(frame("one", sequence, run))
        wait_until(lambda: camera.last_sequence == 3)
        with Publisher(live.site, "one", take_over=True) as other:
            wait_until(lambda: published(live, other))
            plain.send_multipart(frame("one", 4, run))
            wait_until(lambda: camera.refused["other-publisher"] > 0)
            wait_until(lambda: camera.last_sequence == other.sequence - 1)
            others = camera.last_sequence
        wait_until(lambda: live.broker.peers.publisher_of("one") is None)
        for sequence in range(5, 9):
            plain.send_multipart(frame("one", sequence, run))
        wait_until(lambda: (camera.run, camera.last_sequence) == (run, 8))

        got = list(until(frames, run, 8))
        assert [f.sequence for f in got if isinstance(f, Frame) and f.run == run] == [
            1, 2, 3, 5, 6, 7, 8
        ]  # fmt: skip
        gaps = [(g.run, g.first, g.last, g.reason) for g in got if isinstance(g, Gap)]
        assert (run, 4, None, "other-publisher") in gaps
        assert (other.run, (others or 0) + 1, None, "other-publisher") in gaps
        assert (run, 4, 4, "not-received") in gaps


def test_a_node_that_does_not_name_its_run_may_connect_again(live: LiveBroker) -> None:
    """A client in another language: its delivery socket stays, its PUB socket is a new one."""
    camera, addresses = live.broker.cameras["one"], live.broker.addresses
    hello = Hello(protocol=1, name="one", kind="camera", session="5" * 16, publishes="one")
    with raw_socket(zmq.DEALER, addresses.delivery) as node:
        node.send(encode(hello))
        wait_until(lambda: live.broker.peers.publisher_of("one") is not None)
        for run in ("a" * 16, "b" * 16):
            with raw_socket(zmq.XPUB, addresses.ingest) as plain:
                listening(plain, b"frame/one/3/")
                wait_until(lambda run=run, plain=plain: begins(live, plain, run))  # type: ignore[misc]
            node.send(encode(Heartbeat()))
    assert camera.run == "b" * 16


def begins(live: LiveBroker, plain: zmq.Socket[bytes], run: str) -> bool:
    plain.send_multipart(frame("one", 0, run))
    return live.broker.cameras["one"].run == run


def until(frames: Subscriber[Item], run: str, sequence: int) -> Iterator[Item]:
    """All items up to and with this frame."""
    while True:
        item = frames.read(READ_S)
        yield item
        if isinstance(item, Frame) and (item.run, item.sequence) == (run, sequence):
            return


def test_readiness_names_what_is_refused_of_a_camera_that_is_not_live(live: LiveBroker) -> None:
    """Frames that are not JPEGs, of a camera that has nothing else."""
    camera = live.broker.cameras["one"]
    with raw_socket(zmq.XPUB, live.broker.addresses.ingest) as plain:
        listening(plain, b"frame/one/3/")
        topic, header, picture = frame("one", 0, "a" * 16)
        plain.send_multipart([topic, header, b"x" * len(picture)])
        wait_until(lambda: camera.refused["not-jpeg"] == 1)

    assert any(
        line.startswith("camera one is waiting: its frames are refused (not-jpeg)")
        for line in not_ready(live.broker)
    )

"""Subscriber and Publisher against a real broker."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from camfan import (
    ClosedError,
    EndpointError,
    Event,
    Frame,
    Gap,
    ImageError,
    Position,
    Publisher,
    RefusedError,
    Subscriber,
    UnknownCameraError,
    WireError,
)
from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera, LiveBroker, publish_first, wait_until
from camfan_wire.credit import MAX_LATEST

READ_S = 10.0


@pytest.fixture
def publisher(live: LiveBroker) -> Iterator[Publisher]:
    with Publisher(live.site, "one") as made:
        wait_until(lambda: made.connected)
        yield made


def test_a_subscriber_gets_the_bytes_that_were_published(
    live: LiveBroker, publisher: Publisher
) -> None:
    """The JPEG of a frame is the camera's, byte by byte, and so is what the header says of it."""
    picture = jpeg(200, 100, 7)
    sequence = publish_first(publisher, picture)

    with Subscriber(live.site) as frames:
        frame = frames.read(READ_S)

    assert bytes(frame.jpeg) == picture
    assert (frame.camera, frame.run, frame.sequence) == ("one", publisher.run, sequence)
    assert (frame.width, frame.height, frame.late) == (200, 100, False)
    assert abs(frame.captured - time.time_ns()) < 60e9


def test_a_newcomer_gets_the_last_picture_at_once(live: LiveBroker, publisher: Publisher) -> None:
    sequence = publish_first(publisher)

    with Subscriber(live.site, ["one"]) as latest, Subscriber.every(live.site) as every:
        assert latest.read(READ_S).sequence == sequence
        assert every.read(READ_S).sequence == sequence
        with pytest.raises(TimeoutError):
            latest.read(0.05)


def test_a_slow_reader_gets_the_newest_and_all_cameras_in_turn(live: LiveBroker) -> None:
    """A busy reader gets the newest frame of each camera, not those that it missed."""
    with (
        Publisher(live.site, "one") as one,
        Publisher(live.site, "two") as two,
        Subscriber(live.site) as frames,
    ):
        served = []
        for _ in range(6):
            ends = {"one": _burst(one), "two": _burst(two)}
            wait_until(partial(_have_come, frames, ends))
            for _ in range(2):
                frame = frames.read(READ_S)
                served.append(frame.camera)
                assert frame.sequence == ends[frame.camera]

    assert served[::2] == ["one"] * 6 or served[::2] == ["two"] * 6
    assert sorted(served) == ["one"] * 6 + ["two"] * 6


def _burst(publisher: Publisher) -> int:
    """Frames as fast as they go; the sequence of the last that left."""
    last = publish_first(publisher)
    for _ in range(20):
        sequence = publisher.sequence
        if publisher.publish(jpeg()):
            last = sequence
    return last


def _have_come(frames: Subscriber[Frame], ends: dict[str, int]) -> bool:
    newest = {name: frames.newest(name) for name in ends}
    return all(f is not None and f.sequence == ends[name] for name, f in newest.items())


def test_every_frame_once_and_in_order_for_a_slow_reader(live: LiveBroker) -> None:
    """More frames than the credit window wait in the broker's ring, and all of them come."""
    with Publisher(live.site, "one") as one:
        first = publish_first(one)
        _paced(live, one)
        with Subscriber.every(live.site, "one") as frames:
            assert frames.read(READ_S).sequence == first
            lost = [not one.publish(jpeg(seed=n)) for n in range(200) if _paced(live, one)]
            assert not any(lost)

            got = [frames.read(READ_S).sequence for _ in range(200)]

    assert got == list(range(first + 1, first + 201))


def _paced(live: LiveBroker, publisher: Publisher) -> bool:
    """Wait until the broker has what was published, so that no queue is ever full."""
    camera = live.broker.cameras["one"]
    wait_until(lambda: camera.last_sequence == publisher.sequence - 1)
    return True


def test_every_resumes_behind_a_position(live: LiveBroker, publisher: Publisher) -> None:
    first = publish_first(publisher)
    for _ in range(9):
        _paced(live, publisher)
        publisher.publish(jpeg())
    _paced(live, publisher)

    since = {"one": Position(publisher.run, first + 3)}
    with Subscriber.every(live.site, "one", since=since) as frames:
        got = [frames.read(READ_S).sequence for _ in range(6)]

    assert got == list(range(first + 4, first + 10))


def test_every_can_start_at_a_time(live: LiveBroker, publisher: Publisher) -> None:
    publish_first(publisher)
    _paced(live, publisher)
    wait_until(lambda: publisher.clock.offset() is not None)
    start = datetime.now(UTC)
    publisher.publish(jpeg())
    middle = publisher.sequence - 1
    _paced(live, publisher)
    publisher.publish(jpeg())
    _paced(live, publisher)

    with Subscriber.every(live.site, "one", since=start) as frames:
        got = [frames.read(READ_S).sequence]
        while got[-1] <= middle:
            got.append(frames.read(READ_S).sequence)

    # One captured just before may be within the error of the clock.
    assert got in ([middle, middle + 1], [middle - 1, middle, middle + 1])


def test_a_lost_frame_is_a_gap(live: LiveBroker, publisher: Publisher) -> None:
    first = publish_first(publisher)
    _paced(live, publisher)
    with Subscriber.every(live.site, "one", events=True) as frames:
        wait_until(lambda: bool(frames.cameras))
        for _ in range(3):
            publisher.refuse()  # numbered, and never sent
        publisher.publish(jpeg())
        items: list[Frame | Gap] = []
        while len(items) < 3:
            item = frames.read(READ_S)
            if not isinstance(item, Event):
                items.append(item)

    assert isinstance(items[0], Frame)
    assert items[1] == Gap(
        camera="one", run=publisher.run, first=first + 1, last=first + 3, reason="refused"
    )
    assert isinstance(items[2], Frame)
    assert items[2].sequence == first + 4


def test_the_age_is_known_from_the_first_frame_on(live: LiveBroker, publisher: Publisher) -> None:
    wait_until(lambda: publisher.clock.offset() is not None)
    publish_first(publisher)

    with Subscriber(live.site) as frames:
        age = frames.read(READ_S).age

    assert age is not None
    assert -age.error <= age.seconds < 60
    assert 0 < age.error < 1


def test_an_unknown_age_has_no_value(live: LiveBroker) -> None:
    """A camera that does not know its clock yet says so, and no age is invented."""
    with Publisher(live.site, "one") as one, Subscriber(live.site) as frames:
        one._link.clock.forget()
        one._link.clock._best = None
        publish_first(one)
        frame = frames.read(READ_S)
        known = frame.offset is not None

        assert (frame.age is not None) == known


def test_the_doubt_about_the_time_of_a_picture_is_in_its_age(
    live: LiveBroker, publisher: Publisher
) -> None:
    wait_until(lambda: publisher.clock.offset() is not None)
    publish_first(publisher)
    with Subscriber(live.site) as frames:
        wait_until(lambda: (frame := frames.newest("one")) is not None and frame.age is not None)
        publisher.publish(jpeg(), error_ns=700_000_000)
        wait_until(lambda: _newest(frames) == publisher.sequence - 1)
        frame = frames.newest("one")

    assert frame is not None
    assert frame.error is not None
    assert frame.error >= 700_000_000
    assert frame.age is not None
    assert frame.age.error >= 0.7


def test_max_age_passes_over_what_is_too_old(live: LiveBroker, publisher: Publisher) -> None:
    wait_until(lambda: publisher.clock.offset() is not None)
    publish_first(publisher)
    with Subscriber(live.site, max_age=30.0) as frames:
        wait_until(lambda: frames.newest("one") is not None)
        frames.read(READ_S)
        publisher.publish(jpeg(), captured_ns=time.time_ns() - 60_000_000_000)
        wait_until(lambda: _newest(frames) == publisher.sequence - 1)
        with pytest.raises(TimeoutError):
            frames.read(0.01)
        assert frames.passed_over == 1
        publisher.publish(jpeg())

        assert frames.read(READ_S).sequence == publisher.sequence - 1


def _newest(frames: Subscriber[Frame]) -> int | None:
    frame = frames.newest("one")
    return None if frame is None else frame.sequence


def test_max_fps_is_kept_by_the_broker(live: LiveBroker) -> None:
    """A reader that asks for 5 frames a second is sent no more, whatever the camera does."""
    with Camera(live.site, "one", fps=100), Subscriber(live.site, max_fps=5) as frames:
        first = frames.read(READ_S)
        got = [frames.read(READ_S) for _ in range(5)]

    seconds = (got[-1].captured - first.captured) / 1e9
    assert seconds >= 0.9


def test_what_is_wanted_can_change(live: LiveBroker) -> None:
    """A camera that is not wanted any more is not sent; one that is new begins at once."""
    with Publisher(live.site, "one") as one, Publisher(live.site, "two") as two:
        first = publish_first(one), publish_first(two)
        with Subscriber(live.site, ["one"]) as frames:
            assert frames.read(READ_S).sequence == first[0]

            frames.want(["two"])
            assert (frames.read(READ_S).camera, frames.cameras) == ("two", ("two",))
            one.publish(jpeg())
            two.publish(jpeg())

            assert frames.read(READ_S).camera == "two"
            with pytest.raises(TimeoutError):
                frames.read(0.05)
            frames.want([])
            wait_until(lambda: frames.cameras == ())


def test_a_camera_that_stays_wanted_goes_on_without_a_break(live: LiveBroker) -> None:
    """Nothing is sent twice, and the credit neither grows nor dries up."""
    with Camera(live.site, "one", fps=200), Subscriber(live.site, ["one"]) as frames:
        frames.read(READ_S)
        got = []
        for turn in range(30):
            frames.want(["one", "two"] if turn % 2 else ["one"])
            got += [frames.read(READ_S).sequence for _ in range(5)]
        (peer,) = (p for p in live.broker.peers.values() if p.reader)

        assert got == sorted(set(got))
        assert peer.reader is not None
        assert peer.reader.cursors["one"].account.delivered >= len(got)
        assert peer.reader.credit.frames <= MAX_LATEST


def test_the_rate_can_change(live: LiveBroker) -> None:
    with Camera(live.site, "one", fps=100), Subscriber(live.site) as frames:
        wait_until(lambda: bool(frames.cameras))
        frames.want(None, max_fps=5)
        (peer,) = (p for p in live.broker.peers.values() if p.reader)
        wait_until(lambda: peer.reader is not None and peer.reader.wishes.max_fps == 5)
        frames.read(READ_S)  # what had come before
        got = [frames.read(READ_S) for _ in range(5)]

    assert got[-1].sequence - got[1].sequence >= 20  # three pauses, in each of which about 20 pass


def test_what_is_wanted_is_checked_like_what_was_asked_for_first(live: LiveBroker) -> None:
    """Names against the site; and the broker hears what was asked before it answered at all."""
    port = live.site.broker.ports.delivery
    with Subscriber(f"tcp://127.0.0.1:{port}", ["o*"]) as frames:
        frames.want(["two"])
        wait_until(lambda: frames.cameras == ("two",))
        with pytest.raises(UnknownCameraError), Subscriber(live.site) as checked:
            checked.want(["zebra"])
        with (
            pytest.raises(TypeError, match="chooses its cameras"),
            Subscriber.every(live.site) as every,
        ):
            every.want(["one"])


def test_asyncio_readers_get_the_same(live: LiveBroker) -> None:
    async def read() -> list[int]:
        async with Subscriber.every(live.site, "one") as frames:
            got = []
            async for frame in frames:
                got.append(frame.sequence)
                if len(got) == 20:
                    break
            return got

    with Camera(live.site, "one", fps=100):
        got = asyncio.run(read())

    assert got == list(range(got[0], got[0] + 20))


def test_a_subscriber_on_an_event_loop_gets_the_same_without_a_thread(live: LiveBroker) -> None:
    """No thread is started; reading after close raises an error."""

    async def read() -> list[int]:
        before = threading.active_count()
        loop = asyncio.get_running_loop()
        with Subscriber(live.site, "one", loop=loop) as frames:
            assert threading.active_count() == before
            got = [(await anext(frames)).sequence for _ in range(20)]
        with pytest.raises(ClosedError):
            frames.read_all_and_call(lambda: None)
        return got

    with Camera(live.site, "one", fps=100):
        got = asyncio.run(read())

    assert got == sorted(set(got))


def test_one_call_for_all_that_has_come(live: LiveBroker) -> None:
    """The waiter reads all items; it is not called again before the next one."""

    async def look() -> tuple[int, set[str]]:
        loop = asyncio.get_running_loop()
        calls = 0
        came: set[str] = set()
        both = loop.create_future()

        with Subscriber(live.site, loop=loop) as frames:

            def take() -> None:
                nonlocal calls
                calls += 1
                with contextlib.suppress(ClosedError):  # at the end it is called once more
                    came.update(frame.camera for frame in frames.read_all_and_call(take))
                if len(came) == 2 and not both.done():
                    both.set_result(None)

            take()
            await asyncio.wait_for(both, READ_S)
        return calls, came

    with Publisher(live.site, "one") as one, Publisher(live.site, "two") as two:
        publish_first(one)
        publish_first(two)
        calls, came = asyncio.run(look())

    assert came == {"one", "two"}
    assert calls <= 4  # at the start, for one picture or both, and at the end


def test_all_that_has_come_is_every_frame_in_order_where_each_counts(live: LiveBroker) -> None:
    """More than may be unread at once: what was taken makes room for what follows."""
    wanted = 200

    async def look() -> list[int]:
        loop = asyncio.get_running_loop()
        came: list[int] = []
        done = loop.create_future()
        with Subscriber.every(live.site, "one", loop=loop) as frames:

            def take() -> None:
                with contextlib.suppress(ClosedError):
                    came.extend(frame.sequence for frame in frames.read_all_and_call(take))
                if len(came) >= wanted and not done.done():
                    done.set_result(None)

            take()
            await asyncio.wait_for(done, READ_S)
        return came

    with Camera(live.site, "one", fps=200):
        came = asyncio.run(look())

    assert came == list(range(came[0], came[0] + len(came)))


def test_reading_ends_when_it_is_closed_from_another_thread(live: LiveBroker) -> None:
    frames = Subscriber(live.site)
    closer = threading.Timer(0.1, frames.close)
    closer.start()

    assert list(frames) == []
    with pytest.raises(ClosedError):
        frames.read()
    closer.join()


def test_an_endpoint_is_enough(live: LiveBroker, publisher: Publisher) -> None:
    publish_first(publisher)
    port = live.site.broker.ports.delivery

    with Subscriber(f"tcp://127.0.0.1:{port}", cameras=["o*"]) as frames:
        assert frames.read(READ_S).camera == "one"
        assert frames.cameras == ("one",)


def test_unknown_cameras_are_named_before_anything_is_dialled(live: LiveBroker) -> None:
    with pytest.raises(UnknownCameraError, match="did you mean 'one'"):
        Subscriber(live.site, ["onne"])
    with pytest.raises(UnknownCameraError, match="it has one, two"):
        Publisher(live.site, "zebra")


def test_the_broker_refuses_an_unknown_camera(live: LiveBroker) -> None:
    port = live.site.broker.ports.delivery
    with (
        Subscriber(f"tcp://127.0.0.1:{port}", "garage") as frames,
        pytest.raises(RefusedError, match="no camera 'garage' here; there is one, two"),
    ):
        frames.read(READ_S)


@pytest.mark.parametrize("address", ["tcp://hub", "http://hub:1", "tcp://hub:port", "tcp://:1"])
def test_a_wrong_address_is_said_at_once(address: str) -> None:
    with pytest.raises(EndpointError, match="is not an address such as"):
        Subscriber(address)


def test_what_is_not_a_jpeg_is_not_published(live: LiveBroker, publisher: Publisher) -> None:
    """It is numbered all the same: a frame was captured, and is lost."""
    before = publisher.sequence

    with pytest.raises(WireError, match="not a whole JPEG"):
        publisher.publish(b"GIF89a")

    assert (publisher.sequence, publisher.counts.refused) == (before + 1, 1)


def test_frames_decode_when_asked(live: LiveBroker, publisher: Publisher) -> None:
    publish_first(publisher, jpeg(320, 243, 3))
    with Subscriber(live.site) as frames:
        frame = frames.read(READ_S)

    assert frame.image().shape == (243, 320, 3)
    assert frame.image() is frame.image()
    assert frame.gray().shape == (243, 320)
    assert frame.gray(1 / 4).shape == (61, 80)
    assert frame.gray(1 / 4).dtype == np.uint8
    with pytest.raises(ValueError, match="not a multiple of 1/8"):
        frame.gray(0.3)


def test_an_undecodable_picture_is_an_image_error(live: LiveBroker, publisher: Publisher) -> None:
    """It passes the wire, whose business is its size only, and says so when decoded."""
    whole = jpeg(64, 48, 1)
    tables_gone = whole[:2] + whole[whole.index(b"\xff\xc0") :]
    publish_first(publisher, tables_gone)

    with Subscriber(live.site) as frames:
        frame = frames.read(READ_S)
        with pytest.raises(ImageError, match="cannot be decoded"):
            frame.image()


def test_events_reach_their_subscribers(live: LiveBroker, publisher: Publisher) -> None:
    with Subscriber(live.site, "two", events=True) as frames:
        wait_until(lambda: bool(frames.cameras))
        started = publisher.event("motion", "start", details={"area": 0.25})
        publisher.event("motion", "end", id=started)
        got = [frames.read(READ_S) for _ in range(2)]

    assert [(e.id, e.kind, e.state) for e in got if isinstance(e, Event)] == [
        (started, "motion", "start"),
        (started, "motion", "end"),
    ]
    assert isinstance(got[0], Event)
    assert (got[0].source, got[0].camera, got[0].details) == ("one", "one", {"area": 0.25})


def test_an_open_event_reaches_a_new_subscriber(live: LiveBroker, publisher: Publisher) -> None:
    started = publisher.event("motion", "start")
    with Subscriber(live.site, "two", events=True) as early:
        event = early.read(READ_S)
    assert isinstance(event, Event)

    with Subscriber(live.site, "two", events=True) as late:
        event = late.read(READ_S)

    assert isinstance(event, Event)
    assert event.id == started


def test_statuses_of_all_nodes_are_there(live: LiveBroker, tmp_path: Path) -> None:
    with (
        Publisher(live.site, "one"),
        Subscriber(live.site, "two", statuses=True) as frames,
    ):
        wait_until(lambda: "broker" in frames.statuses)
        broker = frames.statuses["broker"].broker

    assert broker is not None
    cameras = broker.cameras
    assert set(cameras) == {"one", "two"}
    assert cameras["two"].state == "waiting"
    assert cameras["two"].age_ms is None

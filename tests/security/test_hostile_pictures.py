"""JPEGs that broke real decoders go the whole way: no crash, no hang, bounded, counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from camfan import Frame, Publisher, Subscriber, WireError
from camfan_nodes.monitor.board import ArrivedFrame, arrival_of
from camfan_nodes.motion.node import run as run_motion
from camfan_nodes.recorder.node import run as run_recorder
from camfan_nodes.viewer.decoder import decode
from camfan_testing.data import hostile_jpegs
from camfan_testing.jpegs import jpeg
from camfan_testing.live import LiveBroker, serving, wait_until
from camfan_testing.security import secure_site

EVERY = 20  # of the thousands, this many apart
SECTIONS = """
recorders: {archive: {path: recordings}}
motion: {yard: {cameras: [one]}}
"""


def broken() -> Iterator[bytes]:
    """Made here: cut, with bytes changed, with sizes that lie, and with nothing but a frame."""
    whole = jpeg(64, 48, 1)
    for at in range(2, len(whole) - 2, 37):
        yield whole[:at] + b"\xff\xd9"
        yield whole[:at] + b"\xff" + whole[at + 1 :]
        yield whole[:at] + b"\0\0" + whole[at + 2 :]
    start = whole.index(b"\xff\xc0")
    for size in (b"\xff\xff\xff\xff", b"\0\x01\0\x01", b"\x40\0\x0b\0"):
        yield whole[: start + 5] + size + whole[start + 9 :]


def test_broken_pictures_go_the_whole_way(tmp_path: Path) -> None:
    send_all(tmp_path, broken())


@pytest.mark.timeout(300)
def test_pictures_that_broke_decoders_go_the_whole_way(tmp_path: Path) -> None:
    send_all(tmp_path, (content for n, (_, content) in enumerate(hostile_jpegs()) if not n % EVERY))


def send_all(folder: Path, pictures: Iterable[bytes]) -> None:
    """Through camera, broker, recorder, motion and viewer; a good one behind them arrives."""
    site = secure_site(folder, "one", extra=SECTIONS, nodes=("archive", "yard"))
    with serving(site.path) as live:
        flow(live, pictures)


def flow(live: LiveBroker, pictures: Iterable[bytes]) -> None:
    stop = threading.Event()
    failed: list[BaseException] = []

    def watched(run: object, name: str) -> None:
        try:
            run(live.site, name, stop)  # type: ignore[operator]
        except BaseException as exc:
            failed.append(exc)
            raise

    nodes = [
        threading.Thread(target=watched, args=(run_recorder, "archive")),
        threading.Thread(target=watched, args=(run_motion, "yard")),
    ]
    for node in nodes:
        node.start()
    sent = refused = 0
    arrived: list[bytes] = []
    undecodable: list[int] = []

    def take() -> bool:
        frame = read(frames)
        if frame is not None:
            arrived.append(bytes(frame.jpeg))
            if not shown(frame):
                undecodable.append(frame.sequence)
        return frame is not None

    def last_is_good() -> bool:
        return take() and arrived[-1] == jpeg(64, 48, 7)

    try:
        with (
            Publisher(live.site, "one") as camera,
            Subscriber.every(live.site, "one") as frames,
        ):
            wait_until(lambda: camera.publish(jpeg()))
            wait_until(take)
            for picture in pictures:
                try:
                    wait_until(lambda p=picture: camera.publish(p))  # type: ignore[misc]
                    sent += 1
                except WireError:
                    refused += 1
                while take():
                    pass
            wait_until(lambda: camera.publish(jpeg(64, 48, 7)))
            wait_until(last_is_good)
            status = live.broker.board.statuses
            wait_until(lambda: "archive" in status and "yard" in status)
    finally:
        stop.set()
        for node in nodes:
            node.join(30)
    assert not failed
    assert not any(node.is_alive() for node in nodes)
    assert sent > 10
    assert refused > 5
    assert undecodable
    assert len(arrived) >= sent + 2  # and the good ones before and behind them


def read(frames: Subscriber[Frame]) -> Frame | None:
    with suppress(TimeoutError):
        return frames.read(0.0)
    return None


def shown(frame: Frame) -> bool:
    """As a viewer decodes it, for a tile and for the whole window; within bounds."""
    started = time.process_time()
    tile, whole = (
        decode(ArrivedFrame(frame, arrival_of(frame, 0.0)), w, h)
        for w, h in ((160, 120), (1280, 800))
    )
    assert time.process_time() - started < 20
    assert all(found.rgb is None or found.rgb.nbytes <= 150_000_000 for found in (tile, whole))
    return tile.rgb is not None and whole.rgb is not None

"""Sender and receiver of each peer, each used as its own documentation says, and of camfan.

A file that runs in the peer's virtual environment, where camfan is not: nothing of camfan is
imported at the top, and each library only by its own two functions. Everybody gets a picture as an
array (BGR) at a steady rate, encodes it at the same quality, and gives it as an array to a
consumer that needs this long for it.

`python -m camfan_bench.peer_ends ROLE JSON`
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from camfan_bench.counters import Command, Counters, Tally
from camfan_bench.tied import die_with_parent

QUALITY = 80
REST_S = 0.002
CELL = 16  # pixels, so that JPEG leaves the colour of each


class End(NamedTuple):
    """Settings of each end."""

    counters: str
    picture: str  # a .npy file: (height, width, 3), uint8, BGR
    fps: float
    work_s: float
    address: str  # where the frames are sent to
    second: str  # where they are read from, if that is another place


def due_pictures(end: End) -> Iterator[Any]:
    """The newest picture of a camera that captures at a steady rate, each at most once.

    A sender that is held up misses pictures, and then gets the newest one, which is as old as it
    is. When it was captured is written into its pixels: not everybody can send that beside it.
    """
    picture = np.load(end.picture)
    interval, taken = round(1e9 / end.fps), -1
    with Counters(Path(end.counters)) as counters:
        while counters.command() is Command.IDLE:
            time.sleep(REST_S)
        begun = time.monotonic_ns()
        while counters.command() is not Command.QUIT:
            since = time.monotonic_ns() - begun
            if since // interval == taken:
                time.sleep((interval - since % interval) / 1e9)
                continue
            taken = since // interval
            write_time(picture, begun + taken * interval)
            yield picture


def write_time(picture: Any, monotonic_ns: int) -> None:
    """Microseconds, 48 bits, as black and white cells in the top left corner."""
    cells = np.unpackbits(np.frombuffer((monotonic_ns // 1000).to_bytes(6, "big"), np.uint8))
    picture[:CELL, : 48 * CELL] = np.repeat(255 * cells, CELL)[None, :, None]


def read_time(picture: Any) -> int:
    """In ns again."""
    cells = picture[CELL // 2, CELL // 2 : 48 * CELL : CELL, 1] > 127
    return 1000 * int.from_bytes(np.packbits(cells).tobytes(), "big")


class Consumer:
    """What is done with each picture, and its age when that is done."""

    def __init__(self, end: End) -> None:
        self._tally = Tally(Counters(Path(end.counters)), 0)
        self._work_s = end.work_s

    def take(self, image: Any) -> None:
        if self._work_s:
            time.sleep(self._work_s)
        age_ns = time.monotonic_ns() - read_time(image)
        self._tally.add(0, self._tally.count, 0, age_ns)


def camfan_send(end: End) -> None:
    """Encoded as imagezmq's example does it, so that only the moving is compared."""
    import cv2

    from camfan import Publisher

    with Publisher(end.address, "cam0", ingest=end.second) as publisher:
        for picture in due_pictures(end):
            _, jpeg = cv2.imencode(".jpg", picture, [int(cv2.IMWRITE_JPEG_QUALITY), QUALITY])
            publisher.publish(jpeg.tobytes())


def camfan_receive(end: End) -> None:
    from camfan import Subscriber

    consumer = Consumer(end)
    with Subscriber(end.address) as frames:
        for frame in frames:
            consumer.take(frame.image())


def imagezmq_send(end: End, *, reply: bool = False) -> None:
    """`ImageSender.send_jpg`, as in its example `t1_send_images_via_jpg`."""
    import cv2
    import imagezmq

    sender = imagezmq.ImageSender(connect_to=end.address, REQ_REP=reply)
    for picture in due_pictures(end):
        _, jpeg = cv2.imencode(".jpg", picture, [int(cv2.IMWRITE_JPEG_QUALITY), QUALITY])
        sender.send_jpg("cam0", jpeg)


def imagezmq_receive(end: End, *, reply: bool = False) -> None:
    import cv2
    import imagezmq

    consumer = Consumer(end)
    place = end.address.replace("127.0.0.1", "*") if reply else end.address
    hub = imagezmq.ImageHub(open_port=place, REQ_REP=reply)
    while True:
        _, jpeg = hub.recv_jpg()
        image = cv2.imdecode(np.frombuffer(jpeg, dtype="uint8"), -1)
        consumer.take(image)
        if reply:
            hub.send_reply(b"OK")


def imagezmq_reqrep_send(end: End) -> None:
    imagezmq_send(end, reply=True)


def imagezmq_reqrep_receive(end: End) -> None:
    imagezmq_receive(end, reply=True)


def _netgear(end: End, *, receive: bool) -> Any:
    from vidgear.gears import NetGear

    host, _, port = end.address.removeprefix("tcp://").partition(":")
    options = {"jpeg_compression": True, "jpeg_compression_quality": QUALITY}
    return NetGear(address=host, port=port, receive_mode=receive, logging=False, **options)


def vidgear_send(end: End) -> None:
    """NetGear as it is by default (a PAIR of sockets), with its JPEG compression."""
    server = _netgear(end, receive=False)
    for picture in due_pictures(end):
        server.send(picture)


def vidgear_receive(end: End) -> None:
    client = _netgear(end, receive=True)
    consumer = Consumer(end)
    while (image := client.recv()) is not None:
        consumer.take(image)


def camera_stream_send(end: End) -> None:
    """`StreamPublisher`, its way for a camera loop that an application owns."""
    from camera_stream import StreamPublisher

    with StreamPublisher(end.second) as publisher:
        stream = publisher.open_stream(camera="cam0", codec="jpeg", jpeg_quality=QUALITY)
        for picture in due_pictures(end):
            stream.publish(picture)


def camera_stream_receive(end: End) -> None:
    from camera_stream import StreamClient

    consumer = Consumer(end)
    with StreamClient(end.address) as client:
        stream = client.subscribe("cam0/color", warm_up=False)
        while True:
            try:
                frame = stream.read(timeout=1)
            except TimeoutError:
                continue
            consumer.take(frame.image)


ROLES: dict[str, Callable[[End], None]] = {
    "camfan-send": camfan_send,
    "camfan-receive": camfan_receive,
    "imagezmq-send": imagezmq_send,
    "imagezmq-receive": imagezmq_receive,
    "imagezmq-reqrep-send": imagezmq_reqrep_send,
    "imagezmq-reqrep-receive": imagezmq_reqrep_receive,
    "vidgear-send": vidgear_send,
    "vidgear-receive": vidgear_receive,
    "camera-stream-send": camera_stream_send,
    "camera-stream-receive": camera_stream_receive,
}

if __name__ == "__main__":
    die_with_parent()
    ROLES[sys.argv[1]](End(**json.loads(sys.argv[2])))

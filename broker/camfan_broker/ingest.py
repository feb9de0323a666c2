"""What comes in from cameras: frames, and events of cameras that publish them there.

Every frame is checked; one that is refused is counted by sender and reason, and costs nobody else
anything.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping

import zmq

from camfan_broker.camera import Camera
from camfan_broker.ring import OVERHEAD_BYTES, Entry
from camfan_wire.errors import WireError
from camfan_wire.header import read_frame
from camfan_wire.topics import EVENTS, FRAMES, STATUSES, split_frame_topic

BATCH = 64  # messages taken before the other sockets get their turn


class Ingest:
    """The broker's XSUB; one call of `receive` takes what is there."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        cameras: Mapping[str, Camera],
        on_frame: Callable[[Camera, Entry], None],
        on_topic: Callable[[bytes, bytes], None],
    ) -> None:
        self._socket = socket
        self._cameras = cameras
        self._on_frame = on_frame
        self._on_topic = on_topic
        self.refused: Counter[str] = Counter()  # of nobody we know
        for prefix in (FRAMES, EVENTS, STATUSES):
            socket.send(b"\x01" + prefix)

    def receive(self) -> None:
        receive = self._socket.recv
        for _ in range(BATCH):
            try:
                topic = receive(zmq.DONTWAIT)
            except zmq.Again:
                return
            more = bool(self._socket.get(zmq.RCVMORE))
            if topic.startswith(FRAMES):
                self._frame(topic, more)
            else:
                self._other(topic, more)

    def _frame(self, topic: bytes, more: bool) -> None:
        """A refused frame is read to its end, so that the next message starts in its place."""
        socket = self._socket
        where = split_frame_topic(topic) if len(topic) < 128 else None
        camera = self._cameras.get(where[0]) if where else None
        try:
            if not more:
                raise WireError("bad-parts", "a topic alone")
            header_bytes = socket.recv()
            if not socket.get(zmq.RCVMORE):
                raise WireError("bad-parts", "a frame without a picture")
            jpeg = socket.recv(copy=False)
            if jpeg.more:
                self._drain()
                raise WireError("bad-parts", "a frame of more than three parts")
            if camera is None:
                raise WireError("unknown-camera" if where else "bad-topic", "no such camera")
            header = read_frame(topic, header_bytes, jpeg.buffer)
            camera.check_order(header)
        except WireError as exc:
            (self.refused if camera is None else camera.refused)[exc.reason] += 1
            return
        size = len(jpeg) + len(header_bytes) + OVERHEAD_BYTES
        entry = Entry(header, topic, header_bytes, jpeg, time.monotonic_ns(), size)
        camera.accept(entry)
        self._on_frame(camera, entry)

    def _other(self, topic: bytes, more: bool) -> None:
        body = self._socket.recv() if more else b""
        if more and self._socket.get(zmq.RCVMORE):
            self._drain()
            self.refused["bad-parts"] += 1
            return
        try:
            self._on_topic(topic, body)
        except WireError as exc:
            self.refused[exc.reason] += 1

    def _drain(self) -> None:
        while self._socket.get(zmq.RCVMORE):
            self._socket.recv(copy=False)

"""What comes in from cameras: frames, and events of cameras that publish them there.

Every frame is checked; one that is refused is counted by sender and reason, and costs nobody else
anything.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping

import zmq

from camfan_broker.access import ANYBODY, NOBODY, Access
from camfan_broker.camera import Camera
from camfan_broker.rights import Rights
from camfan_broker.ring import Entry
from camfan_wire.errors import WireError
from camfan_wire.header import decode_header
from camfan_wire.sockets import has_input
from camfan_wire.topics import EVENTS, FRAMES, LAYERS, STATUSES, frame_topic, layer_of

BATCH = 64  # messages taken before the other sockets get their turn


class Ingest:
    """The broker's XSUB; one call of `receive` takes what is there."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        on_frame: Callable[[Camera, Entry], None],
        on_topic: Callable[[bytes, bytes, Rights], None],
        access: Access,
    ) -> None:
        self._socket = socket
        self._on_frame = on_frame
        self._on_topic = on_topic
        self._access = access if access.keyed else None
        self._routes: dict[bytes, tuple[Camera, int]] = {}  # by topic: camera and layer
        self._layers: dict[str, int] = {}  # how many we subscribe to, by camera
        self.refused: Counter[str] = Counter()  # of nobody we know
        for prefix in (EVENTS, STATUSES):
            socket.send(b"\x01" + prefix)

    def take_cameras(self, cameras: Mapping[str, Camera]) -> None:
        """From now on, frames of these cameras are taken."""
        self._routes = {
            frame_topic(name, layer): (camera, layer)
            for name, camera in cameras.items()
            for layer in range(LAYERS)
        }
        for name in [name for name in self._layers if name not in cameras]:
            self.want(name, 0)
            del self._layers[name]

    def want(self, camera: str, layers: int) -> None:
        """Subscribe to so many layers of a camera, and no more: ZeroMQ filters at the camera."""
        had = self._layers.get(camera, 0)
        self._layers[camera] = layers
        for layer in range(had, layers):
            self._socket.send(b"\x01" + frame_topic(camera, layer))
        for layer in range(layers, had):
            self._socket.send(b"\x00" + frame_topic(camera, layer))

    def receive(self) -> None:
        socket = self._socket
        for _ in range(BATCH):
            if not has_input(socket):
                return
            first = socket.recv(copy=False)
            topic = first.bytes
            if topic.startswith(FRAMES):
                self._frame(topic, more=first.more)
            else:
                self._other(topic, more=first.more)

    def _frame(self, topic: bytes, *, more: bool) -> None:
        """A refused frame is read to its end, so that the next message starts in its place."""
        camera, layer = self._routes.get(topic) or (None, 0)
        try:
            text, jpeg = self._parts(more=more)
            if camera is None:
                raise WireError("unknown-camera", f"no camera has the topic {topic[:80]!r}")
            if self._access is not None:
                self._access.check_publishes(jpeg, camera.name)
            header = decode_header(text, camera.name, camera.run)
            if header.camera != camera.name or layer_of(header.sequence) != layer:
                raise WireError("bad-topic", f"topic {topic!r} is not that of its header")
            check_picture(camera, header.size, header.width, header.height, jpeg.buffer)
            camera.check_order(header)
        except WireError as exc:
            (self.refused if camera is None else camera.refused)[exc.reason] += 1
            return
        self._on_frame(camera, camera.accept(header, layer, text, jpeg, time.monotonic_ns()))

    def _parts(self, *, more: bool) -> tuple[bytes, zmq.Frame]:
        """Header and picture."""
        if not more:
            raise WireError("bad-parts", "a topic alone")
        second = self._socket.recv(copy=False)
        if not second.more:
            raise WireError("bad-parts", "a frame without a picture")
        jpeg = self._socket.recv(copy=False)
        if jpeg.more:
            self._drain()
            raise WireError("bad-parts", "a frame of more than three parts")
        return second.bytes, jpeg

    def _other(self, topic: bytes, *, more: bool) -> None:
        body = self._socket.recv(copy=False) if more else None
        if body is None or body.more:
            self._drain()
            self.refused["bad-parts"] += 1
            return
        rights = ANYBODY if self._access is None else NOBODY
        try:
            if self._access is not None:
                rights = self._access.sender(body, "ingest")
            self._on_topic(topic, body.bytes, rights)
        except WireError as exc:
            self.refused[exc.reason] += 1
            if self._access is not None:
                self._access.tell(rights, exc)

    def _drain(self) -> None:
        while self._socket.get(zmq.RCVMORE):
            self._socket.recv(copy=False)


def check_picture(camera: Camera, size: int, width: int, height: int, jpeg: memoryview) -> None:
    """Raises WireError for a picture that is not as its header says."""
    if size != len(jpeg):
        raise WireError("bad-size", f"{len(jpeg)} bytes of JPEG; the header says {size}")
    found = camera.sizes.picture_size(jpeg)
    if found != (width, height):
        raise WireError(
            "bad-size", f"a JPEG of {found[0]}x{found[1]}; the header says {width}x{height}"
        )

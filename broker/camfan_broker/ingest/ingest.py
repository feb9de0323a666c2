"""The ingest port: frames from cameras, and events and statuses of clients that publish them here.

Every frame is checked. One that is rejected is counted by camera and reason, and costs the other
cameras nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

import zmq

from camfan_broker.access.access import NO_RIGHTS, AccessControl
from camfan_broker.access.board import NoticeBoard
from camfan_broker.access.budget import TOO_FAST
from camfan_broker.access.suspensions import SUSPENDED
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.camera.cameras import CameraTable
from camfan_broker.camera.demand import subscribed_layers
from camfan_broker.delivery.claims import PublisherClaims
from camfan_broker.loop.draining import Drain
from camfan_wire.errors import WireError
from camfan_wire.messages import Demand
from camfan_wire.sockets import NOT_COPIED, has_input, receive
from camfan_wire.topics import EVENTS, FRAMES, LAYERS, STATUSES, frame_topic

BATCH = 64  # messages taken before the other sockets are served


class Ingest:
    """The broker's XSUB; one call of `receive` takes what is there."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        cameras: CameraTable,
        board: NoticeBoard,
        access: AccessControl,
        claims: PublisherClaims,
    ) -> None:
        self._socket = socket
        self._claims = claims
        self._cameras = cameras
        self._board = board
        self._access = access
        self._routes: dict[bytes, TrackedCamera] = {}  # by topic
        self._own: frozenset[str] = frozenset()  # cameras that are taken here
        self._layers: dict[str, int] = {}  # layers that are subscribed to, by camera
        self._rest = Drain(socket)
        self.touched = True  # see `Poller`
        self.taken = 0  # messages
        self.refused: Counter[str] = Counter()  # messages of no known camera, by reason
        for prefix in (EVENTS, STATUSES):
            socket.send(b"\x01" + prefix)

    def take_cameras(self, names: Iterable[str]) -> None:
        """Accept frames of these cameras only."""
        cameras = {name: self._cameras[name] for name in names}
        self._routes = {
            frame_topic(name, layer): camera
            for name, camera in cameras.items()
            for layer in range(LAYERS)
        }
        for name in [name for name in self._layers if name not in cameras]:
            self._subscribe(name, 0)
            del self._layers[name]
        self._own = frozenset(cameras)

    def demand_changed(self, camera: TrackedCamera, demand: Demand) -> None:
        """Subscribe to what is wanted of a camera that is taken here."""
        if camera.name in self._own:
            layers = subscribed_layers(demand)
            self._subscribe(camera.name, layers)
            camera.listens_to(layers, time.monotonic_ns())

    def _subscribe(self, camera: str, layers: int) -> None:
        """Subscribe to the first layers of a camera, and no more: ZeroMQ filters at the camera."""
        had = self._layers.get(camera, 0)
        self._layers[camera] = layers
        self.touched = True
        for layer in range(had, layers):
            self._socket.send(b"\x01" + frame_topic(camera, layer))
        for layer in range(layers, had):
            self._socket.send(b"\x00" + frame_topic(camera, layer))

    def receive(self) -> None:
        socket = self._socket
        for _ in range(BATCH):
            if self._rest.active and not self._rest.run():
                break
            if not has_input(socket):
                self.touched = False
                return
            first = receive(socket, 0, NOT_COPIED)
            self.taken += 1
            topic = first.bytes
            camera = self._routes.get(topic)
            if camera is not None:
                self._frame(camera, topic, first)
            elif topic.startswith(FRAMES):
                self._access.count_message(first)
                self._access.charge_refused(first, "ingest")
                self._rest.start(first)
                self.refused["unknown-camera"] += 1
            else:
                self._other(topic, first)
        self.touched = True

    def _frame(self, camera: TrackedCamera, topic: bytes, first: zmq.Frame) -> None:
        """Read a whole frame, also one that is rejected: the next message comes behind it."""
        socket = self._socket
        jpeg = first
        try:
            if not first.more:
                self._access.count_message(first)
                raise WireError("bad-parts", "a topic alone")
            second = receive(socket, 0, NOT_COPIED)
            if not second.more:
                self._access.count_message(first)
                raise WireError("bad-parts", "a frame without a JPEG")
            jpeg = receive(socket, 0, NOT_COPIED)
            if jpeg.more:
                self._too_many_parts(jpeg)
                raise WireError("bad-parts", "a frame of more than three parts")
            if self._access.keyed:
                self._access.check_publishes(jpeg, camera.name)
            text = second.bytes
            header = camera.frame_check.read(topic, text, jpeg.buffer, self._access.limits)
            camera.check_order(header)
            if header.run != camera.run:
                self._claims.check(camera, header, jpeg)
                camera.located = False
        except WireError as exc:
            self._refuse(camera, exc, jpeg)
            return
        if not camera.located:
            self._claims.began(camera, jpeg)
        self._cameras.accept(camera, header, text, jpeg)

    def _refuse(self, camera: TrackedCamera, error: WireError, part: zmq.Frame) -> None:
        if error.reason == SUSPENDED:  # which says nothing of the camera
            self.refused[error.reason] += 1
            return
        camera.refuse(error, time.monotonic_ns())
        if error.reason != "not-allowed":  # which is logged already, of the key that tried it
            self._access.refusals.log(f"frames of {camera.name}", f"are refused: {error}")
        self._access.charge_refused(part, "ingest")

    def _other(self, topic: bytes, first: zmq.Frame) -> None:
        body = receive(self._socket, 0, NOT_COPIED) if first.more else None
        if body is None or body.more:
            self.refused["bad-parts"] += 1
            if body is None:
                self._access.count_message(first)
                self._access.charge_refused(first, "ingest")
            else:
                self._too_many_parts(body)
            return
        rights = NO_RIGHTS
        try:
            if len(body) > self._access.limits.message:
                self._access.count_message(body)
                raise WireError("bad-message", f"{len(body)} bytes")
            rights = self._access.sender(body, "ingest")
            self._access.charge_notice(rights, len(body))
            self._board.post(topic, body.bytes, rights)
        except WireError as exc:
            self.refused[exc.reason] += 1
            self._access.count_denied(rights, exc)
            if exc.reason not in (TOO_FAST, SUSPENDED):
                self._access.charge_refused(body, "ingest")

    def _too_many_parts(self, part: zmq.Frame) -> None:
        self._access.count_message(part)
        self._access.offend(part, "bad-parts", "sent a message of more than three parts")
        self._rest.start(part)

"""The fan-out port: frames, events and statuses for any ZeroMQ SUB.

A slow reader loses the newest frames, by ZeroMQ's rule, and no other reader does; the sequence
numbers show what it lost. A new subscriber gets the newest frame at once, and no other one gets
that frame twice.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

import zmq

from camfan_broker.access.access import AccessControl
from camfan_broker.access.budget import TOO_FAST
from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.camera.demand import DemandTable, Wishes
from camfan_broker.camera.ring import RingEntry
from camfan_broker.fanout.subscriptions import FanoutSubscriptions
from camfan_broker.loop.draining import Drain
from camfan_broker.loop.poller import SLICE_NS
from camfan_wire.errors import WireError
from camfan_wire.sockets import COPIED, NOT_COPIED, SNDMORE, has_input, receive, send
from camfan_wire.topics import FRAMES, LAYERS, NAME, frame_topic

# libzmq looks once in a millisecond what has left its queues: at thousands of frames a second a
# queue would seem full before it is.
ASK_EVERY = 16
SUBSCRIPTION = 0.1  # requests: a client may subscribe to a hundred topics at once
BATCH = 256  # subscriptions taken before the other sockets are served


class Fanout:
    """The broker's XPUB, in manual mode with last-value sends (ZMQ_XPUB_MANUAL_LAST_VALUE)."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        cameras: Mapping[str, TrackedCamera],
        demands: DemandTable,
        access: AccessControl,
    ) -> None:
        self._socket = socket
        self._cameras = cameras
        self._demands = demands
        self.subscriptions = FanoutSubscriptions()
        self.refused: Counter[str] = Counter()
        self._access = access
        self._rest = Drain(socket)
        self.touched = True  # see `Poller`
        self.sent = 0

    def frame_came(self, camera: TrackedCamera, entry: RingEntry) -> None:  # noqa: ARG002 - a topic says it
        """Send a frame to its subscribers; one that is slow loses the newest."""
        self._send_frame(entry)

    def _send_frame(self, entry: RingEntry) -> None:
        if not self.subscriptions.any_frames:
            return
        socket = self._socket
        send(socket, entry.topic, SNDMORE, NOT_COPIED)
        send(socket, entry.text, SNDMORE, COPIED)
        send(socket, entry.jpeg, 0, NOT_COPIED)
        self.sent += 1
        self.touched = True
        if not self.sent % ASK_EVERY:
            has_input(socket)

    def topic_came(self, topic: bytes, body: bytes, about: str | None) -> None:  # noqa: ARG002 - a topic says it
        """Send an event or a status to its subscribers."""
        self.touched = True
        self._socket.send(topic, zmq.SNDMORE)
        self._socket.send(body)

    def receive(self) -> None:
        """Take the subscriptions that are there, as far as others do not have to wait for it."""
        until_ns = time.monotonic_ns() + SLICE_NS
        for _ in range(BATCH):
            if time.monotonic_ns() > until_ns:
                break
            if self._rest.active and not self._rest.run():
                break
            self.touched = False
            if not has_input(self._socket):
                return
            event = receive(self._socket, 0, NOT_COPIED)
            self._subscription(event, event.bytes)
            self._demands.is_stale = True
        self.touched = True

    def wishes(self, camera: str, fps: float | None) -> Wishes:  # noqa: ARG002 - layers are asked for here
        """The layers of a camera that have subscribers, and all frames of them."""
        wanted = (n for n in range(LAYERS) if self.subscriptions.matches(frame_topic(camera, n)))
        layers = max(wanted, default=-1) + 1
        return Wishes(layers, rate=None if layers else 0.0)

    def _subscription(self, event: zmq.Frame, said: bytes) -> None:
        kind, prefix = said[:1], said[1:]
        self._access.count_message(event)
        if event.more or kind not in (b"\x00", b"\x01"):
            self._access.offend(event, "bad-message", "sent a message that is not a subscription")
            self._rest.start(event)
        elif kind == b"\x01":
            newest = self._newest_frame(self._grant(event, prefix))
            if newest is not None:
                self._send_frame(newest)
                return
        elif kind == b"\x00":
            self._charge(event)
            for granted in self.subscriptions.left(event, prefix):
                self._socket.setsockopt(zmq.UNSUBSCRIBE, granted)
        # The next send goes to the sender of this event only. This one matches no topic of ours.
        self._socket.send(b"\x00")

    def _grant(self, event: zmq.Frame, asked: bytes) -> tuple[bytes, ...]:
        """Grant exactly the part of a subscription that its sender is permitted to see."""
        limits = self._access.limits
        try:
            rights = self._access.sender(event, "fanout")
            self._access.charge_request(rights, SUBSCRIPTION)
            if len(asked) > limits.topic or self.subscriptions.asks(event) >= limits.subscriptions:
                self._access.end(event)
                raise self._access.denial(rights, "subscribes to too much", "too-many")
            granted = rights.permitted(asked)
            self.subscriptions.joined(event, asked, granted)
            if not granted:
                shown = asked[:80].decode("ascii", "replace")
                raise self._access.denial(rights, f"may not see {shown!r}")
        except WireError as exc:
            self.refused[exc.reason] += 1
            if exc.reason == TOO_FAST:
                self._access.end(event)
            return ()
        for prefix in granted:
            self._socket.setsockopt(zmq.SUBSCRIBE, prefix)
        return granted

    def _charge(self, event: zmq.Frame) -> None:
        """Ending a subscription costs a key as much as beginning one."""
        try:
            self._access.charge_request(self._access.sender(event, "fanout"), SUBSCRIPTION)
        except WireError as exc:  # also where a connection has ended, and libzmq says so
            if exc.reason == TOO_FAST:
                self._access.end(event)

    def _newest_frame(self, granted: tuple[bytes, ...]) -> RingEntry | None:
        """The newest frame that a subscription to one camera, or to one layer of it, matches."""
        if len(granted) != 1 or not granted[0].startswith(FRAMES):
            return None
        prefix = granted[0]
        name = prefix[len(FRAMES) :].partition(b"/")[0].decode("ascii", "replace")
        camera = self._cameras.get(name) if NAME.fullmatch(name) else None
        if camera is None:
            return None
        found = [e for e in camera.newest_by_layer if e and e.topic.bytes.startswith(prefix)]
        return max(found, key=lambda entry: entry.received_ns, default=None)

"""The broker's side of the wire, as a test needs it: reads a camera, sends what the test wants.

Real sockets, and nothing but the protocol: what a camera is asked here, any broker may ask.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import zmq

from camfan_testing.frames import read_frame
from camfan_testing.live import WAIT_S
from camfan_wire import messages
from camfan_wire.clock import SiteClock
from camfan_wire.figures import PublisherFigures
from camfan_wire.header import Header, Position, decode_header
from camfan_wire.messages import Gap, Repaired
from camfan_wire.sockets import Role, bind, open_socket

LISTENS = (b"frame/",)
RECEIPT_S = 1.0


@dataclass(slots=True)
class Answer:
    """What came back for one `repair`, in the order in which it came."""

    told: list[tuple[Header, bytes] | Gap] = field(default_factory=list)
    done: bool | None = None

    @property
    def frames(self) -> list[tuple[Header, bytes]]:
        return [item for item in self.told if not isinstance(item, Gap)]

    @property
    def gaps(self) -> list[tuple[int, int | None, str]]:
        return [(item.first, item.last, item.reason) for item in self.told if isinstance(item, Gap)]

    @property
    def sequences(self) -> list[int]:
        return [header.sequence for header, _ in self.frames]


class Peer:
    """Ingest and delivery of a broker, on two ports of its own; belongs to the test's thread."""

    def __init__(
        self,
        *,
        ingest: str = "tcp://127.0.0.1:*",
        delivery: str = "tcp://127.0.0.1:*",
        listens: tuple[bytes, ...] = LISTENS,
    ) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._ingest = open_socket(self._context, Role.INGEST)
        self._delivery = open_socket(self._context, Role.DELIVERY)
        self.ingest = bind(self._ingest, ingest)
        self.delivery = bind(self._delivery, delivery)
        self._clock = SiteClock()
        self._broker = f"{time.monotonic_ns():016x}"[-16:]
        self._poller = zmq.Poller()
        for socket in (self._ingest, self._delivery):
            self._poller.register(socket, zmq.POLLIN)
        self._listens: set[bytes] = set()
        self.listen(*listens)
        self.identity: bytes | None = None  # of the camera
        self.hello: messages.Hello | None = None
        self.frames: list[tuple[Header, bytes]] = []  # by way of ingest
        self.frame_at: list[float] = []  # monotonic seconds at which they came
        self.late: list[tuple[Header, bytes]] = []
        self.statuses: list[messages.Status] = []
        self.said: list[Any] = []  # other control messages of the camera
        self.receipts = False  # whether the camera gets receipts
        self._receipt_due = 0.0
        self._answers: dict[str, Answer] = {}
        self._current: Answer | None = None

    def listen(self, *prefixes: bytes) -> None:
        """Subscribe to these topics of the camera, and no others."""
        for gone in self._listens - set(prefixes):
            self._ingest.send(b"\x00" + gone)
        for new in set(prefixes) - self._listens:
            self._ingest.send(b"\x01" + new)
        self._listens = set(prefixes)

    def serve(self, seconds: float = 0.01) -> None:
        """Take what has come, waiting for it this long."""
        for socket, _ in self._poller.poll(round(seconds * 1000)):
            while True:
                try:
                    parts = socket.recv_multipart(zmq.DONTWAIT)
                except zmq.Again:
                    break
                if socket is self._ingest:
                    self.frames.append((read_frame(parts), parts[2]))
                    self.frame_at.append(time.monotonic())
                else:
                    self._peer_says(parts[0], parts[1:])
        if self.receipts and self.frames and self.identity and time.monotonic() > self._receipt_due:
            self._receipt_due = time.monotonic() + RECEIPT_S
            self._send_receipt()

    def _send_receipt(self) -> None:
        newest = self.frames[-1][0]
        count = sum(header.run == newest.run for header, _ in self.frames)
        self.say(
            messages.Receipt(
                camera=newest.camera, run=newest.run, sequence=newest.sequence, frames=count
            )
        )

    def serve_until(self, condition: Callable[[], object], timeout: float = WAIT_S) -> None:
        """Serve until it is true; fails the test after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true"
            self.serve()

    def say(self, message: messages.FromBroker) -> None:
        assert self.identity is not None
        self._delivery.send_multipart([self.identity, messages.encode(message)])

    def repair(
        self,
        camera: str,
        after: Position,
        before: Position | None = None,
        *,
        frames: int = 64,
        id: str = "r",  # noqa: A002 - the word of the protocol
    ) -> Answer:
        """Ask, and serve until the answer has ended."""
        answer = self._answers[id] = self._current = Answer()
        self.say(messages.Repair(camera=camera, id=id, after=after, before=before, frames=frames))
        self.serve_until(lambda: answer.done is not None)
        return answer

    @property
    def figures(self) -> PublisherFigures:
        """The newest figures of the camera."""
        return self.statuses[-1].publisher or PublisherFigures()

    def _peer_says(self, identity: bytes, parts: list[bytes]) -> None:
        if parts == [b""]:
            self._welcome(identity)
        elif len(parts) == 2:
            if parts[0].startswith(b"status/"):
                self.statuses.append(messages.decode_status(parts[1]))
        elif len(parts) == 3:
            frame = (read_frame(parts), parts[2])
            assert decode_header(parts[1]).late
            self.late.append(frame)
            if self._current is not None:
                self._current.told.append(frame)
        else:
            self._control(identity, messages.decode_to_broker(parts[0]))

    def _welcome(self, identity: bytes) -> None:
        welcome = messages.Welcome(protocol=1, site="test", broker=self._broker, camfan="0")
        self._reply(identity, welcome)

    def _reply(self, identity: bytes, message: messages.FromBroker) -> None:
        try:
            self._delivery.send_multipart([identity, messages.encode(message)])
        except zmq.ZMQError as exc:
            if exc.errno != zmq.EHOSTUNREACH:  # it has left meanwhile
                raise

    def _control(self, identity: bytes, message: messages.ToBroker) -> None:
        match message:
            case messages.Hello():
                self.identity, self.hello = identity, message
            case messages.Probe():
                now = self._clock.now_ns()
                echo = messages.Echo(sent=message.sent, received=now, replied=now, epoch=0)
                self._reply(identity, echo)
            case Gap() if self._current is not None:
                self._current.told.append(message)
            case Repaired():
                self._answers[message.id].done = message.done
            case _:
                self.said.append(message)

    def close(self) -> None:
        self._ingest.close()
        self._delivery.close()
        self._context.term()

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

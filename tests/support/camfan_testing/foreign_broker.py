"""The broker of another site, played by a test: it can send frames that a real one would reject."""

from __future__ import annotations

import threading
from types import TracebackType

import zmq

from camfan_testing.live import wait_until
from camfan_wire import messages
from camfan_wire.clock import SiteClock
from camfan_wire.sockets import Role, bind, open_socket

SITE = "abroad"


class ForeignBroker:
    """Answers links on a thread of its own; `send` sends frames to the link of a name."""

    def __init__(self) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = open_socket(self._context, Role.DELIVERY)
        self.delivery = bind(self._socket, "tcp://127.0.0.1:*")
        self._clock = SiteClock()
        self._names: dict[bytes, str] = {}  # by routing id
        self.wishes: dict[str, messages.Subscribe] = {}  # what each link asked for last
        self.archive: dict[int, list[bytes]] = {}  # frames for a link that fetches, by sequence
        self._outbox: list[tuple[str, list[bytes]]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="foreign broker")
        self._thread.start()

    def wait_for(self, link: str, camera: str) -> None:
        """Until the link of this name has subscribed to the camera."""
        wait_until(lambda: link in self.wishes and camera in self.wishes[link].cameras)

    def send(self, link: str, *frames: list[bytes]) -> None:
        self._outbox += [(link, frame) for frame in frames]

    def _run(self) -> None:
        while not self._stop.is_set():
            while self._outbox:
                link, parts = self._outbox.pop(0)
                (identity,) = (i for i, name in self._names.items() if name == link)
                self._socket.send_multipart([identity, *parts])
            if self._socket.poll(5):
                identity, *parts = self._socket.recv_multipart()
                if len(parts) == 1:
                    self._answer(identity, parts[0])

    def _answer(self, identity: bytes, body: bytes) -> None:
        if not body:
            self._say(
                identity, messages.Welcome(protocol=1, site=SITE, broker="b" * 16, camfan="0")
            )
            return
        match messages.decode_to_broker(body):
            case messages.Hello(name=name):
                self._names[identity] = name
            case messages.Probe(sent=sent):
                now = self._clock.now_ns()
                self._say(identity, messages.Echo(sent=sent, received=now, replied=now, epoch=0))
            case messages.Heartbeat():
                self._say(identity, messages.Heartbeat())
            case messages.Subscribe() as wishes:
                self._say(identity, messages.Ready(cameras=wishes.cameras))
                self.wishes[self._names[identity]] = wishes
                if wishes.mode == "every":
                    self._fetched(identity, wishes)

    def _fetched(self, identity: bytes, wishes: messages.Subscribe) -> None:
        """Frames of the archive behind what the link has, as far as its credit goes."""
        after = max(position.sequence for position in wishes.since.values())
        wanted = [self.archive[sequence] for sequence in sorted(self.archive) if sequence > after]
        for parts in wanted[: wishes.credit]:
            self._socket.send_multipart([identity, *parts])

    def _say(self, identity: bytes, message: messages.FromBroker) -> None:
        self._socket.send_multipart([identity, messages.encode(message)])

    def __enter__(self) -> ForeignBroker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()
        self._context.term()

"""A frame that a reader cannot decode costs it that frame, and never its credit."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest
import zmq

from camfan import Frame, Gap, Subscriber
from camfan_testing.jpegs import jpeg
from camfan_testing.security import frame
from camfan_wire import messages
from camfan_wire.messages import PROTOCOL

RUN = "0123456789abcdef"
FRAMES = 300  # many times the credit of a reader


class NewerBroker(threading.Thread):
    """A broker that sends frames by credit; two of three have a header of a later version."""

    def __init__(self) -> None:
        super().__init__(name="newer broker", daemon=True)
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.endpoint = f"tcp://127.0.0.1:{port}"
        self._ended = False
        self.sent = 0

    def run(self) -> None:
        credit = 0
        while not self._ended:
            if not self._socket.poll(20):
                continue
            identity, *parts = self._socket.recv_multipart()
            credit += self._answer(identity, parts)
            while credit > 0 and self.sent < FRAMES:
                self._send_frame(identity)
                credit -= 1

    def _answer(self, identity: bytes, parts: list[bytes]) -> int:
        """Credit that this message gives."""
        if parts == [b""]:
            self._say(
                identity,
                messages.Welcome(protocol=PROTOCOL, site="s", broker="b" * 16, camfan="9"),
            )
            return 0
        message = messages.decode_to_broker(parts[0]) if len(parts) == 1 else None
        if isinstance(message, messages.Subscribe):
            self._say(identity, messages.Ready(cameras=["porch"]))
            return message.credit
        return message.frames if isinstance(message, messages.Credit) else 0

    def _send_frame(self, identity: bytes) -> None:
        parts = frame("porch", self.sent, RUN)
        if self.sent % 3:
            parts[1] = json.dumps({**json.loads(parts[1]), "version": 2}).encode()
        self._socket.send_multipart([identity, *parts])
        self.sent += 1

    def _say(self, identity: bytes, message: messages.FromBroker) -> None:
        self._socket.send_multipart([identity, messages.encode(message)])

    def close(self) -> None:
        self._ended = True
        self.join()
        self._socket.close()
        self._context.term()


@pytest.fixture
def newer() -> Iterator[NewerBroker]:
    broker = NewerBroker()
    broker.start()
    yield broker
    broker.close()


def test_a_reader_of_the_newest_is_not_deaf(newer: NewerBroker) -> None:
    """It gets the last readable frame, long after its first credit would have been used up."""
    with Subscriber(newer.endpoint, ["porch"]) as frames:
        while True:
            item = frames.read(timeout=20)
            if item.sequence == FRAMES - 3:
                break


def test_a_reader_of_every_frame_gets_the_gap(
    newer: NewerBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """All readable frames come, and between them a gap with the reason; one line in the log."""
    sequences: list[int] = []
    gaps: list[tuple[int, int | None, str]] = []
    with Subscriber.every(newer.endpoint, ["porch"], events=True) as frames:
        while not sequences or sequences[-1] < FRAMES - 3:
            item = frames.read(timeout=20)
            if isinstance(item, Frame):
                sequences.append(item.sequence)
                assert bytes(item.jpeg) == jpeg(64, 48, item.sequence % 5)
            elif isinstance(item, Gap):
                gaps.append((item.first, item.last, item.reason))
    assert sequences == list(range(0, FRAMES - 2, 3))
    assert gaps == [(n + 1, n + 2, "unreadable") for n in range(0, FRAMES - 3, 3)]
    assert sum("cannot be read" in record.message for record in caplog.records) == 1

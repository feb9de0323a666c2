"""How the broker's loop waits: sockets with input are received from, and no others are asked."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
import zmq

from camfan_broker.loop.poller import Poller
from camfan_wire.sockets import has_input

LONG_MS = 20_000  # a round that waits for this long has failed


class Ear:
    """One end of a pair of sockets, and what it has heard."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self.socket, self.other = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
        port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.other.connect(f"tcp://127.0.0.1:{port}")
        self.touched = False
        self.asked = 0
        self.heard: list[bytes] = []

    def receive(self) -> None:
        self.touched = False
        self.asked += 1
        while has_input(self.socket):
            self.heard.append(self.socket.recv())

    def send(self) -> None:
        self.touched = True
        self.socket.send(b"to the other")


class Drained:
    """An ordinary socket, of which one byte is taken at a time."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def receive(self) -> None:
        self._end.recv(1)


@pytest.fixture
def ears() -> Iterator[tuple[Ear, Ear]]:
    with zmq.Context() as context:
        both = Ear(context), Ear(context)
        yield both
        for ear in both:
            ear.socket.close(0)
            ear.other.close(0)


def polling(ears: tuple[Ear, ...]) -> Poller:
    """A poller that has asked all of them once."""
    poller = Poller()
    for ear in ears:
        poller.add_socket(ear.socket.fileno(), ear)
    for ear in ears:  # until the connections stand, which also wakes
        ear.other.send(b"first")
        while not ear.heard:
            poller.run_once(LONG_MS)
    while any(ear.touched for ear in ears):
        poller.run_once(0)
    return poller


def test_only_a_socket_that_has_signalled_is_asked(ears: tuple[Ear, Ear]) -> None:
    one, two = ears
    poller = polling(ears)
    before = two.asked

    one.other.send(b"hello")
    poller.run_once(LONG_MS)

    assert one.heard == [b"first", b"hello"]
    assert two.asked == before


def test_a_round_without_input_asks_no_socket(ears: tuple[Ear, Ear]) -> None:
    poller = polling(ears)
    before = [ear.asked for ear in ears]

    poller.run_once(1)

    assert [ear.asked for ear in ears] == before


def test_what_came_before_a_send_on_the_same_socket_is_heard(ears: tuple[Ear, Ear]) -> None:
    """libzmq takes the signal of the descriptor during the send, and never gives it again."""
    one, _ = ears
    poller = polling(ears)

    for number in range(50):
        one.other.send(str(number).encode())
        deadline = time.monotonic() + 10
        while not has_input(one.socket):  # which takes the signal as well
            assert time.monotonic() < deadline
        one.send()
        poller.run_once(LONG_MS)
        assert one.heard[-1] == str(number).encode()

    assert one.heard[1:] == [str(number).encode() for number in range(50)]


def test_a_socket_that_is_touched_in_a_round_is_asked_before_the_next_wait(
    ears: tuple[Ear, Ear],
) -> None:
    one, two = ears
    poller = polling(ears)
    pair = socket.socketpair()
    poller.add_descriptor(pair[0].fileno(), Drained(pair[0]))
    with pair[0], pair[1]:
        before = one.asked, two.asked
        pair[1].send(b"\0")
        poller.run_once(LONG_MS)
        assert (one.asked, two.asked) == before

        poller.ask_all()
        poller.run_once(LONG_MS)
        assert (one.asked, two.asked) == (before[0] + 1, before[1] + 1)

"""Senders and receivers of a run: each a process of its own, as fast as pyzmq goes.

`python -m camfan_bench.loads ROLE JSON`. What a process has done stands in the shared counters.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import zmq

from camfan_bench.counters import Command, Counters, Tally
from camfan_bench.frames import Stream, jpeg_of_size
from camfan_bench.tied import die_with_parent
from camfan_wire import messages
from camfan_wire.keys import ClientKeys, apply, read_pair, read_public
from camfan_wire.sockets import Role, open_socket

Socket = zmq.Socket[bytes]

PRIME_S = 0.02
REST_S = 0.002  # between looks at a command that is not ours
WINDOW_REST_S = 20e-6  # between looks at the slowest sink
HEARTBEAT_NS = 1_000_000_000


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a process; each role reads what it needs."""

    counters: str
    index: int = 0  # of this source, or of this sink
    endpoint: str = ""
    camera: str = "cam0"
    topic: str = "frame/"  # (fanout)
    sinks: int = 0
    size: int = 100_000
    window: int = 24  # frames under way (flood)
    fps: float = 30.0  # (paced)
    mode: str = "latest"  # (delivery)
    credit: int = 16
    back: int = 1  # credit is given back this many at a time
    work_s: float = 0.0  # what the consumer needs for a frame
    keys: str = ""  # folder of the site's keys
    name: str = ""  # whose key this one comes with; empty: none


def flood(task: Task) -> None:
    """A source that is always ahead of the slowest sink, by no more than the window."""
    stream = Stream(task.camera, jpeg_of_size(task.size))
    socket = _publisher(task)
    with Counters(Path(task.counters)) as counters:
        while (command := counters.command()) is not Command.QUIT:
            if command is Command.IDLE:
                time.sleep(REST_S)
                continue
            if command is Command.PRIME:
                _send(socket, stream, counters, task.index)
                time.sleep(PRIME_S)
                continue
            allowed = counters.slowest(task.sinks) + 1 + task.window
            if stream.sequence >= allowed:
                time.sleep(WINDOW_REST_S)
            while stream.sequence < allowed:
                _send(socket, stream, counters, task.index)


def paced(task: Task) -> None:
    """A source at a steady rate, from the first command until the last: cameras do not pause."""
    stream = Stream(task.camera, jpeg_of_size(task.size))
    socket = _publisher(task)
    with Counters(Path(task.counters)) as counters:
        while counters.command() is Command.IDLE:
            time.sleep(REST_S)
        interval = 1 / task.fps
        # Cameras do not capture at the same moment, and always at the same distance.
        due = time.monotonic() + interval * (task.index * 0.618 % 1)
        while (command := counters.command()) is not Command.QUIT:
            time.sleep(max(0.0, due - time.monotonic()))
            due += interval
            if command is not Command.IDLE:
                _send(socket, stream, counters, task.index)


def _publisher(task: Task) -> Socket:
    socket = zmq.Context().socket(zmq.PUB)
    _unlock(socket, task)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.XPUB_NODROP, 1)  # waits where a queue is full: nothing is lost here
    socket.connect(task.endpoint)
    return socket


def _unlock(socket: Socket, task: Task) -> None:
    if task.name:
        folder = Path(task.keys)
        pair = read_pair(folder / f"{task.name}.secret")
        apply(socket, ClientKeys(pair, read_public(folder / "broker.pub")))


def _send(socket: Socket, stream: Stream, counters: Counters, source: int) -> None:
    topic, header, jpeg = stream.next()
    socket.send(topic, zmq.SNDMORE)
    socket.send(header, zmq.SNDMORE)
    socket.send(jpeg, copy=False)
    counters.set_sent(source, stream.sequence)


class Seen(msgspec.Struct):
    """What a sink reads of a header."""

    camera: str
    sequence: int
    captured: int


class Sink:
    """Counts the frames of all cameras; each sample is capture to now."""

    def __init__(self, task: Task) -> None:
        self._tally = Tally(Counters(Path(task.counters)), task.index)
        self._decode = msgspec.json.Decoder(Seen).decode
        self._next: dict[str, int] = {}  # sequence that comes next, by camera

    def took(self, header: bytes | memoryview) -> None:
        seen = self._decode(header)
        now = time.monotonic_ns()
        due = self._next.get(seen.camera, seen.sequence)
        self._next[seen.camera] = seen.sequence + 1
        camera = int(seen.camera[3:])
        self._tally.add(camera, seen.sequence, seen.sequence - due, now - seen.captured)


def fanout(task: Task) -> None:
    """Any SUB."""
    socket = zmq.Context().socket(zmq.SUB)
    _unlock(socket, task)
    socket.subscribe(task.topic)
    socket.connect(task.endpoint)
    sink = Sink(task)
    receive = socket.recv
    while True:
        receive()
        header = receive()
        receive(copy=False)
        sink.took(header)


def delivery(task: Task) -> None:
    """A peer of the delivery socket, which gives back credit for each frame it has had."""
    socket = open_socket(zmq.Context(), Role.PEER)
    socket.connect(task.endpoint)
    sink = Sink(task)
    credit = messages.encode(messages.Credit(task.back))
    heartbeat = messages.encode(messages.Heartbeat())
    spoken, unreturned = 0, 0
    while True:
        if not socket.poll(500):
            socket.send(heartbeat)
            continue
        first = socket.recv()
        if not socket.get(zmq.RCVMORE):
            if isinstance(messages.decode_from_broker(first), messages.Welcome):
                _introduce(socket, task)
            continue
        header = socket.recv()
        if not socket.get(zmq.RCVMORE):
            continue  # a status
        socket.recv(copy=False)
        sink.took(header)
        unreturned += 1
        if unreturned == task.back:
            socket.send(credit)
            unreturned = 0
        now = time.monotonic_ns()
        if now - spoken > HEARTBEAT_NS:
            socket.send(heartbeat)
            spoken = now


def consumer(task: Task) -> None:
    """A `camfan.Subscriber` in mode latest, and what is done with each frame."""
    from camfan import Subscriber  # the others here do without what it imports

    tally = Tally(Counters(Path(task.counters)), task.index)
    with Subscriber(task.endpoint) as frames:
        for frame in frames:
            if task.work_s:
                time.sleep(task.work_s)
            age = time.monotonic_ns() - frame.captured
            tally.add(int(frame.camera[3:]), frame.sequence, 0, age)


def _introduce(socket: Socket, task: Task) -> None:
    hello = messages.Hello(
        protocol=messages.PROTOCOL,
        name=f"sink{task.index}",
        kind="benchmark",
        session=secrets.token_hex(8),
    )
    wishes = messages.Subscribe(
        cameras=["*"],
        mode="every" if task.mode == "every" else "latest",
        credit=task.credit,
    )
    socket.send(messages.encode(hello))
    socket.send(messages.encode(wishes))


ROLES: dict[str, Callable[[Task], None]] = {
    "flood": flood,
    "paced": paced,
    "fanout": fanout,
    "delivery": delivery,
    "consumer": consumer,
}


def main() -> None:
    role, task = sys.argv[1:]
    ROLES[role](msgspec.convert(json.loads(task), Task))


if __name__ == "__main__":
    die_with_parent()
    main()

"""What a peer with a valid key may try against a broker: one function for each attack.

Each runs until it is stopped. A connection that the broker ends is opened again, as an attacker
would; a key that is suspended cannot.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import zmq

from camfan_config import Site
from camfan_testing.curve_wire import CurveWire
from camfan_testing.jpegs import scan_bomb
from camfan_testing.security import Socket, frame, keys_of
from camfan_wire import messages
from camfan_wire.header import Header, encode_header
from camfan_wire.keys import ClientKeys, apply
from camfan_wire.messages import PROTOCOL

PATIENCE_MS = (
    1000  # for a broker that takes nothing: its connection has ended, or its queue is full
)


@dataclass(frozen=True)
class Target:
    """A site, the name of the key that attacks it, and the signal to stop."""

    site: Site
    key: str
    stop: threading.Event

    @property
    def keys(self) -> ClientKeys:
        return keys_of(self.site, self.key)

    @property
    def victim(self) -> str:
        """A camera of another key."""
        return next(name for name in self.site.cameras if name != self.key)

    def port(self, name: str) -> int:
        port: int = getattr(self.site.broker.ports, name)
        return port

    @contextmanager
    def socket(self, kind: int, port: str) -> Iterator[Socket]:
        """A connection of libzmq to one of the broker's ports."""
        with zmq.Context() as context, context.socket(kind) as socket:
            socket.linger = 0
            if kind == zmq.SUB:
                socket.sndhwm = 0  # all subscriptions are sent
            socket.sndtimeo = socket.rcvtimeo = PATIENCE_MS
            apply(socket, self.keys)
            socket.connect(f"tcp://127.0.0.1:{self.port(port)}")
            yield socket

    @contextmanager
    def wire(self, kind: str, port: str) -> Iterator[CurveWire]:
        """A connection made byte by byte."""
        with CurveWire(self.port(port), self.keys, kind) as wire:
            yield wire

    def again(self) -> Iterator[int]:
        """Count until stopped, with a pause that keeps the attacker itself cheap."""
        for number in itertools.count():
            if self.stop.is_set():
                return
            yield number


Attack = Callable[[Target], int]


def never_ending_frame(target: Target) -> int:
    """A message to the ingest port whose last part never comes."""
    return _endless(target, "PUB", "ingest", bytes(60_000))


def never_ending_request(target: Target) -> int:
    """A message to the delivery port whose last part never comes."""
    return _endless(target, "DEALER", "delivery", bytes(60_000))


def never_ending_subscription(target: Target) -> int:
    """A message to the fan-out port whose last part never comes."""
    return _endless(target, "SUB", "fanout", bytes(200))


def many_parts(target: Target) -> int:
    """Messages of 100,000 empty parts to the delivery port."""
    sent = 0
    with suppress(zmq.Again), target.socket(zmq.DEALER, "delivery") as socket:
        for _ in target.again():
            for _ in range(100_000):
                socket.send(b"", zmq.SNDMORE)
            socket.send(b"")
            sent += 1
            target.stop.wait(1)
    return sent


def fresh_globs(target: Target) -> int:
    """Subscriptions to as many globs as one may hold, each of them new."""

    def subscribe(number: int) -> bytes:
        globs = [f"*{number}-{each}*" for each in range(64)]
        return messages.encode(messages.Subscribe(cameras=globs))

    return _requests(target, subscribe)


def large_requests(target: Target) -> int:
    """Control messages of the largest size."""
    names = ["x" * 60] * 1000
    return _requests(target, lambda _: messages.encode(messages.Subscribe(cameras=names)))


def hello_and_gone(target: Target) -> int:
    """New sessions that say hello and hang up, as fast as they can."""
    sent = 0
    for number in target.again():
        with suppress(zmq.Again), target.socket(zmq.DEALER, "delivery") as socket:
            socket.send(_hello(target.key, number))
            sent += 1
    return sent


def hello_and_bye(target: Target) -> int:
    """Sessions that come and go on one connection."""
    sent = 0
    for first in target.again():
        with suppress(zmq.Again), target.socket(zmq.DEALER, "delivery") as socket:
            for number in target.again():
                socket.send(_hello(target.key, first * 1_000_000 + number))
                socket.send(messages.encode(messages.Bye()))
                sent += 1
    return sent


def large_events(target: Target) -> int:
    """Events of the largest size, which recorders keep."""
    sent = 0
    for _ in target.again():
        with suppress(zmq.Again), target.socket(zmq.DEALER, "delivery") as socket:
            socket.send(_hello(target.key, 0))
            for number in target.again():
                event = messages.Event(
                    id=str(number), time=0, source=target.key, kind="attack", state="start",
                    camera=target.victim, details={"text": "x" * 60_000},
                )  # fmt: skip
                topic = f"event/{target.key}/attack/".encode()
                socket.send_multipart([topic, messages.encode(event)])
                sent += 1
    return sent


def many_subscriptions(target: Target) -> int:
    """Topics by the hundred thousand at the fan-out port."""
    sent = 0
    for _ in target.again():
        with suppress(zmq.Again), target.socket(zmq.SUB, "fanout") as socket:
            for number in target.again():
                socket.subscribe(b"frame/one/%d" % number)
                sent += 1
                if not number % 1000:
                    target.stop.wait(0.05)
    return sent


def scan_bombs(target: Target) -> int:
    """Frames of a camera that would take a decoder minutes."""
    picture = scan_bomb(640, 480, scans=4000)
    sent = 0
    with target.socket(zmq.XPUB, "ingest") as socket:
        for number in target.again():
            header = Header(
                version=1, camera=target.key, run="f" * 16, sequence=number, captured=number,
                offset=None, error=None, width=640, height=480, size=len(picture),
            )  # fmt: skip
            with suppress(zmq.Again):
                socket.send_multipart([header.topic, encode_header(header), picture])
                sent += 1
            target.stop.wait(0.02)
    return sent


def foreign_frames(target: Target) -> int:
    """Frames in the name of a camera of another key."""
    sent = 0
    for _ in target.again():
        with suppress(OSError, AssertionError), target.wire("PUB", "ingest") as wire:
            for number in target.again():
                wire.send(*frame(target.victim, number, "e" * 16))
                sent += 1
        target.stop.wait(0.1)
    return sent


def invalid_frames(target: Target) -> int:
    """Frames of the key's own camera that cannot be read."""
    return _same_again(target, "PUB", "ingest", f"frame/{target.key}/0/".encode(), b"{}", b"x")


def ends_of_subscriptions(target: Target) -> int:
    """The end of a subscription that was never made."""
    return _same_again(target, "SUB", "fanout", b"\x00frame/one/")


def requests_within_the_share(target: Target) -> int:
    """The costliest requests, no more of them than the key may send: it is not suspended."""
    globs = [f"*{number}*" for number in range(64)]
    subscribe = messages.encode(messages.Subscribe(cameras=globs))
    share = target.site.security.limits.requests  # of one connection
    sent = 0
    with suppress(zmq.Again), target.socket(zmq.DEALER, "delivery") as socket:
        socket.send(_hello(target.key, 0))
        for _ in target.again():
            socket.send(subscribe)
            sent += 1
            target.stop.wait(72 / share)
    return sent


ATTACKS: Mapping[str, Attack] = {
    "never-ending-frame": never_ending_frame,
    "never-ending-request": never_ending_request,
    "never-ending-subscription": never_ending_subscription,
    "many-parts": many_parts,
    "fresh-globs": fresh_globs,
    "large-requests": large_requests,
    "hello-and-gone": hello_and_gone,
    "hello-and-bye": hello_and_bye,
    "large-events": large_events,
    "many-subscriptions": many_subscriptions,
    "scan-bombs": scan_bombs,
    "foreign-frames": foreign_frames,
    "invalid-frames": invalid_frames,
    "ends-of-subscriptions": ends_of_subscriptions,
    "requests-within-the-share": requests_within_the_share,
}
OF_CAMERAS = frozenset(
    {"never-ending-frame", "scan-bombs", "foreign-frames", "invalid-frames"}
)  # need such a key


def _hello(name: str, number: int) -> bytes:
    return messages.encode(
        messages.Hello(
            protocol=PROTOCOL, name=name, session=f"{number % 2**64:016x}", kind="subscriber"
        )
    )


def _requests(target: Target, request: Callable[[int], bytes]) -> int:
    """Requests as fast as they are taken, on one connection after the other."""
    sent = 0
    for _ in target.again():
        with suppress(zmq.Again), target.socket(zmq.DEALER, "delivery") as socket:
            socket.send(_hello(target.key, sent))
            for number in target.again():
                socket.send(request(number))
                sent += 1
    return sent


def _same_again(target: Target, kind: str, port: str, *parts: bytes) -> int:
    """One message as fast as it is taken, on one connection after the other."""
    sent = 0
    for _ in target.again():
        with suppress(OSError, AssertionError), target.wire(kind, port) as wire:
            for _ in target.again():
                wire.send(*parts)
                sent += 1
        target.stop.wait(0.1)
    return sent


def _endless(target: Target, kind: str, port: str, part: bytes) -> int:
    """Bytes that were taken from us before the broker ended the connections.

    libzmq itself sends nothing of a message before its last part is there.
    """
    sent = 0
    for _ in target.again():
        try:
            with target.wire(kind, port) as wire:
                for _ in target.again():
                    wire.begin(part)
                    sent += len(part)
        except (OSError, AssertionError):  # ended, or not let in again
            if sent:
                return sent
            target.stop.wait(0.5)
    return sent

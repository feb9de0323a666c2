"""Yardsticks that stand where the broker stands: libzmq's proxy, and a relay of bare sockets.

`python -m camfan_bench.bare proxy IN OUT`, and the three processes of the relay.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import zmq

from camfan_bench.counters import Command, Counters, Tally
from camfan_bench.tied import die_with_parent

REST_S = 0.002
CONNECT_S = 10.0
FETCHES = 24
SHAPED_QUEUE = 65_536  # bytes in the shaping relay
CHUNK = 4096


def proxy(receive: str, send: str) -> None:
    """`zmq.proxy` with sockets as ZeroMQ makes them."""
    context = zmq.Context()
    ours, theirs = context.socket(zmq.XSUB), context.socket(zmq.XPUB)
    ours.bind(receive)
    theirs.bind(send)
    print("listening", flush=True)
    zmq.proxy(ours, theirs)


def relay(receive: str, send: str, size: str, sinks: str) -> None:
    """Reads a frame, writes it to each sink: the least that a process in the middle can do."""
    inlet = socket.create_server(("127.0.0.1", int(receive)))
    outlet = socket.create_server(("127.0.0.1", int(send)))
    print("listening", flush=True)
    outs = [outlet.accept()[0] for _ in range(int(sinks))]
    source, _ = inlet.accept()
    frame = memoryview(bytearray(int(size)))
    while _read(source, frame):
        for out in outs:
            out.sendall(frame)


def source(port: str, size: str, counters: str) -> None:
    """Writes frames while the command is to go; the sockets hold it back."""
    peer = _connect(int(port))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    frame, sent = bytes(int(size)), 0
    with Counters(Path(counters)) as shared:
        while (command := shared.command()) is not Command.QUIT:
            if command is Command.IDLE:
                time.sleep(REST_S)
                continue
            peer.sendall(frame)
            sent += 1
            shared.set_sent(0, sent)


def sink(port: str, size: str, counters: str, index: str) -> None:
    peer = _connect(int(port))
    frame, received = memoryview(bytearray(int(size))), 0
    tally = Tally(Counters(Path(counters)), int(index))
    while _read(peer, frame):
        tally.add(0, received, 0, 0)
        received += 1


def offer(port: str, size: str) -> None:
    """Gives a frame on request, on one connection."""
    listener = socket.create_server(("", int(port)))
    print("listening", flush=True)
    peer, _ = listener.accept()
    frame = bytes(int(size))
    while peer.recv(1):
        peer.sendall(frame)


def fetch(host: str, port: str, size: str) -> None:
    """Asks for frames, one after the other; prints how many seconds each took."""
    peer = _connect(int(port), host)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    frame = memoryview(bytearray(int(size)))
    seconds = []
    for _ in range(FETCHES):
        begun = time.monotonic()
        peer.sendall(b"?")
        _read(peer, frame)
        seconds.append(time.monotonic() - begun)
    print(json.dumps(seconds[FETCHES // 4 :]), flush=True)  # the first ones open the TCP window


def shape(inlet: str, outlet: str, bits_per_s: str) -> None:
    """Relays connections; what comes back from the outlet, at this many bits per second."""
    listener = socket.create_server(("127.0.0.1", int(inlet)))
    print("listening", flush=True)
    while True:
        far, _ = listener.accept()
        near = socket.socket()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SHAPED_QUEUE)
        near.connect(("127.0.0.1", int(outlet)))
        threading.Thread(target=_pass_on, args=(far, near, 0.0), daemon=True).start()
        pace = 8 / float(bits_per_s)
        threading.Thread(target=_pass_on, args=(near, far, pace), daemon=True).start()


def _pass_on(reader: socket.socket, writer: socket.socket, pace: float) -> None:
    """`pace` is in seconds a byte."""
    due = time.monotonic()
    try:
        while data := reader.recv(CHUNK):
            due = max(due, time.monotonic()) + len(data) * pace
            time.sleep(max(0.0, due - time.monotonic()))
            writer.sendall(data)
    except OSError:
        pass  # one side is gone: so is the other
    for end in (reader, writer):
        end.close()


def _connect(port: int, host: str = "127.0.0.1") -> socket.socket:
    deadline = time.monotonic() + CONNECT_S
    while True:
        try:
            return socket.create_connection((host, port))
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(REST_S)


def _read(peer: socket.socket, frame: memoryview) -> bool:
    """Fill the frame; False at the end of the connection."""
    had = 0
    while had < len(frame):
        got = peer.recv_into(frame[had:])
        if not got:
            return False
        had += got
    return True


ROLES: dict[str, Callable[..., None]] = {
    "proxy": proxy,
    "relay": relay,
    "source": source,
    "sink": sink,
    "offer": offer,
    "fetch": fetch,
    "shape": shape,
}

if __name__ == "__main__":
    die_with_parent()
    ROLES[sys.argv[1]](*sys.argv[2:])

"""Cameras that answer over TCP with whatever bytes a test wants."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Behaviour = Callable[[socket.socket, "Asked"], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    target: str
    lines: dict[str, str]  # by their names in lower case
    over: threading.Event = field(compare=False)  # set when the camera is switched off


def read_request(text: str, over: threading.Event) -> Asked:
    first, *rest = text.split("\r\n")
    pairs = (line.partition(":") for line in rest if line)
    return Asked(first.split(" ")[1], {k.strip().lower(): v.strip() for k, _, v in pairs}, over)


@dataclass(slots=True)
class RawCamera:
    port: int
    asked: list[Asked] = field(default_factory=list)

    def url(self, target: str = "/stream", user: str = "", scheme: str = "http") -> str:
        return f"{scheme}://{user}{'@' if user else ''}127.0.0.1:{self.port}{target}"


@contextmanager
def raw_camera(behaviour: Behaviour, context: ssl.SSLContext | None = None) -> Iterator[RawCamera]:
    """One that does this on each connection, after it has read the request."""
    over = threading.Event()
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        camera = RawCamera(listener.getsockname()[1])

        def serve(connection: socket.socket) -> None:
            with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
                stack.enter_context(connection)
                connection.settimeout(10)
                if context is not None:
                    connection = stack.enter_context(
                        context.wrap_socket(connection, server_side=True)
                    )
                data = b""
                while b"\r\n\r\n" not in data:
                    more = connection.recv(65536)
                    if not more:
                        return
                    data += more
                request = read_request(data.split(b"\r\n\r\n")[0].decode(), over)
                camera.asked.append(request)
                behaviour(connection, request)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                thread = threading.Thread(target=serve, args=(connection,))
                threads.append(thread)
                thread.start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield camera
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for thread in threads:
                thread.join()


@contextmanager
def tls_before(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """A port that speaks TLS, and passes on what is said there to `port` of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads: list[threading.Thread] = []

        def serve(raw: socket.socket) -> None:
            with (
                contextlib.suppress(OSError),
                raw,
                context.wrap_socket(raw, server_side=True) as outside,
                socket.create_connection(("127.0.0.1", port)) as inside,
            ):
                while True:
                    waiting = [outside] if outside.pending() else []
                    ready = waiting or select.select([outside, inside], [], [])[0]
                    for source, target in ((outside, inside), (inside, outside)):
                        if source not in ready:
                            continue
                        data = source.recv(65536)
                        if not data:
                            return
                        target.sendall(data)

        def accept() -> None:
            while True:
                try:
                    raw, _ = listener.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=serve, args=(raw,)))
                threads[-1].start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for thread in threads:
                thread.join()


def sends(*pieces: bytes, stay: bool = False) -> Behaviour:
    """Answers every request with these bytes, and hangs up or stays silent."""

    def behave(connection: socket.socket, asked: Asked) -> None:
        for piece in pieces:
            connection.sendall(piece)
        if stay:
            asked.over.wait(20)

    return behave

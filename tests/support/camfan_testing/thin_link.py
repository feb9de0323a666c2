"""A link of this many bytes a second between a node and an address: a relay with small buffers."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType

BUFFER_BYTES = 16_384
PIECE_BYTES = 4096


class ThinLink:
    """Takes connections on a port of its own; what goes up is slow, what comes down is not."""

    def __init__(self, port: int, bytes_per_s: float) -> None:
        self.bytes_per_s = bytes_per_s
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def endpoint(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._open += [near, far]
            for source, target, slow in ((near, far, True), (far, near, False)):
                thread = threading.Thread(target=self._pass, args=(source, target, slow))
                thread.start()
                self._threads.append(thread)

    def _pass(self, source: socket.socket, target: socket.socket, slow: bool) -> None:
        due = time.monotonic()
        try:
            while data := source.recv(PIECE_BYTES):
                if slow:
                    due = max(due, time.monotonic() - 0.05) + len(data) / self.bytes_per_s
                    if self._ended.wait(max(0.0, due - time.monotonic())):
                        break
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):  # wakes the other direction; `close` would not
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in self._open:
            each.close()

    def __enter__(self) -> ThinLink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

"""Health over HTTP: /healthz, /readyz and /metrics, on a thread beside the loop.

It only reads figures that the loop keeps, and never waits for the loop.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, generate_latest

from camfan_broker.camera.camera import TrackedCamera
from camfan_broker.report.metrics import FiguresCollector
from camfan_broker.report.status import GATEKEEPER_DEAD, Sources, list_suspensions
from camfan_wire.sockets import not_bound
from camfan_wire.states import NORMAL

log = logging.getLogger(__name__)

STUCK_NS = 2_000_000_000
RECORDER_SILENCE_NS = 10_000_000_000
REQUEST_S = 5.0
MAX_REQUESTS = 16  # at once; of too many, the oldest connection without a request is closed
_NOT_FOUND = b"not found; this server has /healthz, /readyz and /metrics\n"
ROOM_S = 1.0  # until a closed connection has ended


class Health(Sources, Protocol):
    """The broker, as far as health needs it."""

    looped_ns: int


def alive(broker: Health) -> bool:
    """The loop is running."""
    return time.monotonic_ns() - broker.looped_ns < STUCK_NS


def not_ready(broker: Health) -> list[str]:
    """What is missing until every camera is live and every recorder records; one line each."""
    missing = [] if alive(broker) else ["the broker's loop is stuck"]
    missing += [] if broker.gatekeeper.alive else [GATEKEEPER_DEAD]
    cameras = list(broker.cameras.values())
    missing += [_not_live(c) for c in cameras if c.state not in NORMAL]
    now = broker.clock.now_ns()
    for name in broker.site.recorders:
        status = broker.board.statuses.get(name)
        if status is None or now - broker.board.heard_ns[name] > RECORDER_SILENCE_NS:
            missing.append(f"recorder {name} does not report")
        elif status.state != "recording":
            missing.append(f"recorder {name} is {status.state}")
    return missing


def _not_live(camera: TrackedCamera) -> str:
    trouble = camera.trouble(time.monotonic_ns())
    return f"camera {camera.name} is {camera.state}" + (f": its {trouble}" if trouble else "")


def warnings(broker: Health) -> list[str]:
    """What a person should know although the broker is ready; one line each."""
    found = [] if broker.gatekeeper.alive else [GATEKEEPER_DEAD]
    if broker.site.security.insecure and broker.site.security.keys is None:
        found.append("insecure: every client on this network can watch and publish")
    strangers = broker.gatekeeper.roster.strangers if broker.gatekeeper.roster else ()
    if strangers:
        found.append(f"keys of names that are not in the site file: {', '.join(strangers[:20])}")
    found += list_suspensions(broker.gatekeeper)
    now = time.monotonic_ns()
    for camera in list(broker.cameras.values()):
        trouble = camera.trouble(now)
        if trouble and camera.state == "live":
            found.append(f"camera {camera.name}: {trouble}")
    return found


class HealthServer:
    """Serves until closed. Raises BindError when made."""

    def __init__(self, broker: Health, listen: str) -> None:
        host, _, port = listen.rpartition(":")
        registry = CollectorRegistry()
        registry.register(FiguresCollector(broker))
        handler = type("Handler", (_HealthHandler,), {"broker": broker, "registry": registry})
        try:
            self._server = _HealthHttpServer((host.strip("[]"), int(port)), handler)
        except OSError as exc:
            raise not_bound(f"http://{listen}", exc) from exc
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="health", kwargs={"poll_interval": 0.25}
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _HealthHttpServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._free = threading.BoundedSemaphore(MAX_REQUESTS)
        self._lock = threading.Lock()
        self._silent: dict[object, None] = {}  # connections without a request yet, oldest first
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._has_room():
            with self._lock:
                self._silent[request] = None
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.asked(request)
            self._free.release()

    def asked(self, request: object) -> None:
        """A whole request has come by this connection."""
        with self._lock:
            self._silent.pop(request, None)

    def _has_room(self) -> bool:
        if self._free.acquire(blocking=False):
            return True
        with self._lock:
            oldest = next(iter(self._silent), None)
            self._silent.pop(oldest, None)
        if not isinstance(oldest, socket.socket):
            return False
        with suppress(OSError):  # it has just ended by itself
            oldest.shutdown(socket.SHUT_RDWR)
        return self._free.acquire(timeout=ROOM_S)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - theirs
        log.debug("health: a request ended early", exc_info=True)


class _LimitedLines:
    """The lines of a request up to a limit; then no more, and `over` is set."""

    def __init__(self, stream: BufferedIOBase, left: int) -> None:
        self._stream = stream
        self._left = left
        self.over = False

    def readline(self, size: int = -1) -> bytes:
        most = self._left if size < 0 else min(size, self._left)
        line = self._stream.readline(most) if most else b""
        self._left -= len(line)
        self.over = self.over or self._left <= 0
        return line

    def close(self) -> None:
        self._stream.close()

    @property
    def closed(self) -> bool:
        return self._stream.closed


class _HealthHandler(BaseHTTPRequestHandler):
    broker: Health
    registry: CollectorRegistry
    server: _HealthHttpServer
    timeout = REQUEST_S
    server_version = "camfan"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self._request = _LimitedLines(self.rfile, self.broker.site.security.limits.http_header)
        self.rfile = self._request  # type: ignore[assignment]  # has what http.server uses of it

    def _too_much(self) -> bool:
        """Answer a request that is too large, without reading its body; False if it is not."""
        said = self.headers.get("Content-Length", "0")
        body = int(said) if said.isdecimal() and len(said) < 20 else 10**20
        if self._request.over:
            self._answer(431, "text/plain", b"request header too large\n")
        elif body > self.broker.site.security.limits.http_body:
            self._answer(413, "text/plain", b"request body too large\n")
        else:
            return False
        return True

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked(self.connection)
        path = self.path.partition("?")[0]
        if self._too_much():
            return
        if path == "/healthz":
            good = alive(self.broker)
            self._answer(200 if good else 503, "text/plain", b"ok\n" if good else b"stuck\n")
        elif path == "/readyz":
            missing = not_ready(self.broker)
            body = {
                "ready": not missing,
                "missing": missing,
                "warnings": warnings(self.broker),
            }
            text = json.dumps(body, indent=1).encode() + b"\n"
            self._answer(503 if missing else 200, "application/json", text)
        elif path == "/metrics":
            self._answer(200, "text/plain; version=0.0.4", generate_latest(self.registry))
        else:
            self._answer(404, "text/plain", _NOT_FOUND)

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server has it
        log.debug("health: " + format, *args)

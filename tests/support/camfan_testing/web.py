"""A web server in a thread of the test, and a page without a browser."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp
import msgspec

from camfan_config import Site, Web
from camfan_nodes.web.server import WebServer
from camfan_nodes.web.web_frame import HEADER
from camfan_testing.live import WAIT_S, LiveBroker, live_broker
from camfan_testing.ports import free_ports


@dataclass(frozen=True, slots=True)
class LiveWeb:
    """A running server, and the broker behind it."""

    url: str
    server: WebServer
    live: LiveBroker

    @property
    def site(self) -> Site:
        return self.live.site


@contextmanager
def live_web(
    folder: Path,
    *cameras: str,
    web: str = "",
    extra: str = "",
    titles: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[LiveWeb]:
    """`web` is more of the web section, indented lines or one inline key a line."""
    (port,) = free_ports(1)
    section = f"web:\n  listen: 127.0.0.1:{port}\n  state: {folder}/state\n{web}\n{extra}"
    with (
        live_broker(folder, *(cameras or ("one", "two")), extra=section, titles=titles) as live,
        web_server(live.site) as (url, server),
    ):
        yield LiveWeb(url, server, live)


@contextmanager
def web_server(site: Site) -> Iterator[tuple[str, WebServer]]:
    """The server on a thread and a loop of its own."""
    started = threading.Event()
    found: dict[str, Any] = {}

    async def serve() -> None:
        server = WebServer(site)
        stop = asyncio.Event()
        found.update(server=server, loop=asyncio.get_running_loop(), stop=stop)
        async with server.running() as url:
            found["url"] = url
            started.set()
            await stop.wait()
            found["failure"] = server.failure()

    def run() -> None:
        try:
            asyncio.run(serve())
        finally:
            started.set()

    thread = threading.Thread(target=run, name="web")
    thread.start()
    try:
        assert started.wait(WAIT_S)
        assert "url" in found, "the server did not start"
        yield found["url"], found["server"]
    finally:
        if "stop" in found:
            found["loop"].call_soon_threadsafe(found["stop"].set)
        thread.join()
    assert found["failure"] is None


def with_web(site: Site, **changes: Any) -> Site:
    section = msgspec.structs.replace(site.web or Web(), **changes)
    return msgspec.structs.replace(site, web=section)


@dataclass(frozen=True, slots=True)
class Received:
    """A picture as a page gets it."""

    number: int
    sequence: int
    clock_known: bool
    error_ms: float
    taken_ms: float
    jpeg: bytes

    @staticmethod
    def of(message: bytes) -> Received:
        version, flags, number, error, taken, sequence = HEADER.unpack_from(message)
        assert version == 1
        rest = message[HEADER.size :]
        return Received(number, int(sequence), bool(flags & 1), error, taken, rest)


class TestPage:
    """Speaks like a page; acknowledges when the test says so."""

    __test__ = False

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.texts: list[dict[str, Any]] = []

    async def hello(self) -> dict[str, Any]:
        return await self.text("hello")

    async def text(self, kind: str) -> dict[str, Any]:
        """The next text message of a kind; pictures before it are not expected."""
        while True:
            message = await self.socket.receive(WAIT_S)
            assert message.type is aiohttp.WSMsgType.TEXT, message
            found: dict[str, Any] = json.loads(message.data)
            self.texts.append(found)
            if found["type"] == kind:
                return found

    async def want(self, *cameras: str, **tile: Any) -> None:
        tiles = [{"camera": camera, **tile} for camera in cameras]
        await self.socket.send_json({"type": "want", "tiles": tiles})

    async def picture(self, *, acknowledge: bool = True, timeout: float = WAIT_S) -> Received:
        while True:
            message = await self.socket.receive(timeout)
            if message.type is aiohttp.WSMsgType.TEXT:
                self.texts.append(json.loads(message.data))
                continue
            assert message.type is aiohttp.WSMsgType.BINARY, message
            if acknowledge:
                await self.acknowledge(1)
            return Received.of(message.data)

    async def acknowledge(self, count: int) -> None:
        await self.socket.send_bytes(count.to_bytes(2, "little"))


@asynccontextmanager
async def page(url: str, **connect: Any) -> AsyncIterator[TestPage]:
    """A page that is open."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}/ws", max_msg_size=0, **connect) as socket,
    ):
        yield TestPage(socket)

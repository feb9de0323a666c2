"""What stands around the web server in a run: cameras, pages that read, and the bare servers.

`python -m camfan_bench.web_loads ROLE JSON`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from contextlib import ExitStack

import aiohttp
import msgspec
import zmq
import zmq.asyncio
from aiohttp import web

from camfan import Publisher
from camfan_bench.cpu import cpu_seconds
from camfan_bench.frames import jpeg_of_size
from camfan_bench.tied import die_with_parent
from camfan_nodes.web.web_frame import HEADER

WARM_S = 1.0
ACKNOWLEDGE_AFTER_S, THICK, ACKNOWLEDGE_THICK_S = 0.025, 3, 0.05  # as connection_worker.js


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a process; each role reads what it needs."""

    site: str = ""
    url: str = ""
    port: int = 0
    endpoint: str = ""  # of fanout, for the relay
    pid: int = 0  # of the server that is measured
    cameras: int = 4
    clients: int = 1
    fps: float = 30.0
    size: int = 100_000
    seconds: float = 3.0
    acknowledges: bool = False


def cameras(task: Task) -> None:
    """All cameras of the site, evenly apart, for ever."""
    jpegs = [jpeg_of_size(task.size, seed) for seed in range(task.cameras)]
    with ExitStack() as stack:
        publishers = [
            stack.enter_context(Publisher(task.site, f"cam{n}")) for n in range(task.cameras)
        ]
        sys.stdout.write("publishing\n")
        sys.stdout.flush()
        due = time.monotonic()
        while True:
            for publisher, jpeg in zip(publishers, jpegs, strict=True):
                publisher.publish(jpeg)
                due += 1 / task.fps / task.cameras
                time.sleep(max(0.0, due - time.monotonic()))


def bare(task: Task) -> None:
    """An aiohttp WebSocket that sends the same bytes at the same times out of memory."""
    message = bytes(HEADER.size) + jpeg_of_size(task.size)
    sockets: set[web.WebSocketResponse] = set()

    async def pace() -> None:
        due = time.monotonic()
        while True:
            due += 1 / task.fps / task.cameras
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await _send(sockets, message)

    _serve(task, sockets, pace)


def relay(task: Task) -> None:
    """The same out of a SUB socket at the broker: what anybody would write in fifteen lines."""
    sockets: set[web.WebSocketResponse] = set()

    async def read() -> None:
        source = zmq.asyncio.Context().socket(zmq.SUB)
        source.subscribe(b"frame/")
        source.connect(task.endpoint)
        while True:
            _, _, jpeg = await source.recv_multipart()
            message = bytes(HEADER.size) + jpeg
            await _send(sockets, message)

    _serve(task, sockets, read)


async def _send(sockets: set[web.WebSocketResponse], message: bytes) -> None:
    for socket in list(sockets):
        try:
            await socket.send_bytes(message)
        except ConnectionError:
            sockets.discard(socket)


def _serve(task: Task, sockets: set[web.WebSocketResponse], work: object) -> None:
    async def page(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        sockets.add(socket)
        try:
            async for _ in socket:
                pass
        finally:
            sockets.discard(socket)
        return socket

    async def main() -> None:
        app = web.Application()
        app.router.add_get("/ws", page)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", task.port).start()
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        assert callable(work)
        await work()

    asyncio.run(main())


def pages(task: Task) -> None:
    """This many pages in one process; reports how many frames came and what the server used."""
    asyncio.run(_pages(task))


async def _pages(task: Task) -> None:
    came = [0]

    waiting: dict[aiohttp.ClientWebSocketResponse, int] = {}
    at_once: dict[aiohttp.ClientWebSocketResponse, int] = {}  # acknowledged last time

    def acknowledge(socket: aiohttp.ClientWebSocketResponse) -> None:
        """Several at once, as connection_worker.js does."""
        if socket not in waiting:
            thick = at_once.get(socket, 0) >= THICK
            after_s = ACKNOWLEDGE_THICK_S if thick else ACKNOWLEDGE_AFTER_S
            asyncio.get_running_loop().call_later(after_s, flush, socket)
        waiting[socket] = waiting.get(socket, 0) + 1

    def flush(socket: aiohttp.ClientWebSocketResponse) -> None:
        count = at_once[socket] = waiting.pop(socket)
        if not socket.closed:
            sending = asyncio.ensure_future(socket.send_bytes(count.to_bytes(2, "little")))
            under_way.add(sending)
            sending.add_done_callback(under_way.discard)

    under_way: set[asyncio.Future[None]] = set()

    async def page(session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(f"{task.url}/ws", max_msg_size=0) as socket:
            if task.acknowledges:
                tiles = [{"camera": f"cam{n}"} for n in range(task.cameras)]
                await socket.send_json({"type": "want", "tiles": tiles})
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    came[0] += 1
                    if task.acknowledges:
                        acknowledge(socket)

    async with aiohttp.ClientSession() as session:
        tasks = [asyncio.create_task(page(session)) for _ in range(task.clients)]
        await asyncio.sleep(WARM_S)
        before, used, begun = came[0], cpu_seconds(task.pid), time.monotonic()
        await asyncio.sleep(task.seconds)
        frames, cpu = came[0] - before, cpu_seconds(task.pid) - used
        lasted = time.monotonic() - begun
        sys.stdout.write(json.dumps({"frames": frames, "cpu_s": cpu, "seconds": lasted}) + "\n")
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


ROLES = {"cameras": cameras, "bare": bare, "relay": relay, "pages": pages}


def main() -> None:
    role, text = sys.argv[1:]
    threading.current_thread().name = role
    ROLES[role](msgspec.json.decode(text, type=Task))


if __name__ == "__main__":
    die_with_parent()
    main()

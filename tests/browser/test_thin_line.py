"""A thin line is not a server that is gone: one picture may take longer than that is noticed in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera
from camfan_testing.pages import sequences, wait_for
from camfan_testing.web import live_web

pytestmark = pytest.mark.long

PICTURE = jpeg(640, 360, 1)  # about 35 kB
RATE = len(PICTURE) / 5  # bytes a second of the WebSocket: each picture takes 5 s
SLICE_S = 0.05


class ThinLine:
    """Passes connections on to a port; what a WebSocket gets comes slowly."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.port = 0
        self.started = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, stop: asyncio.Event) -> None:
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.started.set()
        await stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, page_in: asyncio.StreamReader, page_out: asyncio.StreamWriter) -> None:
        server_in, server_out = await asyncio.open_connection("127.0.0.1", self._port, limit=4096)
        first = await page_in.read(65_536)
        server_out.write(first)
        slow = first.startswith(b"GET /ws")
        for way in (self._carry(page_in, server_out), self._carry(server_in, page_out, slow=slow)):
            task = asyncio.create_task(way)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, slow: bool = False
    ) -> None:
        try:
            while data := await source.read(int(RATE * SLICE_S) if slow else 65_536):
                sink.write(data)
                await sink.drain()
                if slow:
                    await asyncio.sleep(len(data) / RATE)  # the line is this slow, by definition
        except ConnectionError:
            pass
        finally:
            sink.transport.abort()


@contextmanager
def thin_line(port: int) -> Iterator[int]:
    line = ThinLine(port)
    found: dict[str, object] = {}

    async def run() -> None:
        stop = asyncio.Event()
        found.update(stop=stop.set, loop=asyncio.get_running_loop())
        await line.serve(stop)

    thread = threading.Thread(target=asyncio.run, args=(run(),), name="thin line")
    thread.start()
    try:
        assert line.started.wait(10)
        yield line.port
    finally:
        loop, stop = found["loop"], found["stop"]
        assert isinstance(loop, asyncio.AbstractEventLoop)
        assert callable(stop)
        loop.call_soon_threadsafe(stop)
        thread.join()


def test_a_picture_that_takes_long_does_not_look_like_the_end(
    context: BrowserContext, tmp_path: Path
) -> None:
    """Three of them come over one connection, and the page never says that it lost the server."""
    page = context.new_page()
    with (
        live_web(tmp_path, "one") as web,
        Camera(web.site, "one", 5, [PICTURE]),
        thin_line(int(web.url.rpartition(":")[2])) as port,
    ):
        page.goto(f"http://127.0.0.1:{port}/live#one")
        page.evaluate(
            "window.shown = 0; const b = document.querySelector('#banner');"
            "new MutationObserver(() => { shown += !b.hidden; }).observe(b, { attributes: true })"
        )
        seen: set[int] = set()

        def three_came() -> bool:
            seen.update(sequences(page).values())
            return len(seen) >= 3

        wait_for(page, three_came, timeout=60_000)
        assert page.evaluate("shown") == 0
        assert len(web.server.live._open) == 1
        expect(page.locator("#banner")).to_be_hidden()
        page.close()

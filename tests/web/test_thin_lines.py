"""A page behind a thin line, beside pages with fast ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from camfan_nodes.web.picture import HEADER
from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera
from camfan_testing.web import LiveWeb, Received, TestPage, live_web, page

pytestmark = pytest.mark.long

THIN = 62_500  # bytes a second: 500 kbit/s
FPS = 10.0
SLICE_S = 0.02
PICTURE = jpeg(640, 360, 1)  # about 35 kB: half a second on the thin line


@pytest.fixture
def web(tmp_path: Path) -> Iterator[LiveWeb]:
    with live_web(tmp_path) as running:
        yield running


@asynccontextmanager
async def thin_line(url: str) -> AsyncIterator[str]:
    """A way to the server that carries so many bytes a second to the page."""
    host, _, port = url.removeprefix("http://").rpartition(":")

    async def carry(
        source: asyncio.StreamReader, sink: asyncio.StreamWriter, rate: float | None
    ) -> None:
        while data := await source.read(65_536 if rate is None else int(rate * SLICE_S)):
            sink.write(data)
            await sink.drain()
            if rate is not None:
                await asyncio.sleep(len(data) / rate)  # the line is this slow, by definition
        sink.close()

    async def connect(page_in: asyncio.StreamReader, page_out: asyncio.StreamWriter) -> None:
        server_in, server_out = await asyncio.open_connection(host, int(port), limit=4096)
        ways = [carry(page_in, server_out, None), carry(server_in, page_out, THIN)]
        tasks = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for writer in (page_out, server_out):
                writer.close()

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def watch(browser: TestPage, pictures: int) -> list[tuple[Received, float]]:
    """So many pictures, and how old each was when it had come, s."""
    await browser.hello()
    await browser.want("one", "two")
    got = []
    for _ in range(pictures):
        received = await browser.picture()
        got.append((received, time.time() - received.taken_ms / 1000))
    return got


def test_a_thin_line_carries_new_pictures_of_all_cameras_and_slows_nobody(web: LiveWeb) -> None:
    """One or two are under way to it; the others get every frame, as if it were not there."""
    transfer_s = (HEADER.size + len(PICTURE)) / THIN

    async def look() -> tuple[list[tuple[Received, float]], list[list[tuple[Received, float]]]]:
        async with (
            thin_line(web.url) as thin,
            page(thin) as slow,
            page(web.url) as a,
            page(web.url) as b,
            page(web.url) as c,
        ):
            slow_task = asyncio.create_task(watch(slow, 12))
            fast = await asyncio.gather(*(watch(one, 80) for one in (a, b, c)))
            return await slow_task, fast

    with Camera(web.site, "one", FPS, [PICTURE]), Camera(web.site, "two", FPS, [PICTURE]):
        slow, fast = asyncio.run(look())

    for number in (0, 1):  # both cameras advance, in turn
        sequences = [one.sequence for one, _ in slow if one.number == number]
        assert len(sequences) == 6
        assert sequences == sorted(set(sequences))
    oldest = max(age for _, age in slow[2:])
    assert oldest < 2 * transfer_s + 1 / FPS + 0.5, (oldest, transfer_s)
    for got in fast:
        for number in (0, 1):
            sequences = [one.sequence for one, _ in got if one.number == number]
            assert sequences[-1] - sequences[2] <= len(sequences) - 3 + 2  # next to none skipped

"""A page behind a thin line, beside pages with fast ones.

Its frames are at most two transfers and an interval old, all its cameras advance, no client
else notices, and the server keeps nothing for it.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from camfan_nodes.web.web_frame import HEADER
from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera
from camfan_testing.ports import free_ports
from camfan_testing.processes import Process, camfan, running_broker
from camfan_testing.sites import custom_cameras, write_site
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
    """A link to the server that carries this many bytes a second to the page."""
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
                writer.transport.abort()  # what is under way on a line that is cut never comes
            over.set()

    over = asyncio.Event()
    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await over.wait()


async def watch(browser: TestPage, pictures: int) -> list[tuple[Received, float]]:
    """This many frames, and the age of each on arrival, s."""
    await browser.hello()
    await browser.want("one", "two")
    got = []
    for _ in range(pictures):
        received = await browser.picture()
        got.append((received, time.time() - received.taken_ms / 1000))
    return got


def test_a_thin_line_carries_new_frames_of_all_cameras_and_slows_no_other(web: LiveWeb) -> None:
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
    ages = [age for _, age in slow[2:]]
    bound_s = 2 * transfer_s + 1 / FPS
    assert statistics.median(ages) <= bound_s, (ages, transfer_s)
    assert max(ages) <= bound_s + 0.5, (ages, transfer_s)  # a machine may be busy for once
    for got in fast:
        for number in (0, 1):
            sequences = [one.sequence for one, _ in got if one.number == number]
            assert sequences[-1] - sequences[2] <= len(sequences) - 3 + 2  # next to none skipped


MANY_FPS = 30.0  # two cameras: 2 MB/s, of which the thin line carries a thirtieth
FLAT = 8_000_000  # bytes; what is not sent comes to three times that in the time of the test


def resident_bytes(process: Process) -> int:
    statm = Path(f"/proc/{process.popen.pid}/statm").read_text(encoding="ascii")
    return int(statm.split()[1]) * os.sysconf("SC_PAGESIZE")


def test_the_server_keeps_nothing_for_a_page_that_cannot_take_it(tmp_path: Path) -> None:
    """Its memory stays as it is with the fast pages, for as long as one looks."""
    (port,) = free_ports(1)
    cameras = custom_cameras("one", "two")
    site = write_site(tmp_path, f"{cameras}\nweb: {{listen: '127.0.0.1:{port}'}}\n")
    url = f"http://127.0.0.1:{port}"

    async def look(server: Process) -> tuple[int, int, int]:
        async with (
            page(url) as a,
            page(url) as b,
            page(url) as c,
            thin_line(url) as thin,
            page(thin) as slow,
        ):
            fast = [asyncio.create_task(watch(one, 1000)) for one in (a, b, c)]
            await watch(slow, 2)
            before = resident_bytes(server)
            pictures = [await slow.picture() for _ in range(20)]
            after = resident_bytes(server)
            for task in fast:
                task.cancel()
            await asyncio.gather(*fast, return_exceptions=True)
            missed = sum(p.sequence for p in pictures[-2:]) - sum(p.sequence for p in pictures[:2])
            return before, after, (missed - len(pictures)) * len(PICTURE)

    with (
        running_broker(site.path),
        camfan("web", "--config", str(site.path)) as server,
        Camera(site.path, "one", MANY_FPS, [PICTURE]),
        Camera(site.path, "two", MANY_FPS, [PICTURE]),
    ):
        server.wait_for("open http")
        before, after, unsent = asyncio.run(look(server))

    assert unsent > 2 * FLAT  # else nothing could have piled up
    assert after - before < FLAT

"""What a page is sent: what it can see, the newest of it, and no more than it takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
import simplejpeg

from camfan import EventPublisher, Publisher
from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera, publish_first, wait_until
from camfan_testing.web import LiveWeb, live_web, page


@pytest.fixture
def web(tmp_path: Path) -> Iterator[LiveWeb]:
    with live_web(tmp_path) as running:
        yield running


def watched(web: LiveWeb) -> set[str]:
    """What the web server asks of the broker."""
    for peer in web.live.broker.peers.values():
        if peer.hello.name == "web" and peer.reader is not None:
            return set(peer.reader.cursors)
    return set()


def skipped(web: LiveWeb) -> int:
    return web.server.live.figures().skipped


def test_a_page_gets_the_bytes_that_were_published(web: LiveWeb) -> None:
    """The JPEG is the camera's, byte by byte, with its number, sequence and time in the header."""
    picture = jpeg(320, 240, 5)

    async def look() -> None:
        async with page(web.url) as browser:
            hello = await browser.hello()
            assert (hello["site"], hello["cameras"]) == ("testing", {"one": 0, "two": 1})
            await browser.want("two")
            received = await browser.picture()
            assert received.jpeg == picture
            assert (received.number, received.sequence) == (1, sequence)
            assert received.clock_known
            assert abs(received.taken_ms - time.time() * 1000) < 60_000
            assert received.error_ms < 1000

    with Publisher(web.site, "two") as two:
        wait_until(lambda: two.clock.offset() is not None)
        sequence = publish_first(two, picture)
        asyncio.run(look())


def test_what_no_page_shows_is_not_even_sent_to_the_server(web: LiveWeb) -> None:
    """A page that shows one camera makes the server ask for that one; a hidden page for none."""

    async def look() -> None:
        async with page(web.url) as browser:
            await browser.hello()
            assert watched(web) == set()
            await browser.want("one")
            await asyncio.to_thread(wait_until, lambda: watched(web) == {"one"})
            await browser.want()
            await asyncio.to_thread(wait_until, lambda: watched(web) == set())
            await browser.want("one", "two")
            await asyncio.to_thread(wait_until, lambda: watched(web) == {"one", "two"})

    asyncio.run(look())
    wait_until(lambda: watched(web) == set())


def test_a_page_that_does_not_acknowledge_gets_nothing_more(web: LiveWeb) -> None:
    """And when it does, it gets the newest of each camera, not those it slept through."""

    async def look() -> None:
        async with page(web.url) as browser:
            await browser.hello()
            await browser.want("one", "two")
            await browser.picture(acknowledge=False)
            with pytest.raises(TimeoutError):
                await browser.picture(timeout=0.5)
            await asyncio.to_thread(wait_until, lambda: min(len(c.sent) for c in cameras) > 30)
            before = [camera.sent[-1] for camera in cameras]
            await browser.acknowledge(1)
            got = [await browser.picture(), await browser.picture()]
            assert {one.number for one in got} == {0, 1}
            for one in got:
                assert one.sequence >= before[one.number] - 1
        await asyncio.to_thread(wait_until, lambda: skipped(web) > 20)

    with Camera(web.site, "one", 50) as one, Camera(web.site, "two", 50) as two:
        cameras = (one, two)
        asyncio.run(look())


def test_pictures_never_go_back(web: LiveWeb) -> None:
    """Also while the wishes of the page change; one that was away may come again, not an older."""

    async def look() -> None:
        async with page(web.url) as browser:
            await browser.hello()
            last = [-1, -1]
            for turn in range(60):
                if turn % 10 == 0:
                    await browser.want(*(("one", "two") if turn % 20 else ("one",)))
                got = await browser.picture()
                assert got.sequence >= last[got.number]
                last[got.number] = got.sequence

    with Camera(web.site, "one", 100), Camera(web.site, "two", 100):
        asyncio.run(look())


def test_max_fps_of_a_tile_is_kept(web: LiveWeb) -> None:
    """Down to the broker: it sends the server no more than the page wants."""

    async def look() -> list[float]:
        async with page(web.url) as browser:
            await browser.hello()
            await browser.want("one", fps=5)
            await browser.picture()
            return [(await browser.picture()).taken_ms for _ in range(5)]

    with Camera(web.site, "one", 100):
        taken = asyncio.run(look())

    assert taken[-1] - taken[0] >= 600
    assert web.server.hub.received < 20


def test_the_limits_of_a_page_follow_the_rate_it_asked_for(web: LiveWeb) -> None:
    """Three intervals of the tile: one that asks for a picture in 5 s is not grey after 3 s."""

    async def look() -> tuple[float, float]:
        async with page(web.url) as browser:
            hello = await browser.hello()
            assert hello["intervals"] == {"late": 2, "stale": 3, "offline": 6}
            before = (await browser.text("state"))["cameras"]["one"]["stale"]
            await browser.want("one", fps=0.2)
            while True:
                message = await browser.socket.receive(10)
                if message.type is aiohttp.WSMsgType.TEXT and message.json()["type"] == "state":
                    stale = message.json()["cameras"]["one"]["stale"]
                    if stale != before:
                        return before, stale

    with Camera(web.site, "one", 50):
        wait_until(lambda: web.server.hub.limits("one").stale_s == 3)
        assert asyncio.run(look()) == (3000, 15_000)


def test_a_small_tile_gets_a_small_picture(web: LiveWeb) -> None:
    """At least as wide as it is shown, made once for all pages that show it so."""
    whole = jpeg(1280, 720, 1)

    async def look() -> None:
        async with page(web.url) as first, page(web.url) as second:
            for browser in (first, second):
                await browser.hello()
                await browser.want("one", width=300)
            small = [await first.picture(), await second.picture()]
            assert small[0].jpeg == small[1].jpeg
            height, width = simplejpeg.decode_jpeg_header(small[0].jpeg)[:2]
            assert (width, height) == (320, 180)
            assert len(small[0].jpeg) < len(whole) / 3
            assert web.server.renditions.made == 1

            await first.want("one", width=1000)
            assert (await first.picture()).jpeg == whole

    with Publisher(web.site, "one") as one:
        publish_first(one, whole)
        asyncio.run(look())


def test_a_picture_that_cannot_be_decoded_is_passed_on_whole(web: LiveWeb) -> None:
    """The page reports that it is not a picture; the server does not decide it."""
    whole = jpeg(1280, 720, 1)
    broken = whole[:2] + whole[whole.index(b"\xff\xc0") :]

    async def look() -> None:
        async with page(web.url) as browser:
            await browser.hello()
            await browser.want("one", width=300)
            assert (await browser.picture()).jpeg == broken

    with Publisher(web.site, "one") as one:
        publish_first(one, broken)
        asyncio.run(look())


def test_the_site_clock_comes_with_its_error(web: LiveWeb) -> None:
    async def ask() -> None:
        async with page(web.url) as browser:
            await browser.hello()
            before = time.time() * 1000
            await browser.socket.send_json({"type": "probe", "sent": 12.5})
            echo = await browser.text("echo")
            assert echo["sent"] == 12.5
            assert echo["error"] is not None
            assert before - 1000 < echo["site"] < time.time() * 1000 + 1000

    wait_until(lambda: web.server.hub.clock_error_ms() is not None)
    asyncio.run(ask())


def test_motion_is_sent_at_once(web: LiveWeb) -> None:
    """A start and an end of an event reach the page without waiting for the next second."""

    async def look(publisher: EventPublisher) -> None:
        async with page(web.url) as browser:
            await browser.hello()
            await asyncio.to_thread(wait_until, lambda: "broker" in web.server.hub.statuses)
            event = publisher.event("motion", "start", camera="one")
            while not (await browser.text("state"))["cameras"]["one"]["moving"]:
                pass
            publisher.event("motion", "end", id=event, camera="one")
            while (state := await browser.text("state"))["cameras"]["one"]["moving"]:
                pass
            assert [(n["kind"], n["camera"]) for n in state["lately"]] == [("motion", "one")]

    with EventPublisher(web.site, "watch", kind="motion") as publisher:
        asyncio.run(look(publisher))


@pytest.mark.parametrize(
    "message",
    ["", "{", "[]", '{"type":"want"}', '{"type":"want","tiles":[{"camera":1}]}',
     '{"type":"want","tiles":[{"camera":"one","width":0}]}', '{"type":"shutdown"}', "\ud7ff\x00",
     b"", b"\x00", b"\x00\x00\x00", b"x" * 1000],
)  # fmt: skip
def test_a_page_that_talks_nonsense_is_let_go(web: LiveWeb, message: str | bytes) -> None:
    """With a close code; the server and the other pages go on."""

    async def look() -> None:
        async with page(web.url) as good, page(web.url) as bad:
            await good.hello()
            await bad.hello()
            if isinstance(message, str):
                await bad.socket.send_str(message)
            else:
                await bad.socket.send_bytes(message)
            while (await bad.socket.receive(10)).type is aiohttp.WSMsgType.TEXT:
                pass
            assert bad.socket.close_code == 4400
            await good.text("state")

    asyncio.run(look())


def test_acknowledging_more_than_was_sent_gains_nothing(web: LiveWeb) -> None:
    async def look() -> None:
        async with page(web.url) as browser:
            await browser.hello()
            for _ in range(50):
                await browser.acknowledge(65_535)
            await browser.want("one")
            await browser.picture(acknowledge=False)
            with pytest.raises(TimeoutError):
                await browser.picture(timeout=0.5)

    with Camera(web.site, "one", 100):
        asyncio.run(look())

"""`/stream` as an image of a page: each picture is seen before the next one comes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
import pytest
import simplejpeg
from playwright.sync_api import BrowserContext

from camfan import Publisher
from camfan_testing.firefox import FIREFOX, MISSING, firefox_page
from camfan_testing.live import wait_until
from camfan_testing.web import LiveWeb, live_web

pytestmark = pytest.mark.long

COLOURS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0), "cyan": (255, 255, 0)}
SEEN_S = 20.0
TRIES = 6


@pytest.fixture
def web(tmp_path: Path) -> Iterator[LiveWeb]:
    with live_web(tmp_path) as running:
        yield running


def of_colour(name: str) -> bytes:
    plain = np.full((150, 200, 3), COLOURS[name], np.uint8)
    encoded: bytes = simplejpeg.encode_jpeg(plain, quality=90, colorspace="BGR")
    return encoded


def shown(png: bytes) -> str:
    """The colour in the middle of the picture."""
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    pixel = image[30, 30].astype(int)
    distances = {name: int(np.abs(pixel - colour).sum()) for name, colour in COLOURS.items()}
    nearest = min(distances, key=lambda name: distances[name])
    return nearest if distances[nearest] < 60 else ""


def page_with_image(web: LiveWeb) -> str:
    return f'<body style="margin:0"><img src="{web.url}/stream/one.mjpg?token=any">'


def sent(web: LiveWeb, one: Publisher, picture: bytes) -> int:
    """Publishes a picture; how many parts the stream had sent with it."""
    (stream,) = web.server.mjpeg.streams
    wait_until(lambda: one.publish(picture))
    sequence = one.sequence - 1
    wait_until(lambda: stream.last is not None and stream.last.frame.sequence == sequence)
    return stream.parts


def parts(web: LiveWeb) -> int:
    (stream,) = web.server.mjpeg.streams
    return stream.parts


def is_streaming(web: LiveWeb) -> bool:
    return bool(web.server.mjpeg.streams)


def test_chromium_shows_a_picture_at_once(web: LiveWeb, context: BrowserContext) -> None:
    """While the server has sent nothing behind it: neither the next picture nor the grey one.

    A machine on which that takes longer than the patience of the stream may try again.
    """
    page = context.new_page()
    with Publisher(web.site, "one") as one:
        wait_until(lambda: one.clock.offset() is not None)
        page.set_content(page_with_image(web), wait_until="commit")
        wait_until(lambda: is_streaming(web), timeout=SEEN_S)
        for name in COLOURS:
            for _ in range(TRIES):
                count = sent(web, one, of_colour(name))
                while not (seen := shown(page.screenshot()) == name) and parts(web) == count:
                    pass
                if seen and parts(web) == count:
                    break
            else:
                raise AssertionError(f"{name} is seen only when something comes behind it")


@pytest.mark.skipif(FIREFOX is None, reason=MISSING)
def test_firefox_shows_a_picture_at_once(web: LiveWeb, tmp_path: Path) -> None:
    async def look(one: Publisher) -> None:
        async with firefox_page(tmp_path / "profile") as page:
            await page.open(f"data:text/html,{quote(page_with_image(web))}")
            await asyncio.to_thread(wait_until, lambda: is_streaming(web), SEEN_S)
            for name in COLOURS:
                for _ in range(TRIES):
                    count = await asyncio.to_thread(sent, web, one, of_colour(name))
                    while not (seen := shown(await page.screenshot()) == name):
                        if parts(web) != count:
                            break
                    if seen and parts(web) == count:
                        break
                else:
                    raise AssertionError(f"{name} is seen only when something comes behind it")

    (tmp_path / "profile").mkdir()
    with Publisher(web.site, "one") as one, ThreadPoolExecutor(1) as beside_playwright:
        wait_until(lambda: one.clock.offset() is not None)
        beside_playwright.submit(asyncio.run, look(one)).result()

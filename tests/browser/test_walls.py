"""Wall screens: nothing is pushed out of the window, and all of it is read from afar."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from camfan import EventPublisher
from camfan_testing.live import Camera
from camfan_testing.pages import wait_for
from camfan_testing.web import LiveWeb, live_web

pytestmark = pytest.mark.long

NAMES = tuple(f"cam-{number:02}" for number in range(64))
SIZES = ((1280, 720), (1920, 1080), (3840, 2160))
LEAST = 0.009  # of the width of the screen: letters that are read from two screen widths away


@pytest.fixture
def web(tmp_path: Path) -> Iterator[LiveWeb]:
    with live_web(tmp_path, *NAMES) as running, contextlib.ExitStack() as stack:
        stack.enter_context(Camera(running.site, NAMES[0], 2))
        watch = stack.enter_context(EventPublisher(running.site, "watch", kind="motion"))
        watch.event("motion", "start", camera=NAMES[0], id="m")
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def lowest(page: Page) -> float:
    """Where the lowest caption ends, as a share of the window."""
    found: float = page.evaluate(
        "Math.max(...[...document.querySelectorAll('.tile:not(.off) .cap')]"
        ".map(cap => cap.getBoundingClientRect().bottom)) / innerHeight"
    )
    return found


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("count", [1, 4, 9, 16, 64])
def test_a_banner_leaves_every_caption_in_the_window(
    web: LiveWeb, page: Page, count: int, width: int, height: int
) -> None:
    """Also when it comes later, because the server is gone."""
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{web.url}/live?kiosk=1&cameras={','.join(NAMES[:count])},nowhere")
    expect(page.locator(".tile:not(.off)")).to_have_count(count)
    expect(page.locator("#banner")).to_contain_text("No such camera, or not permitted: nowhere")
    wait_for(page, lambda: page.evaluate("document.documentElement.scrollHeight <= innerHeight"))
    assert 0.5 < lowest(page) <= 1
    assert page.locator("#banner b").evaluate(font_px) >= LEAST * width
    if page.locator(".now").is_visible():
        assert page.locator("#lately-list .event").first.evaluate(font_px) >= LEAST * width


font_px = "e => parseFloat(getComputedStyle(e).fontSize)"


def test_the_list_of_a_wall_is_about_its_cameras(web: LiveWeb, page: Page) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(f"{web.url}/live?kiosk=1&cameras={','.join(NAMES[1:5])}")
    expect(page.locator("#lately-list")).to_contain_text("No event since")
    page.goto(f"{web.url}/live?kiosk=1&cameras={','.join(NAMES[:4])}")
    expect(page.locator("#lately-list")).to_contain_text("cam-00 motion")

"""The live page in a real browser: what is live looks live, and nothing else does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import simplejpeg
from playwright.sync_api import BrowserContext, Page, expect

from camfan import Publisher, Report
from camfan_testing.live import Camera, publish_first, wait_until
from camfan_testing.pages import (
    colourfulness,
    open_live,
    pixels,
    sequences,
    tile,
    wait_for,
    wait_for_state,
)
from camfan_testing.web import LiveWeb, live_web

pytestmark = pytest.mark.long

NAMES = ("barn", "gate", "porch", "yard")


def colours(seed: int, width: int = 320, height: int = 180) -> bytes:
    """A picture that is colourful all over."""
    base: npt.NDArray[np.uint8] = np.zeros((height, width, 3), np.uint8)
    base[:, : width // 2] = (220, 30, 30)
    base[:, width // 2 :] = (30, 60, 220)
    base[: height // 3, (seed * 40) % width :][:, :40] = (40, 220, 40)
    encoded: bytes = simplejpeg.encode_jpeg(base, quality=90, colorspace="BGR")
    return encoded


PICTURES = [colours(seed) for seed in range(8)]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[LiveWeb]:
    with live_web(tmp_path, *NAMES) as running:
        yield running


@pytest.fixture
def cameras(web: LiveWeb) -> Iterator[dict[str, Camera]]:
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(Camera(web.site, name, 10, PICTURES)) for name in NAMES}


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page whose scripts must not fail, whose policy must not be broken."""
    made = context.new_page()
    said: list[str] = []
    made.on("pageerror", lambda error: said.append(str(error)))
    made.on("console", lambda line: said.append(line.text) if "Refused to" in line.text else None)
    yield made
    made.close()
    assert not said


def watched(web: LiveWeb) -> set[str]:
    return set(web.server.hub.watched())


def test_pictures_are_live_and_go_on(web: LiveWeb, cameras: dict[str, Camera], page: Page) -> None:
    """Every tile shows its camera in colour, with name, rate and age, and advances."""
    open_live(page, web.url)
    for name in NAMES:
        wait_for_state(page, name, "live")
    expect(page.locator("h1")).to_have_text("4 live")
    expect(page.locator(".clock span")).to_contain_text("±")
    barn = tile(page, "barn")
    expect(barn.locator("h3")).to_have_text("barn")
    expect(barn.locator(".age")).to_contain_text("±")
    expect(barn.locator(".fps")).to_contain_text("fps")
    assert colourfulness(pixels(barn.locator(".pic"))) > 100

    before = sequences(page)
    wait_for(page, lambda: all(sequences(page)[name] > before[name] + 3 for name in NAMES))


def test_sixty_four_tiles_in_one_tab_all_advance(tmp_path: Path, page: Page) -> None:
    """More than the six connections a browser gives a host: one carries all."""
    names = [f"cam-{number:02}" for number in range(64)]
    with contextlib.ExitStack() as stack:
        web = stack.enter_context(live_web(tmp_path, *names))
        for name in names:
            stack.enter_context(Camera(web.site, name, 2, PICTURES))
        page.set_viewport_size({"width": 1920, "height": 1080})
        open_live(page, web.url)
        wait_for(page, lambda: len(sequences(page)) == 64)
        before = sequences(page)
        wait_for(page, lambda: all(sequences(page)[n] > before[n] for n in names))
        assert page.locator(".grid.dense").count() == 1
        assert len(web.server.live._open) == 1


def test_a_camera_that_stops_is_stale_and_says_since_when(web: LiveWeb, page: Page) -> None:
    """Grey, hatched, with a plate; its age goes on in words; nothing of it looks live."""
    with contextlib.ExitStack() as others:
        for name in NAMES[1:]:
            others.enter_context(Camera(web.site, name, 10, PICTURES))
        with Camera(web.site, "barn", 10, PICTURES):
            open_live(page, web.url)
            wait_for_state(page, "barn", "live")
        wait_for_state(page, "barn", "stale")
        barn = tile(page, "barn")
        expect(barn.locator(".plate")).to_contain_text("Stale")
        assert barn.locator(".plate .s").inner_text().startswith("since ")
        expect(barn.locator(".age")).to_contain_text("old")
        assert colourfulness(pixels(barn.locator(".pic"))) < 12
        assert pixels(barn.locator(".pic")).mean() < 110
        expect(page.locator("h1")).to_have_text("3 of 4 live")
        expect(page.locator("#said")).to_contain_text("barn is stale since")

        with Camera(web.site, "barn", 10, PICTURES):
            wait_for_state(page, "barn", "live")
            assert barn.locator(".plate").count() == 0
            assert colourfulness(pixels(barn.locator(".pic"))) > 100


def test_a_source_that_has_ended_is_not_trouble(web: LiveWeb, page: Page) -> None:
    """Its last picture is grey and says so; nothing on the page has the colour of trouble."""
    said = ["live"]
    with Publisher(web.site, "barn", report=lambda: Report(said[0])) as barn:
        wait_until(lambda: barn.clock.offset() is not None)
        publish_first(barn, PICTURES[0])
        open_live(page, web.url)
        wait_for_state(page, "barn", "live", "late")

        said[0] = "ended"
        barn.report_now()
        wait_for_state(page, "barn", "ended")

        expect(tile(page, "barn").locator(".plate")).to_contain_text("Ended")
        expect(tile(page, "barn").locator(".plate")).to_contain_text("its source has ended")
        assert pixels(tile(page, "barn").locator(".pic")).mean() < 110
        expect(page.locator(".sum")).to_contain_text("1 ended")
        assert page.locator(".sum .bad, .sum .warn").count() == 0


def test_a_camera_that_never_came_waits_in_words(web: LiveWeb, page: Page) -> None:
    open_live(page, web.url)
    wait_for_state(page, "yard", "waiting")

    expect(tile(page, "yard").locator(".void")).to_contain_text("No picture yet")
    expect(tile(page, "yard").locator(".age")).to_contain_text("no picture")


def test_a_hidden_page_costs_nothing(web: LiveWeb, cameras: dict[str, Camera], page: Page) -> None:
    """Behind another tab nothing is asked for, down to the broker; back in front it is live."""
    open_live(page, web.url)
    wait_for_state(page, "barn", "live")
    assert watched(web) == set(NAMES)

    hide(page, hidden=True)
    wait_for(page, lambda: not watched(web))
    hide(page, hidden=False)
    wait_for_state(page, "barn", "live")


TRICKLE_FPS = 1 / 5  # of an unwatched camera, unless the site file says otherwise


def test_a_hidden_page_lets_the_cameras_go_idle(
    web: LiveWeb, cameras: dict[str, Camera], page: Page
) -> None:
    """The broker asks them for nothing but the trickle, and that is all that leaves them."""
    demands = web.live.broker.demands
    open_live(page, web.url)
    wait_for_state(page, "barn", "live")
    assert all(demands.layers(name) == 4 for name in NAMES)

    hide(page, hidden=True)
    wait_for(page, lambda: all(demands.layers(name) == 0 for name in NAMES), timeout=60_000)
    barn = cameras["barn"]
    taken, sent = barn.published, len(barn.sent)
    wait_for(page, lambda: barn.published >= taken + 50)
    seconds = (barn.published - taken) / 10
    assert len(barn.sent) - sent <= seconds * TRICKLE_FPS + 2  # of 50, and what was under way

    hide(page, hidden=False)
    wait_for_state(page, "barn", "live")
    assert demands.layers("barn") == 4


def hide(page: Page, *, hidden: bool) -> None:
    """As the browser does for a tab that is not in front; headless, no tab ever is."""
    page.evaluate(
        """hidden => {
          Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
          document.dispatchEvent(new Event('visibilitychange'));
        }""",
        hidden,
    )


def test_what_is_scrolled_away_costs_nothing(
    web: LiveWeb, cameras: dict[str, Camera], page: Page
) -> None:
    page.set_viewport_size({"width": 360, "height": 420})
    open_live(page, web.url)
    wait_for_state(page, "barn", "live")
    page.evaluate("document.body.style.paddingTop = '3000px'")
    wait_for(page, lambda: not watched(web))
    page.evaluate("document.body.style.paddingTop = '0'")
    wait_for(page, lambda: {"barn", "gate"} <= watched(web))


def test_one_camera_alone_is_the_whole_picture(
    web: LiveWeb, cameras: dict[str, Camera], page: Page
) -> None:
    """Enter opens it and asks for it alone, Escape goes back; a reload stays."""
    open_live(page, web.url)
    wait_for_state(page, "barn", "live")
    page.keyboard.press("Tab")
    page.locator(".tile").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("gate")
    expect(page.locator(".tile:visible")).to_have_count(1)
    wait_for(page, lambda: watched(web) == {"gate"})

    page.keyboard.press(" ")
    expect(tile(page, "gate").locator(".plate")).to_contain_text("Paused")
    assert colourfulness(pixels(tile(page, "gate").locator(".pic"))) < 12
    page.keyboard.press(" ")
    wait_for_state(page, "gate", "live")
    with page.expect_download() as download:
        page.keyboard.press("s")
    assert download.value.suggested_filename.startswith("gate ")
    saved = Path(download.value.path()).read_bytes()
    assert saved in PICTURES

    page.reload()
    expect(page.locator("h1")).to_have_text("gate")
    page.keyboard.press("Escape")
    expect(page.locator(".tile:visible")).to_have_count(4)


def test_the_order_is_the_users_and_is_remembered(
    web: LiveWeb, cameras: dict[str, Camera], page: Page
) -> None:
    """By drag, and by Shift and arrows; the pictures go on."""
    open_live(page, web.url)
    wait_for_state(page, "barn", "live")
    tile(page, "barn").focus()
    page.keyboard.press("Shift+ArrowRight")
    assert order(page) == ["gate", "barn", "porch", "yard"]
    tile(page, "yard").drag_to(tile(page, "gate"))
    assert order(page) == ["yard", "gate", "barn", "porch"]
    before = sequences(page)
    wait_for(page, lambda: all(sequences(page)[name] > before[name] for name in NAMES))

    page.reload()
    wait_for_state(page, "barn", "live")
    assert order(page) == ["yard", "gate", "barn", "porch"]


def order(page: Page) -> list[str]:
    found: list[str] = page.eval_on_selector_all(".tile", "all => all.map(t => t.dataset.camera)")
    return found


def test_a_wall_screen_has_pictures_and_nothing_else(
    web: LiveWeb, cameras: dict[str, Camera], page: Page
) -> None:
    """`/live?kiosk=1&cameras=…`: these cameras in this order, no bars, no pointer."""
    open_live(page, web.url, "/live?kiosk=1&cameras=yard,barn")
    wait_for_state(page, "yard", "live")

    assert order(page) == ["yard", "barn"]
    for bar in (".top", "h1"):
        expect(page.locator(bar)).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).cursor") == "none"
    assert watched(web) == {"yard", "barn"}


def test_a_wall_screen_says_which_of_its_cameras_does_not_exist(
    web: LiveWeb, cameras: dict[str, Camera], page: Page
) -> None:
    open_live(page, web.url, "/live?kiosk=1&cameras=yard,bran")
    wait_for_state(page, "yard", "live")

    expect(page.locator("#banner")).to_contain_text("No such camera, or not permitted: bran.")
    expect(page.locator("#banner")).to_be_visible()
    assert order(page) == ["yard"]


def test_all_keys_are_listed_and_can_be_switched_off(
    web: LiveWeb, cameras: dict[str, Camera], page: Page
) -> None:
    open_live(page, web.url)
    wait_for_state(page, "barn", "live")
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_contain_text("full screen")
    page.keyboard.press("w")
    assert not page.evaluate("document.body.classList.contains('wall')")
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.keyboard.press("w")
    assert page.evaluate("document.body.classList.contains('wall')")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.locator("#single-keys").uncheck()
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.keyboard.press("w")
    assert not page.evaluate("document.body.classList.contains('wall')")


def test_a_camera_is_found_by_its_name(
    web: LiveWeb, cameras: dict[str, Camera], page: Page
) -> None:
    open_live(page, web.url)
    wait_for_state(page, "barn", "live")
    page.keyboard.press("/")
    page.keyboard.type("or")
    expect(page.locator(".tile:visible")).to_have_count(1)
    wait_for(page, lambda: watched(web) == {"porch"})
    page.keyboard.type("x")
    expect(page.locator("#none")).to_contain_text("No camera has “orx” in its name")
    page.keyboard.press("Escape")
    expect(page.locator(".tile:visible")).to_have_count(4)


def test_bytes_that_are_not_a_picture_are_called_so(web: LiveWeb, page: Page) -> None:
    whole = PICTURES[0]
    broken = whole[:2] + whole[whole.index(b"\xff\xc0") :]
    with Camera(web.site, "barn", 10, [broken]):
        open_live(page, web.url)
        wait_for(page, lambda: any(p.counts.sent > 5 for p in web.server.live._open))
        assert tile(page, "barn").get_attribute("data-state") == "waiting"


def test_it_comes_from_here_only_and_is_small(
    web: LiveWeb, cameras: dict[str, Camera], page: Page
) -> None:
    """No request to another server, at most 150 KB before the pictures."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_live(page, web.url)
    wait_for_state(page, "barn", "live")

    assert all(url.startswith((web.url, web.url.replace("http", "ws"))) for url in asked), asked
    sizes: list[dict[str, Any]] = page.evaluate(
        "performance.getEntries().filter(e => e.encodedBodySize)"
        ".map(e => [e.name, e.decodedBodySize])"
    )
    assert sum(int(size) for _, size in sizes) < 150_000, sizes


def test_nothing_moves_when_pictures_come(
    web: LiveWeb, cameras: dict[str, Camera], page: Page
) -> None:
    """No layout shift after the tiles are there."""
    open_live(page, web.url)
    wait_for_state(page, "barn", "live")
    page.evaluate(
        """window.shifts = []; new PerformanceObserver(list => shifts.push(...list.getEntries()
             .map(e => e.value))).observe({type: 'layout-shift'})"""
    )
    before = sequences(page)
    wait_for(page, lambda: sequences(page)["barn"] > before["barn"] + 10)
    assert page.evaluate("shifts.reduce((a, b) => a + b, 0)") < 0.01

"""What holds for each page: no barriers, any width, keyboard alone, both themes."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_core_python.sync_playwright import Axe  # type: ignore[import-untyped]  # without types
from playwright.sync_api import Browser, BrowserContext, Page, expect

from camfan import Subscriber
from camfan_testing.hashes import PASSWORD, PASSWORD_HASH
from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera
from camfan_testing.pages import tile, wait_for_state
from camfan_testing.web import LiveWeb, live_web

pytestmark = pytest.mark.long

NAMES = ("barn", "gate", "porch", "the-old-oak-by-the-northern-gate", "henhouse")
TITLES = {"porch": "W" * 60}  # the widest there can be
USERS = (
    f"  users:\n    ines: {{password: {PASSWORD_HASH}, role: owner}}\n"
    f"    guest: {{password: {PASSWORD_HASH}, cameras: [gate]}}\n"
)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[LiveWeb]:
    """Four cameras are there, one is not; people have to log in."""
    with (
        live_web(tmp_path, *NAMES, web=USERS, titles=TITLES) as running,
        contextlib.ExitStack() as stack,
    ):
        for seed, name in enumerate(NAMES[:4]):
            pictures = [jpeg(640, 360, 10 * seed + one) for one in range(3)]
            stack.enter_context(Camera(running.site, name, 5, pictures))
        yield running


def log_in(page: Page, web: LiveWeb, name: str = "ines") -> None:
    page.goto(f"{web.url}/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/live")


def open_page(page: Page, web: LiveWeb, path: str) -> None:
    if path == "/live":
        log_in(page, web)
    page.goto(f"{web.url}{path}")
    if path.startswith("/live"):
        wait_for_state(page, path.partition("#")[2] or "barn", "live")
    elif path == "/site":
        expect(page.locator("#cameras tbody tr")).to_have_count(5)


PAGES = ("/login", "/live", "/live#barn", "/live#porch", "/site", "/nowhere")
WINDOWS = ((320, 640), (360, 740), (768, 1024), (1280, 800), (2560, 1440))


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_no_page_has_barriers_or_is_wider_than_its_window(
    browser: Browser, web: LiveWeb, scheme: Any
) -> None:
    """Nothing serious by axe-core, no sideways scrolling from 320 pixels up.

    How it looks is kept in the folder $CAMFAN_SHOTS, for people.
    """
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)  # for axe, which is added
    page = context.new_page()
    shots = os.environ.get("CAMFAN_SHOTS")
    for path in PAGES:
        open_page(page, web, path)
        for width, height in WINDOWS:
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
            name = path.strip("/").replace("#", "-")
            if shots:
                page.screenshot(path=Path(shots) / f"{name}-{scheme}-{width}.png")
            if width in (360, 1280):
                assert not barriers(page), (path, width)
    context.close()


def barriers(page: Page) -> list[tuple[str, list[Any]]]:
    return [
        (one["id"], [node["target"] for node in one["nodes"]][:5])
        for one in Axe().run(page)["violations"]
        if one["impact"] in ("serious", "critical")
    ]


def test_everything_is_reached_with_the_keyboard(context: BrowserContext, web: LiveWeb) -> None:
    """From the login to one camera, to the site page, and out again, without a pointer."""
    page = context.new_page()
    page.goto(f"{web.url}/live")
    page.wait_for_url("**/login?to=**")
    page.keyboard.type("ines")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong password")
    page.keyboard.press("Enter")
    expect(page.locator("#err")).to_contain_text("do not match. 4 more tries")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/live")
    wait_for_state(page, "barn", "live")

    press_until(page, "Tab", ".tile")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("gate")
    page.keyboard.press("Shift+Tab")
    press_until(page, "Shift+Tab", "#back")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("live")
    page.keyboard.press("2")
    page.wait_for_url("**/site")
    expect(page.locator("h1")).to_be_visible()
    press_until(page, "Tab", "#user summary")
    page.keyboard.press("Enter")
    press_until(page, "Tab", "#user .btn")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/login"))


def press_until(page: Page, key: str, selector: str) -> None:
    for _ in range(30):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} does not reach {selector}")


def test_the_site_page_says_first_what_is_wrong(context: BrowserContext, web: LiveWeb) -> None:
    page = context.new_page()
    log_in(page, web)
    page.goto(f"{web.url}/site")

    expect(page.locator("#cameras")).to_contain_text("henhouse")
    expect(page.locator("#cameras tbody tr").first).to_contain_text("henhouse")
    expect(page.locator("#nodes")).to_contain_text("broker")
    expect(page.locator("#readers")).to_contain_text("No subscriber reads frames now.")
    with Subscriber(web.site, "barn", max_fps=1, name="hall"):
        expect(page.locator("#readers tbody tr")).to_contain_text("hall")
        expect(page.locator("#readers tbody tr")).to_contain_text("max-fps", timeout=15_000)
    expect(page.locator(".clock span")).to_contain_text("±")


def test_a_user_of_one_camera_sees_one_camera(context: BrowserContext, web: LiveWeb) -> None:
    page = context.new_page()
    log_in(page, web, "guest")
    wait_for_state(page, "gate", "live")
    expect(page.locator(".tile")).to_have_count(1)
    expect(page.locator("h1")).to_have_text("1 live")
    page.goto(f"{web.url}/site")
    expect(page.locator("#cameras tbody tr")).to_have_count(1)
    text = page.inner_text("body")
    assert not [name for name in NAMES if name != "gate" and name in text]


def test_logging_out_ends_other_tabs_too(context: BrowserContext, web: LiveWeb) -> None:
    """Their pictures stop, and they ask to log in."""
    page, other = context.new_page(), context.new_page()
    log_in(page, web)
    other.goto(f"{web.url}/live")
    wait_for_state(other, "barn", "live")
    page.locator("#user summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(re.compile("/login"))

    other.wait_for_url(re.compile("/login"))


def test_colours_are_remembered(context: BrowserContext, web: LiveWeb) -> None:
    page = context.new_page()
    log_in(page, web)
    page.locator("#theme").click()
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()

    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


def test_it_can_be_installed(context: BrowserContext, web: LiveWeb) -> None:
    """Chromium finds nothing that keeps it from being an app."""
    page = context.new_page()
    log_in(page, web)
    tile(page, "barn").wait_for()
    session = context.new_cdp_session(page)
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    manifest = session.send("Page.getAppManifest")

    assert not manifest["errors"]
    assert [e["errorId"] for e in errors if e["errorId"] != "in-incognito"] == []


def test_a_list_on_a_phone_has_the_whole_width(browser: Browser, web: LiveWeb) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740})
    open_page(page, web, "/live")
    open_page(page, web, "/site")
    box = page.locator("#lately-list").bounding_box()
    assert box is not None
    assert box["width"] > 300
    page.close()


def test_a_page_that_is_opened_later_does_not_call_an_offline_camera_waiting(
    context: BrowserContext, web: LiveWeb
) -> None:
    """The Site page, the table and the metrics would say another word meanwhile."""
    page = context.new_page()
    page.goto(f"{web.url}/login")
    states = page.evaluate(
        """async () => {
            const { CameraObserver } = await import('/static/camera_observer.js');
            const watch = new CameraObserver(0), said = [];
            for (const word of ['offline', 'waiting', 'stale']) said.push(watch.observe(10, true, word).state);
            said.push(watch.observe(10, false, 'offline').state);
            watch.arrived({ received: 20, taken: 20, age: 1, error: 1 });
            said.push(watch.observe(21, true, 'offline').state);
            return said;
        }"""  # noqa: E501
    )
    assert states == ["offline", "waiting", "waiting", "offline", "live"]

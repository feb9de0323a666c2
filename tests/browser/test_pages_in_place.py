"""Pages change in place: what a person has focused, selected, scrolled or typed stays as it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from camfan import EventPublisher
from camfan_testing.hashes import PASSWORD, PASSWORD_HASH
from camfan_testing.live import Camera
from camfan_testing.pages import wait_for
from camfan_testing.web import LiveWeb, live_web

pytestmark = pytest.mark.long

NAMES = tuple(f"cam-{number:02}" for number in range(8))
USERS = f"  users: {{ines: {{password: {PASSWORD_HASH}, role: owner}}}}\n"
RENEWALS = 3


@pytest.fixture
def web(tmp_path: Path) -> Iterator[LiveWeb]:
    with (
        live_web(tmp_path, *NAMES, web=USERS) as running,
        contextlib.ExitStack() as stack,
    ):
        for name in NAMES[:-1]:
            stack.enter_context(Camera(running.site, name, 5))
        yield running


@pytest.fixture
def page(context: BrowserContext, web: LiveWeb) -> Page:
    """The site page, where all figures are known."""
    page = context.new_page()
    page.goto(f"{web.url}/login?to=/site")
    page.get_by_label("Name").fill("ines")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/site")
    expect(page.locator("#cameras tbody tr")).to_have_count(len(NAMES))
    return page


def renewed(page: Page, web: LiveWeb) -> None:
    """Wait until the page has been renewed several times, and figures in it have changed."""
    asked = "performance.getEntriesByType('resource').filter(r => r.name.endsWith('status')).length"
    page.evaluate("performance.clearResourceTimings()")
    before = page.locator("#cameras").inner_text()
    wait_for(page, lambda: page.evaluate(asked) >= RENEWALS)
    wait_for(page, lambda: page.locator("#cameras").inner_text() != before)


def test_the_focus_stays_on_a_link_whose_row_changes(page: Page, web: LiveWeb) -> None:
    page.locator('[data-key="cam-03"] a').focus()
    page.evaluate("window.held = document.activeElement")
    renewed(page, web)

    assert page.evaluate("document.activeElement === window.held && window.held.isConnected")


def test_the_focus_stays_when_the_row_gets_another_place(page: Page, web: LiveWeb) -> None:
    """The trouble of a camera moves its row to the top, or away from there."""
    last = f'[data-key="{NAMES[-1]}"]'
    place = (
        f"[...document.querySelectorAll('#cameras tbody tr')].findIndex(r => r.matches('{last}'))"
    )
    wait_for(page, lambda: page.evaluate(place) == 0)
    page.locator(f"{last} a").focus()
    page.evaluate("window.held = document.activeElement")
    with Camera(web.site, NAMES[-1], 5):
        wait_for(page, lambda: page.evaluate(place) == len(NAMES) - 1)
        assert page.evaluate("document.activeElement === window.held && window.held.isConnected")


def test_what_is_selected_stays_selected(page: Page, web: LiveWeb) -> None:
    page.evaluate(
        "getSelection().selectAllChildren(document.querySelector('[data-key=\"cam-02\"] a'))"
    )
    renewed(page, web)

    assert page.evaluate("String(getSelection())") == "cam-02"


def test_what_is_scrolled_stays_there(page: Page, web: LiveWeb) -> None:
    """The page, and a table that is wider than its place: what is read does not move."""
    page.set_viewport_size({"width": 640, "height": 400})
    wide = page.get_by_role("region", name="Cameras")
    wide.evaluate("e => { e.scrollLeft = 60; }")
    page.evaluate("scrollTo(0, 300)")
    place = "e => [e.scrollLeft, Math.round(e.getBoundingClientRect().top)]"
    held = wide.evaluate(place)
    assert held[0] > 0
    renewed(page, web)

    assert wide.evaluate(place) == held


def test_what_is_half_typed_and_a_menu_that_is_open_stay(page: Page, web: LiveWeb) -> None:
    page.locator("#user summary").click()
    page.locator("#find").focus()
    page.keyboard.type("cam-0")
    page.keyboard.press("ArrowLeft")
    renewed(page, web)

    page.keyboard.type("x")
    assert page.input_value("#find") == "cam-x0"
    assert page.evaluate("document.querySelector('#user').open")
    expect(page.locator("#cameras")).to_contain_text("No camera has “cam-x0” in its name or title.")


def test_an_entry_in_use_stays_when_the_list_is_full(page: Page, web: LiveWeb) -> None:
    """As long as it has the focus; then it goes like the others."""
    with EventPublisher(web.site, "watch", kind="motion") as watch:
        watch.event("motion", "start", camera="cam-00", id="first")
        first = page.locator('#lately-list [data-key="first"]')
        first.locator("button").focus()
        for number in range(30):
            watch.event("motion", "start", camera="cam-01", id=f"m{number}")
        expect(page.locator('#lately-list [data-key="m29"]')).to_have_count(1)
        assert first.locator("button").evaluate("e => e === document.activeElement")
        page.locator("#find").focus()
        expect(first).to_have_count(0)

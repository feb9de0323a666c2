"""A person without a pointer uses all of the pages for half a minute, while everything changes."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from camfan import EventPublisher
from camfan_testing.hashes import PASSWORD, PASSWORD_HASH
from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera, wait_until
from camfan_testing.pages import wait_for, wait_for_state
from camfan_testing.web import LiveWeb, live_web

pytestmark = pytest.mark.long

NAMES = ("barn", "gate", "porch", "henhouse", "yard", "field")
TITLES = {"porch": "Haustür 前门"}
USERS = f"  users: {{ines: {{password: {PASSWORD_HASH}, role: owner}}}}\n"
AT_LEAST_S = 30.0
HELD_S = 7.0  # over three renewals of the site page

FOCUSED = "document.activeElement"


class Changes(threading.Thread):
    """Something happens all the time: events begin and end, a camera comes and goes."""

    def __init__(self, web: LiveWeb) -> None:
        super().__init__(name="changes", daemon=True)
        self._web = web
        self._ended = threading.Event()
        self.events = 0

    def run(self) -> None:
        with EventPublisher(self._web.site, "watch", kind="motion") as watch:
            while not self._ended.is_set():
                with Camera(self._web.site, "henhouse", 5):
                    self._some_events(watch)
                self._some_events(watch)

    def _some_events(self, watch: EventPublisher) -> None:
        for _ in range(8):
            name = NAMES[self.events % len(NAMES)]
            watch.event("motion", "start", camera=name, id=f"m{self.events}")
            self._ended.wait(0.4)
            watch.event("motion", "end", camera=name, id=f"m{self.events}")
            self.events += 1

    def __enter__(self) -> Changes:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[LiveWeb]:
    with (
        live_web(tmp_path, *NAMES, web=USERS, titles=TITLES) as running,
        contextlib.ExitStack() as stack,
    ):
        for seed, name in enumerate(NAMES):
            if name != "henhouse":
                pictures = [jpeg(320, 180, 10 * seed + one) for one in range(3)]
                stack.enter_context(Camera(running.site, name, 5, pictures))
        stack.enter_context(Changes(running))
        yield running


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    made = context.new_page()
    said: list[str] = []
    made.on("pageerror", lambda error: said.append(str(error)))
    yield made
    made.close()
    assert not said


def press_until(page: Page, key: str, selector: str) -> None:
    for _ in range(40):
        if page.evaluate(f"s => {FOCUSED}.matches(s)", selector):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} does not reach {selector}")


def log_in(page: Page, web: LiveWeb) -> None:
    page.goto(f"{web.url}/live")
    page.wait_for_url("**/login?to=**")
    page.keyboard.type("ines")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/live")
    wait_for_state(page, "barn", "live")


def find_a_camera(page: Page) -> None:
    """By its title; Enter opens the only one that is found, Escape leads back."""
    page.keyboard.press("/")
    page.keyboard.type("haus")
    expect(page.locator(".tile:not(.off)")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(TITLES["porch"])
    expect(page).to_have_title(f"{TITLES['porch']} · testing · camfan")
    page.keyboard.press("Escape")
    expect(page.locator("h1")).to_contain_text("live")


def set_its_rate(page: Page, web: LiveWeb) -> None:
    """On the site page; the focus stays where it is while all figures change."""
    page.keyboard.press("2")
    page.wait_for_url("**/site")
    expect(page.locator("#cameras tbody tr")).to_have_count(len(NAMES))
    page.keyboard.press("/")
    page.keyboard.type("haus")
    expect(page.locator("#cameras tbody tr")).to_have_count(1)
    press_until(page, "Tab", '[data-key="porch"] button')
    assert stays_in_focus(page, '[data-key="porch"] button')

    page.keyboard.press("Enter")
    expect(page.locator("dialog[open] h2")).to_have_text(f"Set {TITLES['porch']}")
    page.keyboard.type("2.5")
    assert stays_in_focus(page, "dialog [name=fps]")
    assert page.input_value("dialog [name=fps]") == "2.5"
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("The settings were sent to")
    wait_until(lambda: web.live.broker.board.statuses.get("porch") is not None)
    assert page.evaluate(f"""{FOCUSED}.matches('[data-key="porch"] button')""")


def stays_in_focus(page: Page, selector: str) -> bool:
    """For a while in which the page is renewed several times."""
    renewed = page.evaluate("performance.getEntriesByType('resource').length")
    ends_s = time.monotonic() + HELD_S
    while time.monotonic() < ends_s:
        if not page.evaluate(f"s => {FOCUSED}.matches(s)", selector):
            return False
        page.wait_for_timeout(100)
    wait_for(
        page,
        lambda: page.evaluate("performance.getEntriesByType('resource').length") > renewed,
    )
    return bool(page.evaluate(f"s => {FOCUSED}.matches(s)", selector))


def open_an_event(page: Page) -> None:
    """It opens, though newer ones have come before it in the list."""
    press_until(page, "Tab", "#lately-list .event")
    page.keyboard.press("Tab")
    one = page.evaluate(f"{FOCUSED}.closest('li').dataset.key")
    assert stays_in_focus(page, f'li[data-key="{one}"] .event')
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open] h2")).to_have_text("Motion")
    expect(page.locator("dialog[open] dl")).to_contain_text("Camera")
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert page.evaluate(f"{FOCUSED}.matches('#lately-list .event')")


def log_out(page: Page) -> None:
    page.keyboard.press("1")
    page.wait_for_url("**/live")
    wait_for_state(page, "barn", "live")
    press_until(page, "Tab", "#user summary")
    page.keyboard.press("Enter")
    press_until(page, "Tab", "#user .btn")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/login"))


def test_a_whole_visit_without_a_pointer(page: Page, web: LiveWeb) -> None:
    """Log in, find a camera, set its rate on the site page, open an event, log out."""
    began_s = time.monotonic()
    log_in(page, web)
    find_a_camera(page)
    set_its_rate(page, web)
    open_an_event(page)
    while time.monotonic() < began_s + AT_LEAST_S:
        assert stays_in_focus(page, "#lately-list .event")
    log_out(page)


def test_arrows_move_in_the_grid_from_anywhere(page: Page, web: LiveWeb) -> None:
    """Without tabbing into it first, and from a button beside it; not from a field of text."""
    log_in(page, web)
    page.evaluate(f"{FOCUSED}.blur()")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(f"{FOCUSED}.dataset.camera") == "barn"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(f"{FOCUSED}.dataset.camera") == "gate"

    page.locator("#theme").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate(f"{FOCUSED}.dataset.camera") == "gate"
    page.keyboard.press("/")
    page.keyboard.type("ar")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(f"{FOCUSED}.id") == "find"
    page.keyboard.press("ArrowDown")
    assert page.evaluate(f"{FOCUSED}.dataset.camera") == "barn"

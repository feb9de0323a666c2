"""Broker, camera and web server are killed while pages are open.

No old picture ever looks live, and new ones do without a reload when the process is back.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, WebSocket, expect

from camfan_testing.pages import (
    colourfulness,
    pixels,
    sequences,
    tile,
    wait_for,
    wait_for_state,
)
from camfan_testing.ports import free_ports
from camfan_testing.processes import Process, broker_process, camfan
from camfan_testing.sites import TestSite, write_site

pytestmark = pytest.mark.long

LOST = "This page lost the server at"

CAMERAS = "cameras:\n  yard: {source: test, size: 640x360, fps: 10}\n"


BACK = {"broker": "ingest tcp://", "web": "open http://", "yard": "camera yard: "}  # it is there


class Running:
    """The processes of a site, each of which can be killed and started again."""

    def __init__(self, site: TestSite, port: int, stack: contextlib.ExitStack) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._site = site
        self._stack = stack
        self.processes: dict[str, Process] = {}
        for name in ("broker", "yard", "web"):
            self.start(name)

    def start(self, name: str) -> None:
        config = ("--config", str(self._site.path))
        if name == "broker":
            process = broker_process(self._site.path)
        elif name == "web":
            process = camfan("web", *config)
        else:
            process = camfan("camera", name, *config)
        self.processes[name] = self._stack.enter_context(process)
        process.wait_for(BACK[name])

    def kill(self, name: str) -> None:
        self.processes[name].stop(signal.SIGKILL)

    @contextlib.contextmanager
    def hanging(self, name: str) -> Iterator[None]:
        """It does nothing, and its connections stay open."""
        os.kill(self.processes[name].popen.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.processes[name].popen.pid, signal.SIGCONT)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    (port,) = free_ports(1)
    web = f"web: {{listen: '127.0.0.1:{port}', state: {tmp_path}}}\n"
    site = write_site(tmp_path, CAMERAS + web)
    with contextlib.ExitStack() as stack:
        yield Running(site, port, stack)


@pytest.fixture
def page(context: BrowserContext, running: Running) -> Page:
    page = context.new_page()
    page.goto(f"{running.url}/live")
    wait_for_state(page, "yard", "live")
    assert colourfulness(pixels(tile(page, "yard").locator(".pic"))) > 40
    return page


def assert_nothing_looks_live(page: Page) -> None:
    """Neither in words nor in pixels."""
    yard = tile(page, "yard")
    expect(yard.locator(".plate")).to_contain_text("since")
    expect(page.locator("h1")).to_have_text("0 of 1 live")
    assert colourfulness(pixels(yard.locator(".pic"))) < 12


def start_and_see_it_live(running: Running, page: Page, name: str) -> None:
    """New pictures, in words and in pixels: without a reload, and over the same connection unless
    it was the server that was away.
    """
    connections: list[WebSocket] = []
    page.on("websocket", lambda connection: connections.append(connection))
    page.evaluate("window.sameDocument = true")
    before = sequences(page).get("yard", 0)
    running.start(name)
    wait_for_state(page, "yard", "live")
    wait_for(page, lambda: sequences(page).get("yard", before) != before)
    expect(page.locator("h1")).to_have_text("1 live")
    expect(page.locator("#banner")).to_be_hidden()
    assert colourfulness(pixels(tile(page, "yard").locator(".pic"))) > 40
    assert page.evaluate("window.sameDocument")
    assert bool(connections) == (name == "web")


def test_the_broker_is_killed(running: Running, page: Page) -> None:
    """The page says what is away, and goes on by itself."""
    running.kill("broker")
    wait_for_state(page, "yard", "stale")
    assert_nothing_looks_live(page)
    expect(page.locator("#banner")).to_contain_text("The broker does not answer.")

    start_and_see_it_live(running, page, "broker")


def test_the_camera_is_killed(running: Running, page: Page) -> None:
    running.kill("yard")
    wait_for_state(page, "yard", "stale")
    assert_nothing_looks_live(page)
    expect(page.locator("#banner")).to_be_hidden()

    start_and_see_it_live(running, page, "yard")


def test_the_web_server_is_killed(running: Running, page: Page) -> None:
    """All tiles are stale at the time of their last frame, at once; the banner says when."""
    running.kill("web")
    wait_for_state(page, "yard", "stale")
    assert_nothing_looks_live(page)
    expect(page.locator("#banner")).to_contain_text("This page lost the server at")
    expect(page.locator(".clock span")).to_have_text("not checked")

    start_and_see_it_live(running, page, "web")


def test_a_server_that_hangs_is_a_server_that_is_gone(running: Running, page: Page) -> None:
    """Though nothing is closed; and when it goes on, so does the page."""
    with running.hanging("web"):
        expect(page.locator("#banner")).to_contain_text(LOST, timeout=20_000)
        wait_for_state(page, "yard", "stale")
        assert_nothing_looks_live(page)
    wait_for_state(page, "yard", "live")
    expect(page.locator("#banner")).to_be_hidden()


def test_the_site_page_notices_a_server_that_hangs(running: Running, page: Page) -> None:
    page.goto(f"{running.url}/site")
    expect(page.locator("#cameras")).to_contain_text("yard")
    with running.hanging("web"):
        expect(page.locator("#banner")).to_contain_text(LOST, timeout=20_000)
        expect(page.locator("h1")).to_have_text("The server does not answer")
    expect(page.locator("#banner")).to_be_hidden()


def test_icons_are_there_when_the_server_is_not(context: BrowserContext, running: Running) -> None:
    """Those of what is wrong had not been shown before, and nothing can be fetched any more."""
    page = context.new_page()
    page.goto(f"{running.url}/live")
    wait_for_state(page, "yard", "live")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    running.kill("web")
    wait_for_state(page, "yard", "stale")
    for place in (".plate .ic", "#banner .ic"):
        assert page.locator(place).evaluate("e => e.getBBox().width") > 5
    assert not [url for url in asked if "/static/" in url]


def test_a_page_that_was_opened_without_the_broker(
    context: BrowserContext, running: Running
) -> None:
    """Nothing is known yet, not even the time; then everything is."""
    running.kill("broker")
    running.kill("web")
    running.start("web")
    page = context.new_page()
    page.goto(f"{running.url}/live")
    expect(page.locator("#banner")).to_contain_text("The broker does not answer.")
    wait_for_state(page, "yard", "stale", "waiting")

    start_and_see_it_live(running, page, "broker")


def test_a_page_reloaded_without_the_server_says_so(running: Running, page: Page) -> None:
    """The service worker keeps the page, and no picture."""
    page.evaluate("navigator.serviceWorker.ready")
    page.reload()
    wait_for_state(page, "yard", "live")
    running.kill("web")
    page.reload()

    expect(page.locator("#banner")).to_contain_text("This page lost the server at")
    assert page.locator(".tile").count() == 0

    running.start("web")
    wait_for_state(page, "yard", "live")


def test_a_page_reloaded_while_the_server_hangs_says_so(running: Running, page: Page) -> None:
    """It is not waited for without end; what is kept of the page is shown."""
    page.evaluate("navigator.serviceWorker.ready")
    page.reload()
    wait_for_state(page, "yard", "live")
    with running.hanging("web"):
        page.reload(wait_until="commit")
        expect(page.locator("#banner")).to_contain_text(LOST, timeout=30_000)
        assert page.locator(".tile").count() == 0
    wait_for_state(page, "yard", "live")


def test_a_camera_is_set_while_it_runs(running: Running, page: Page) -> None:
    """Rate and quality, from the page to the node of the camera and back to the page."""
    tile(page, "yard").click()
    page.locator("#set").click()
    page.get_by_label("Frames per second, at most").fill("2")
    page.get_by_label("JPEG quality, 1 to 100").fill("30")
    page.get_by_role("button", name="Set", exact=True).last.click()
    expect(page.locator(".toast")).to_contain_text("The settings were sent to yard.")

    expect(tile(page, "yard").locator(".fps")).to_have_text("2 fps", timeout=30_000)

"""Browsers for the tests of pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from camfan_testing.chromium import CHROMIUM, MISSING, launch


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module at a time: it keeps the thread's event loop to itself."""
    if CHROMIUM is None:
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that was never here before."""
    made = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="dark")
    made.set_default_timeout(30_000)
    yield made
    made.close()

"""Where a login leads: to a page of this server, whatever its address asks for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from camfan_testing.hashes import PASSWORD, PASSWORD_HASH
from camfan_testing.web import LiveWeb, live_web

pytestmark = pytest.mark.long

USERS = f"  users:\n    ines: {{password: {PASSWORD_HASH}, role: owner}}\n"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[LiveWeb]:
    with live_web(tmp_path, web=USERS) as running:
        yield running


@pytest.mark.parametrize(
    "to",
    [
        "/.//evil.example", "//evil.example", "/%5Cevil.example", "https://evil.example/",
        "/x/..//evil.example", "javascript:alert(1)", "/%09/evil.example", "", "/site",
    ],
)  # fmt: skip
def test_it_never_leaves_this_server(web: LiveWeb, context: BrowserContext, to: str) -> None:
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{web.url}/login?to={to}")
    page.fill("#name", "ines")
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_function("!location.pathname.startsWith('/login')")
    page.wait_for_load_state()
    assert page.url.startswith(f"{web.url}/")
    assert all(url.startswith(web.url) for url in asked)

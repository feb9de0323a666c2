"""Addresses that do not exist, and the name of the site on every page."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest

from camfan_testing.hashes import PASSWORD_HASH
from camfan_testing.web import LiveWeb, live_web

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
USERS = f"  users: {{ines: {{password: {PASSWORD_HASH}}}}}\n"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[LiveWeb]:
    with live_web(tmp_path) as running:
        yield running


def get(url: str, accept: str = "*/*") -> tuple[int, str, Message]:
    request = urllib.request.Request(url, headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode(), exc.headers


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/nowhere", "There is no page at /nowhere."),
        ("/live/more", "There is no page at /live/more."),
        ("/%3Cscript%3Ealert(1)%3C/script%3E", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("/snapshot/nowhere.jpg", "no such camera, or not permitted"),
        ("/stream/nowhere.mjpg", "no such camera, or not permitted"),
    ],
)
def test_a_browser_gets_a_page(web: LiveWeb, path: str, words: str) -> None:
    """404 in the look of the others, with ways out of it; what was asked for cannot run in it."""
    status, body, headers = get(web.url + path, BROWSER)

    assert (status, headers.get_content_type()) == (404, "text/html")
    assert words in body
    assert 'href="/live"' in body
    assert "<script>" not in body
    assert "default-src 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("accept", ["*/*", BROWSER])
@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nowhere", "/api/cameras/one/nowhere"])
def test_the_api_answers_in_json(web: LiveWeb, path: str, accept: str) -> None:
    status, body, headers = get(web.url + path, accept)

    assert (status, headers.get_content_type()) == (404, "application/json")
    assert path in json.loads(body)["error"]


def test_a_program_gets_a_line(web: LiveWeb) -> None:
    status, body, headers = get(f"{web.url}/nowhere")

    assert (status, headers.get_content_type()) == (404, "text/plain")
    assert body.startswith("there is nothing at /nowhere; ")
    assert body.count("\n") == 1


def test_strangers_learn_nothing_from_it(tmp_path: Path) -> None:
    """The same page for an address that exists only for others."""
    with live_web(tmp_path, web=USERS) as web:
        assert get(f"{web.url}/nowhere", BROWSER)[0] == 404
        assert get(f"{web.url}/api/nowhere", BROWSER)[0] == 404


@pytest.mark.parametrize("path", ["/live", "/site", "/nowhere", "/login"])
def test_each_page_says_of_which_site_it_is(tmp_path: Path, path: str) -> None:
    """In its title, and on it, before any script has run."""
    with live_web(tmp_path, web=USERS if path == "/login" else "") as web:
        _, body, _ = get(web.url + path, BROWSER)

    (title,) = re.findall("<title>(.*)</title>", body)
    assert title.endswith(" · testing · camfan")
    assert "{{" not in body
    assert "testing" in re.sub("<[^>]*>", "", body.partition("<body")[2])

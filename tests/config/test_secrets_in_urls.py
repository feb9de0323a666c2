"""Users and passwords in URLs: taken as they are from a `${...}`, and never shown, nor in part."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camfan_config import HttpCamera, RtspCamera, SiteError, load_site, read_site
from camfan_config.report.render import show
from camfan_config.text.urls import escape_login, login_trouble
from camfan_nodes.camera.address import read_address

LETTERS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
PASSWORDS = [
    "p@ss", "p:ss", "p#ss", "p%41ss", "100%", "a/b", "24680/abcdef", "80?x", "p[1]", "*[",
    "do$$r${H}",
    "amp&er", "sp ace", 'q"uote', "ümlaut", "back\\slash", "%", "@", "/", "://", "//a@b:80/",
]  # fmt: skip


def _site(folder: Path, url: str, source: str = "http") -> Path:
    path = folder / "site.yaml"
    path.write_text(
        f"version: 1\nsite: home\ncameras:\n  gate:\n    source: {source}\n    url: {url!r}\n",
        encoding="utf-8",
    )
    return path


def _url(path: Path, **environment: str) -> str:
    camera = load_site(path, environment=environment).cameras["gate"]
    assert isinstance(camera, HttpCamera | RtspCamera)
    return camera.url


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("source", ["http", "rtsp"])
def test_a_password_works_as_it_is(tmp_path: Path, password: str, source: str) -> None:
    """No letter of it moves into the host, the port or the path."""
    path = _site(tmp_path, source + "://viewer:${PW}@cam.lan:8080/a@b?c", source)

    address = read_address(_url(path, PW=password))

    assert (address.user, address.password) == ("viewer", password)
    assert (address.host, address.port, address.target) == ("cam.lan", 8080, "/a@b?c")
    assert address.shown == f"{source}://cam.lan:8080/…"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LETTERS, LETTERS)
def test_any_user_and_password(tmp_path: Path, user: str, password: str) -> None:
    path = _site(tmp_path, "http://${USER}:${PW}@cam/")

    address = read_address(_url(path, USER=user, PW=password))

    assert (address.user, address.password, address.host) == (user, password, "cam")


@pytest.mark.parametrize(
    ("written", "environment", "user", "password"),
    [
        ("${LOGIN}@", {"LOGIN": "anna:p@ss:w/rd"}, "anna", "p@ss:w/rd"),
        ("${LOGIN}@", {"LOGIN": "a@nna"}, "a@nna", None),
        ("anna:a${ONE}b${TWO}@", {"ONE": "@", "TWO": "/"}, "anna", "a@b/"),
        ("anna:${NONE:-p@ss/w}@", {}, "anna", "p@ss/w"),
        ("anna:%40$$${ONE}@", {"ONE": "%40"}, "anna", "@$%40"),
        ("${USER}:${PW}@", {"USER": "a:b", "PW": ""}, "a:b", ""),
    ],
)
def test_parts_of_a_login(
    tmp_path: Path, written: str, environment: dict[str, str], user: str, password: str | None
) -> None:
    """Several values, values beside letters, and both in one."""
    url = _url(_site(tmp_path, f"http://{written}cam/"), **environment)

    address = read_address(url)

    assert (address.user, address.password, address.host) == (user, password, "cam")


@pytest.mark.parametrize("value", ["http://anna:p%40ss@cam:80/x", "http://cam/shot?user=a&pwd=b"])
def test_a_whole_url_is_taken_as_it_is(tmp_path: Path, value: str) -> None:
    assert _url(_site(tmp_path, "${URL}"), URL=value) == value


def test_other_parts_of_a_url_are_taken_as_they_are(tmp_path: Path) -> None:
    """Only a # is a letter there: camera addresses have no fragment."""
    url = _url(_site(tmp_path, "http://${HOST}/${P}?pwd=${PW}"), HOST="a:80", P="x/y", PW="1&b=2#3")

    address = read_address(url)

    assert (address.host, address.port, address.target) == ("a", 80, "/x/y?pwd=1&b=2%233")


LITERAL = [
    "p@ss", "pa/ss", "24680/abcdef", "80?x=secret", "pa#ss", "100%", "p%zzss", "p[1]ss", "see ret",
    "80#x",
]  # fmt: skip


@pytest.mark.parametrize("password", LITERAL)
@pytest.mark.parametrize("whole", [True, False])
def test_a_password_that_needs_escapes_is_an_error(
    tmp_path: Path, password: str, whole: bool
) -> None:
    """At its line and column; it says how to write it, and nothing of the password."""
    url = f"http://viewer:{password}@cam.lan:8080/x"
    path = _site(tmp_path, "${URL}" if whole else url)

    with pytest.raises(SiteError) as caught:
        load_site(path, environment={"URL": url})

    [problem] = caught.value.problems
    said = str(caught.value)
    assert (problem.line, problem.column, problem.key) == (6, 10, "cameras.gate.url")
    assert "%2F" in problem.message
    assert "${NAME}" in problem.message
    for part in re.split(r"[^\w]+", password):
        assert len(part) < 3 or part not in said


@pytest.mark.parametrize(
    "url",
    [
        "http://viewer:p%40ss%2Fw@cam/x@y",
        "http://viewer:p:s$s*&+;=ü!~@cam",
        "http://cam/@me",
        "http://cam:80/x?y",
        "http://[::1]:80/x",
        "http://[::1]/x@y",
        "rtsp://viewer@cam",
        "no address",
        "http://",
        "",
    ],
)
def test_urls_that_need_no_escapes(url: str) -> None:
    assert login_trouble(url) is None


@given(st.text(max_size=40))
def test_any_url_is_in_order_or_in_trouble(text: str) -> None:
    """For any letters; and what is escaped never needs more escapes."""
    login_trouble(text)
    login_trouble(f"http://{text}")
    escaped = escape_login(text)
    assert escaped == text or login_trouble(f"http://u:{escaped}@cam/") is None


def test_control_characters_are_not_hidden_by_escaping(tmp_path: Path) -> None:
    """A value with its line break is a mistake, as it is everywhere else."""
    path = _site(tmp_path, "http://viewer:${PW}@cam/")

    with pytest.raises(SiteError, match="a line break or another control character"):
        load_site(path, environment={"PW": "secret\n"})


def test_lines_that_are_quoted_show_no_password(tmp_path: Path) -> None:
    """Nor where the mistake is found before the URL is looked at."""
    path = tmp_path / "site.yaml"
    path.write_text(
        "version: 1\nsite: home\ncameras:\n"
        '  a: {source: rtsp, fsp: 5, url: "rtsp://viewer:24680/ab?cd@ef@cam/x"}\n'
        'x-old: {nonsense: !tag 1, url: "rtsp://viewer:24680/ab?cd@ef@cam/x"}\n'
    )

    with pytest.raises(SiteError) as caught:
        load_site(path)

    for part in ("viewer", "24680", "ab?", "cd@"):
        assert part not in str(caught.value)


def test_show_and_hidden_know_the_escaped_form(tmp_path: Path) -> None:
    path = _site(tmp_path, "http://viewer:${PW}@cam/")
    loaded = read_site(path, environment={"PW": "24680/abc def"})

    assert "24680" not in show(loaded)
    for form in ("24680/abc def", "24680%2Fabc%20def"):
        assert loaded.hidden.cover(f"x {form} y") == "x ${PW} y"

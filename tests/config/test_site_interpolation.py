"""`${NAME}` in values: where it is looked up, and that it is never shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camfan_config import (
    CamfanError,
    FileCamera,
    RtspCamera,
    Site,
    SiteError,
    V4l2Camera,
    load_site,
    read_site,
)
from camfan_config.report.render import show

HEAD = "version: 1\nsite: home\n"


def load(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> Site:
    """The site of a file with this text, in this environment only."""
    path = folder / "site.yaml"
    path.write_text(HEAD + text)
    return load_site(path, environment=environment or {})


def url_of(site: Site) -> str:
    """Of the camera `a`."""
    camera = site.cameras["a"]
    assert isinstance(camera, RtspCamera)
    return camera.url


URL = 'cameras: {a: {source: rtsp, url: "rtsp://u:${PASS}@cam"}}'


def test_the_environment_comes_first(tmp_path: Path) -> None:
    """Then a systemd credential, then secrets.yaml."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    places = {"CREDENTIALS_DIRECTORY": str(credentials)}

    (tmp_path / "secrets.yaml").write_text("PASS: from-secrets\n")
    assert url_of(load(tmp_path, URL, places)) == "rtsp://u:from-secrets@cam"
    (credentials / "PASS").write_text("from-credentials\n")
    assert url_of(load(tmp_path, URL, places)) == "rtsp://u:from-credentials@cam"
    assert url_of(load(tmp_path, URL, {**places, "PASS": "from-env"})) == "rtsp://u:from-env@cam"


def test_the_own_environment_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `environment`, load_site uses that of the process."""
    monkeypatch.setenv("PASS", "from-the-process")
    path = tmp_path / "site.yaml"
    path.write_text(HEAD + URL)
    assert url_of(load_site(path)) == "rtsp://u:from-the-process@cam"


def test_a_secret_of_digits_is_text(tmp_path: Path) -> None:
    """A password of digits needs no care, whether in secrets.yaml or in the environment."""
    (tmp_path / "secrets.yaml").write_text("PASS: 0123\n")
    text = "cameras:\n  a:\n    source: v4l2\n    device: ${PASS}"
    for environment in ({}, {"PASS": "0123"}):
        site = load(tmp_path, text, environment)
        camera = site.cameras["a"]
        assert isinstance(camera, V4l2Camera)
        assert camera.device == "0123"


@pytest.mark.parametrize(
    ("text", "environment", "fps"),
    [
        ("fps: ${FPS:-10}", {}, 10),
        ("fps: ${FPS:-10}", {"FPS": "5"}, 5),
        ("fps: ${FPS}", {"FPS": "2.5"}, 2.5),
        ("fps: 1${ZERO}", {"ZERO": "0"}, 10),
        ("fps: ${FPS:-}", {}, None),
        ("fps: ${FPS}", {"FPS": ""}, None),
        ("fps: ${FPS:-10}", {"FPS": ""}, None),
    ],
)
def test_a_plain_value_becomes_what_it_then_says(
    tmp_path: Path, text: str, environment: dict[str, str], fps: float | None
) -> None:
    """Unquoted it can be a number; empty it counts as left out."""
    site = load(tmp_path, f"cameras:\n  a:\n    source: test\n    {text}\n", environment)
    assert site.cameras["a"].fps == fps


def test_a_quoted_value_stays_text(tmp_path: Path) -> None:
    """As any quoted number does."""
    with pytest.raises(SiteError, match=r"'\$\{FPS\}' is not a number"):
        load(tmp_path, 'cameras: {a: {source: test, fps: "${FPS}"}}', {"FPS": "5"})


@pytest.mark.parametrize(
    ("written", "path"),
    [("$$HOME", "$HOME"), ("$HOME", "$HOME"), ("$${X}", "${X}"), ("a$", "a$"), ("$$$$", "$$")],
)
def test_two_dollars_are_one(tmp_path: Path, written: str, path: str) -> None:
    """And one dollar without a brace is itself."""
    site = load(tmp_path, f'cameras: {{a: {{source: file, path: "/{written}"}}}}')
    camera = site.cameras["a"]
    assert isinstance(camera, FileCamera)
    assert camera.path == f"/{path}"


@pytest.mark.parametrize(
    ("written", "environment", "sentence"),
    [
        ("${X}", {}, "X is not set in the environment, $CREDENTIALS_DIRECTORY or secrets.yaml"),
        ("${X:?the disk of the recordings}", {}, "X is not set: the disk of the recordings"),
        ("${X:?the disk}", {"X": ""}, "X is not set: the disk"),
        ("${X:?}", {}, "X is not set: it is needed here"),
        ("${}", {}, "'${}' is malformed"),
        ("${9}", {}, "'${9}' is malformed"),
        ("${X", {}, "'${X' is malformed"),
        ("${X-y}", {}, "'${X-y}' is malformed"),
        ("${X:+y}", {}, "'${X:+y}' is malformed"),
        ("${X:-${Y}}", {}, "'${X:-${Y}' is malformed"),
        ("${../x}", {}, "'${../x}' is malformed"),
    ],
)
def test_what_has_no_value_is_an_error_at_its_place(
    tmp_path: Path, written: str, environment: dict[str, str], sentence: str
) -> None:
    """One error, with the line and column of the value."""
    with pytest.raises(SiteError) as caught:
        load(tmp_path, f'cameras:\n  a: {{source: file, path: "{written}"}}', environment)
    (problem,) = caught.value.problems
    assert problem.message.startswith(sentence)
    assert (problem.line, problem.column, problem.key) == (4, 27, "cameras.a.path")


def test_keys_are_never_interpolated(tmp_path: Path) -> None:
    """A name is what the file says."""
    with pytest.raises(SiteError, match="is not allowed"):
        load(tmp_path, 'cameras: {"${X}": {source: test}}', {"X": "a"})


def test_a_value_cannot_become_yaml(tmp_path: Path) -> None:
    """It is looked up after parsing: braces, colons and line breaks in it are text, or refused."""
    text = "cameras:\n  a:\n    source: file\n    path: ${X}\n"
    camera = load(tmp_path, text, {"X": "/x}, b: {source: test"}).cameras["a"]
    assert isinstance(camera, FileCamera)
    assert camera.path == "/x}, b: {source: test"
    with pytest.raises(SiteError, match="contains a line break"):
        load(tmp_path, text, {"X": "/x\n  b: {source: test}"})


def test_an_option_left_out_needs_not_fit(tmp_path: Path) -> None:
    """A key of another source is not a mistake as long as it is empty."""
    text = """cameras:
  a:
    source: ${SOURCE:-test}
    path: ${VIDEO:-}
    device: ${DEVICE:-}
"""
    assert load(tmp_path, text).cameras["a"].__struct_config__.tag == "test"
    site = load(tmp_path, text, {"SOURCE": "file", "VIDEO": "v.avi"})
    assert site.cameras["a"].__struct_config__.tag == "file"


@pytest.mark.parametrize("content", ["- a\n- b\n", "PASS: [hunter2\n", "PASS: a\nPASS: b\n"])
def test_a_broken_secrets_file_is_named_but_not_shown(tmp_path: Path, content: str) -> None:
    """At the value that needs it, without a word of what is in it."""
    (tmp_path / "secrets.yaml").write_text(content)
    with pytest.raises(SiteError, match=r"secrets\.yaml is not") as caught:
        load(tmp_path, URL)
    assert "hunter2" not in str(caught.value)


def test_an_unreadable_credential_is_named(tmp_path: Path) -> None:
    """It is there, so nothing else is asked."""
    (tmp_path / "PASS").mkdir()
    with pytest.raises(SiteError, match="the credential PASS cannot be read"):
        load(tmp_path, URL, {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_a_wrong_value_is_shown_as_it_is_written(tmp_path: Path) -> None:
    """The complaint names `${NAME}`, never what it stands for."""
    with pytest.raises(SiteError) as caught:
        load(
            tmp_path,
            """
broker: {host: "${A}", memory: "${A}", http: "${A}"}
cameras:
  a: {source: "${A}", fps: 3}
  b: {source: test, flip: "${A}", size: "${A}", host: "${A}", fps: "${A}", rotate: "${A}"}
  c: {source: rtsp, url: "${A}"}
  d: {source: v4l2, device: "${A}"}
  e: {source: v4l2, device: "${A}"}
recorders: {r: {path: "${A}", cameras: ["${A}"]}, s: {path: "${A}"}}
""",
            {"A": "Hunter 2"},
        )
    assert len(caught.value.problems) >= 12
    assert "unter" not in str(caught.value)
    assert "unter" not in repr(caught.value.problems)


GOOD = {
    "host": "localhost",
    "memory": "1MB",
    "source": "file",
    "fps": "5",
    "flip": "none",
    "size": "640x480",
    "url": "rtsp://cam",
    "device": "/dev/video0",
    "path": "/v",
    "camera": "a",
}
TEMPLATE = """
broker: {host: "%(host)s", memory: "%(memory)s"}
cameras:
  a:
    source: %(source)s
    fps: %(fps)s
    path: "%(path)s"
    size: "%(size)s"
    flip: "%(flip)s"
  b: {source: rtsp, url: "%(url)s"}
  c: {source: v4l2, device: "%(device)s"}
recorders: {r: {path: "%(path)s", cameras: ["%(camera)s"]}, s: {path: "%(path)s"}}
"""


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(
    st.sampled_from(sorted(GOOD)),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=5, max_size=20),
)
def test_no_secret_is_in_any_error(tmp_path: Path, where: str, secret: str) -> None:
    """Whatever the value and wherever it stands, neither an error nor `show` tells it."""
    marked = f"§{secret}§"  # so that it cannot stand in a message by chance
    path = tmp_path / "site.yaml"
    path.write_text(HEAD + TEMPLATE % (GOOD | {where: "${SECRET}"}))
    try:
        told = show(read_site(path, environment={"SECRET": marked}))
    except CamfanError as exc:
        told = f"{exc} {exc!r}"
    assert marked not in told

"""The broker's key is written into a site file, and nothing else of the file changes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from camfan import load_site
from camfan_nodes.keys.pinning import PinError, pin, pinned

KEY, OTHER = "ab" * 32, "0" * 64
HEAD = "version: 1 # of the format\nsite: home\n"
TAIL = "cameras:\n  one: {source: custom}  # by hand\n"

SECTIONS = [
    "",
    "security:\n",
    "security: # nothing yet\n",
    "security: ~\n",
    "security: &nothing\n",
    "security: {}\n",
    "security: { } # empty\n",
    "security: {keys: keys/, limits: {connections: 99}}\n",
    "security: &ours {keys: keys/} # anchored\n",
    "security:\n  keys: keys/  # ours\n",
    "security:\n    # indented by four\n    access: {a: {view: '*'}}\n",
    "security: &ours # anchored\n  keys: keys/\n",
    "security:\n  keys: keys/\n\n  # the end of it\n",
    '"security":\n  "keys": "keys/"\n',
    "'security' : {'keys' : 'keys/'}\n",
    "? security\n: keys: keys/\n",
    "security:\n  {\n    keys: keys/, # in\n    limits: {connections: 99},\n  }\n",
    f"security: {{keys: keys/, server_key: '{OTHER}'}}\n",
    f"security:\n  server_key: {OTHER} # old\n  keys: keys/\n",
    f'security:\n  keys: keys/\n  server_key: &key "{OTHER}"\n',
    f"security:\n  server_key: |-\n    {OTHER}\n  keys: keys/\n",
    f"security:\n  server_key: >-\n    {OTHER}\n  # behind it\n",
    "security:\n  server_key:\n  keys: keys/\n",
    "security:\n  server_key: # none\n",
    f"security: {{server_key: {OTHER}}}\n",
]
UPSTREAMS = [
    "",
    f"upstream:\n  cabin: {{key: cabin.secret, server_key: &theirs {OTHER}}} # theirs\n",
    f"x-note: &note\n  server_key: {OTHER}\n",
]


def changed(text: str) -> str:
    """The text with the key in it; checked to be the same in everything else."""
    result = pinned(text, KEY)

    before, after = _data(text), _data(result)
    had = before.get("security")
    security = {"keys": "keys/", **(had if isinstance(had, dict) else {}), "server_key": KEY}
    assert after == {**before, "security": security}
    assert re.findall(r"#.*|&\w+", result) == re.findall(r"#.*|&\w+", text)
    if not (isinstance(had, dict) and "server_key" in had and "keys" not in had):
        assert not re.sub(rf"{OTHER}|[~|>\s\"'-]", "", _replaced(text, result))
    assert pinned(result, KEY) == result
    return result


def _replaced(text: str, result: str) -> str:
    """What is not in the result any more, if one place was changed."""
    rest = text[_alike(text, result) :]
    return rest[: len(rest) - _alike(rest[::-1], result[_alike(text, result) :][::-1])]


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _data(text: str) -> dict[str, Any]:
    return yaml.load(text, yaml.BaseLoader) or {}


@pytest.mark.parametrize("section", SECTIONS)
def test_each_form_of_the_section(section: str) -> None:
    changed(HEAD + section + TAIL)
    changed((HEAD + UPSTREAMS[1] + TAIL + section).rstrip("\n"))


@settings(max_examples=60, deadline=None)
@given(
    head=st.sampled_from(["", "# c\n", "\n\n", "--- # c\n", "%YAML 1.1\n---\n", "\ufeff"]),
    section=st.sampled_from(SECTIONS),
    upstream=st.sampled_from(UPSTREAMS),
    end=st.sampled_from(["", "\n", "# c", "\n  # c\n", "...\n"]),
    last=st.booleans(),
    windows=st.booleans(),
    indent=st.integers(0, 3),
)
def test_any_layout(
    head: str, section: str, upstream: str, end: str, last: bool, windows: bool, indent: int
) -> None:
    """Comments, order, anchors, quotes, indentation and line ends stay, whatever the layout."""
    body = HEAD + upstream + (TAIL + section if last else section + TAIL)
    if "|-" not in body and ">-" not in body:
        body = "".join(" " * indent + line for line in body.splitlines(keepends=True))
    text = head + body + end
    if windows:
        assert not re.search(r"[^\r]\n", changed(text.replace("\n", "\r\n")))
    else:
        changed(text)


def test_a_file_in_braces() -> None:
    """A site file may be JSON."""
    changed('{"version": 1, "site": "home", "cameras": {"one": {"source": "test"}}}')
    changed('{"security": {}, "version": 1}')
    changed('{"security": {"keys": "keys/"}, "version": 1}')
    assert changed("") == f"security: {{keys: keys/, server_key: {KEY}}}\n"


def test_line_ends_of_windows_stay_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes((HEAD + TAIL).replace("\n", "\r\n").encode())

    pin(path, KEY)

    assert b"\r\n" in path.read_bytes()
    assert not re.search(rb"[^\r]\n", path.read_bytes())
    assert load_site(path).security.server_key == KEY


@pytest.mark.parametrize(
    "section",
    [
        "security: [keys]\n",
        "security: text\n",
        "x: &ours {keys: keys/}\nsecurity: *ours\n",
        "security: {server_key: {a: b}}\n",
        "security: {keys: keys/\n",
        "security: {" + "a: {" * 2000 + "\n",
    ],
)
def test_a_form_that_cannot_be_changed_leaves_the_file_alone(tmp_path: Path, section: str) -> None:
    """The error says what to write into the file."""
    path = tmp_path / "site.yaml"
    text = HEAD + section + TAIL
    path.write_text(text)

    with pytest.raises(PinError, match=f"Write into it: security: .*{KEY}"):
        pin(path, KEY)

    assert path.read_text() == text

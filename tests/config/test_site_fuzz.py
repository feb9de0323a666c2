"""Whatever a file holds, the answer is a Site or a SiteError."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camfan_config import Site, SiteError, load_site
from camfan_config.document.tree import MAX_BYTES

SITES = Path(__file__).parents[2] / "config/sites"
FARM = (SITES / "farm.yaml").read_text()
ENVIRONMENT = {"GATE_PASSWORD": "x", "WEB_PASSWORD_HASH": "y", "EMPTY": ""}

fuzz = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=80,
    deadline=None,
)

PIECES = [
    "a",
    "fps",
    "source",
    "test",
    "v4l2",
    "cameras",
    "${EMPTY}",
    "${",
    "$$",
    "5s",
    "*",
    "1",
    "",
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(PIECES),
    st.text(max_size=8),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(PIECES), inner, max_size=4)
    ),
    max_leaves=12,
)


def answer(folder: Path, raw: bytes) -> None:
    """Anything but a Site or a SiteError fails the test."""
    path = folder / "site.yaml"
    path.write_bytes(raw)
    site, error = None, None
    try:
        site = load_site(path, environment=ENVIRONMENT)
    except SiteError as exc:
        error = exc
    if error is None:
        assert isinstance(site, Site)
    else:
        assert str(error)
        assert all(problem.line >= 0 and problem.message for problem in error.problems)


@fuzz
@given(st.binary(max_size=300))
def test_any_bytes(tmp_path: Path, raw: bytes) -> None:
    """Bytes that were not meant as a site file."""
    answer(tmp_path, raw)


@fuzz
@given(
    st.text(st.sampled_from("ab:-?,[]{}#&*!|>'\"%@`$~\t\n \r\x85\u2028\ufeff\0\\<=."), max_size=60)
)
def test_any_punctuation(tmp_path: Path, text: str) -> None:
    """Text made of what YAML cares for."""
    answer(tmp_path, text.encode())


@fuzz
@given(st.dictionaries(st.sampled_from([*Site.__struct_fields__, "x-a"]), VALUES, max_size=6))
def test_any_yaml_below_the_right_keys(tmp_path: Path, value: dict[str, Any]) -> None:
    """Every section gets values of every shape."""
    answer(tmp_path, yaml.safe_dump({"version": 1, "site": "s", **value}).encode())


@fuzz
@given(st.data())
def test_a_good_file_with_one_value_replaced(tmp_path: Path, data: st.DataObject) -> None:
    """Each key of a whole site meets each kind of value."""
    tree = yaml.safe_load(FARM)
    node: Any = tree
    while isinstance(node, dict | list) and node:
        keys = sorted(node) if isinstance(node, dict) else range(len(node))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or data.draw(st.booleans()):
            node[key] = data.draw(VALUES)
            break
        node = node[key]
    answer(tmp_path, yaml.safe_dump(tree).encode())


@fuzz
@given(st.integers(0, len(FARM)), st.integers(0, 20), st.text(max_size=5))
def test_a_good_file_with_a_slip_of_the_hand(tmp_path: Path, at: int, cut: int, put: str) -> None:
    """Characters taken out or put in anywhere."""
    text = FARM[:at] + put + FARM[at + cut :]
    answer(tmp_path, text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b"{a: " * 100_000,
        b"- " * 100_000,
        b"? " * 50_000,
        b"a: &a [*a]",
        b"&a a: *a",
        b"x: &x [" + b"a, " * 40_000 + b"]\ncameras: [*x, *x, *x]",
        b"a" * MAX_BYTES,
        b"a: " + b"9" * 900_000,
        b"version: " + b"9" * 5000,
        b"a: 1e99999999",
        b"cameras: {a: {source: test, fps: 1e999}}",
        b'version: "\\ud800"',
        b'"\\ud800": 1',
        b"%YAML 1." + b"9" * 5000 + b"\n---\na",
        b"%TAG ! !\xc3\xa4\n---\n!a b",
        b"--- |\n" + b"a\n" * 10_000,
        b"a: " + b"'" * 9999,
        "a: ١".encode(),
        b"\xff\xfea\x00:\x00 \x001\x00",
        b"\xef\xbb\xbf\xef\xbb\xbfa: 1",
        b"\x00" * 100,
        b"\r\r\n\r",
        b"# only a comment",
        b"---\n...\n---\n...\n",
    ],
    ids=range(25),
)
def test_files_made_to_hurt(tmp_path: Path, raw: bytes) -> None:
    """Deep, long, cyclic, huge, wrongly encoded."""
    answer(tmp_path, raw)


@pytest.mark.parametrize("line", [b"key: [a, b, c]\n", b"- {a: b}\n", b"# comment\n"])
def test_the_largest_file_comes_to_an_end(tmp_path: Path, line: bytes) -> None:
    """A megabyte of YAML costs seconds, not hours: nothing in here is quadratic."""
    answer(tmp_path, line * (MAX_BYTES // len(line)))

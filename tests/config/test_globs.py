"""Globs mean what the standard library says they mean, at a bounded cost."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from camfan_config.text.globs import is_glob, matches

NAMES = st.text("abc-", max_size=8)
PIECES = st.sampled_from(
    ["*", "?", "a", "b", "-", "[ab]", "[!ab]", "[a-c]", "[!a-b]", "[", "[]", "]", "[]a]", "[a-]"]
)


@given(NAMES, st.lists(PIECES, max_size=8).map("".join))
@example("", "")
@example("", "*")
@example("a", "[!]")
def test_as_the_standard_library(name: str, pattern: str) -> None:
    assert matches(name, [pattern]) == fnmatchcase(name, pattern)


@given(st.text(max_size=64), st.text(max_size=64))
def test_any_text_is_a_pattern(name: str, pattern: str) -> None:
    assert isinstance(matches(name, [pattern]), bool)


def test_one_of_several_is_enough() -> None:
    assert matches("porch", ["gate", "po*"])
    assert not matches("porch", [])
    assert not matches("porch", ["gate", "po"])


@pytest.mark.parametrize(("pattern", "is_one"), [("porch", False), ("po*", True), ("[ab]", True)])
def test_names_are_not_globs(pattern: str, is_one: bool) -> None:
    assert is_glob(pattern) == is_one


def test_a_pattern_that_could_explode_does_not() -> None:
    """Each star of it could begin anywhere; only the last one is ever tried again."""
    assert not matches("a" * 64, ["*a" * 31 + "*b"])

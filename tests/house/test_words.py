"""The glossary names modules that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = re.findall(
    r"^\| (?!word \|)([a-z ]+) \| .* \|$", (ROOT / "docs/design/words.md").read_text(), re.MULTILINE
)


def test_each_word_has_one_line() -> None:
    assert len(ROWS) == len(set(ROWS)) == 40


def test_modules_of_the_glossary_exist() -> None:
    """A module that moves takes its line in the glossary along."""
    text = (ROOT / "docs/design/words.md").read_text()
    modules = re.findall(r"`([\w/]+\.(?:py|sh))`", text)

    assert len(modules) >= len(ROWS)
    assert [module for module in modules if not (ROOT / module).is_file()] == []

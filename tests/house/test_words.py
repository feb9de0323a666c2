"""The glossary, and the modules that the documents name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from plain_text import ROOT

WORDS = ROOT / "docs" / "design" / "words.md"
ROWS = re.findall(r"^\| (?!word \|)([a-z ]+) \| .* \|$", WORDS.read_text("utf-8"), re.MULTILINE)
DOCUMENTS = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])
FOLDERS = ("config", "broker", "nodes", "deploy", "docs", "tests")
EXISTING = [path.relative_to(ROOT).as_posix() for f in FOLDERS for path in (ROOT / f).rglob("*.*")]


def test_each_word_has_one_line() -> None:
    assert len(ROWS) == len(set(ROWS)) == 40


def test_each_word_has_a_module() -> None:
    assert len(re.findall(r"\| `[\w/]+\.py` \|$", WORDS.read_text("utf-8"), re.MULTILINE)) == 40


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_modules_that_a_document_names_exist(document: Path) -> None:
    """A module that moves takes the documents along."""
    named = re.findall(r"`(?:\.\./)?([\w/]+\.(?:py|sh|js))`", document.read_text("utf-8"))

    missing = [
        name for name in named if not any(f"/{path}".endswith(f"/{name}") for path in EXISTING)
    ]
    assert missing == []

"""What fuzzing started from, and what it found."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan_testing.parsers import PARSERS

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(path for path in CORPUS.rglob("*") if path.is_file())


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_input_is_too_much(path: Path) -> None:
    PARSERS[path.parent.name](path.read_bytes())

"""What people read is plain technical English: none of the words that `plain_text.py` looks for."""

from __future__ import annotations

import pytest

from plain_text import ODD, ROOT, files_of, odd_words

OWN = "tests/house/test_plain_text.py"  # its examples


@pytest.mark.parametrize(
    "text",
    ["Nobody watches.", "it is told", "pictures are no frames", "at most so\nmany", "who sees it"],
)
def test_odd_words_are_found(text: str) -> None:
    assert ODD.search(text)


@pytest.mark.parametrize(
    "text",
    [
        "there is no such camera", "if x is None", "it is no longer sent", "so long as it runs",
        "the whole file", "an anchor",
    ],
)  # fmt: skip
def test_plain_words_are_not(text: str) -> None:
    assert not ODD.search(text)


def test_all_text_is_plain() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so it is not known which files are ours")
    files = [file for file in files_of([]) if file != OWN]

    assert [str(word) for file in files for word in odd_words(file)] == []

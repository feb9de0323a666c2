"""Text from outside reaches no terminal and no log but as one line of printable characters."""

from __future__ import annotations

import io
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camfan_config import HidingFormatter
from camfan_config.text.printable import printable, printable_lines
from camfan_nodes.camera.words import printable_short
from camfan_nodes.up.journal import TerminalJournal


@given(st.text())
def test_only_printable_characters_are_left(text: str) -> None:
    """Whatever comes in, it is one line that a terminal prints and does not obey."""
    shown = printable(text)

    assert shown.replace("\u202f", " ").isprintable()
    assert printable(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Haustür 前门 باب", "Haustür 前门 باب"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("\x1b]52;c;cm0=\x07", "\ufffd]52;c;cm0=\ufffd"),
        ("\x9b31mred", "\ufffd31mred"),
        ("safe\u202egnp.exe", "safe\ufffdgnp.exe"),
        ("1\u202f000", "1\u202f000"),
        ("می\u200cخواهم", "میخواهم"),
    ],
)
def test_what_becomes_of_it(text: str, shown: str) -> None:
    """Letters of every script stay; what commands a terminal is replaced."""
    assert printable(text) == shown


def test_long_words_of_a_device_are_cut() -> None:
    """In the middle of a sentence."""
    assert printable_short("x" * 500) == "x" * 99 + "…"


@given(st.text(), st.text(min_size=1))
def test_no_message_forges_a_line_of_the_log(reason: str, name: str) -> None:
    """One record is one line; a traceback has lines of its own, each of them printable."""
    layout = HidingFormatter("%(levelname)s %(name)s: %(message)s")
    record = logging.LogRecord(
        "node", logging.WARNING, "", 0, "camera %s: %s", (name, reason), None
    )

    line = layout.format(record)

    assert line.startswith("WARNING node: camera ")
    assert line.replace("\u202f", " ").isprintable()


def test_a_traceback_keeps_its_lines() -> None:
    """And what was raised cannot hide in it."""
    layout = HidingFormatter("%(message)s")
    try:
        raise ValueError("\x1b[2J")
    except ValueError as exc:
        info = (type(exc), exc, exc.__traceback__)
    record = logging.LogRecord("node", logging.ERROR, "", 0, "it broke", (), info)

    lines = layout.format(record).split("\n")

    assert lines[0] == "it broke"
    assert len(lines) > 3
    assert all(line.isprintable() for line in lines)
    assert printable_lines("a\nb\x1b") == "a\nb\ufffd"


@given(st.text())
def test_the_journal_of_a_site_is_printable(line: str) -> None:
    """Also what `up` itself says, such as the summary with the words of a node."""
    sheet = io.StringIO()

    TerminalJournal(["camfan"], sheet).say("camfan", line)

    assert sheet.getvalue().endswith("\n")
    assert sheet.getvalue()[:-1].replace("\u202f", " ").isprintable()

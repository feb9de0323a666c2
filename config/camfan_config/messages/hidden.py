"""What came out of the environment or a secrets file, kept so that it is not said at run time.

There are two ways out: what a program prints (`HidingFormatter`, `hiding_errors`), and the text of
reports and events (`camfan.link.redaction`). Nothing else has to know what is hidden.

Texts of no fixed shape are hidden: a path, a device, a URL. Hosts, addresses, names and numbers
are not: they hold no secret, and a log without them is of little use.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from urllib.parse import quote, unquote

from camfan_config.errors import CamfanError
from camfan_config.messages.problems import SiteError
from camfan_config.text.printable import printable, printable_lines

MIN_LENGTH = 4  # of a value; a shorter one would be found in any word
MAX_PARENTS = 8  # of a path


class Hidden:
    """Says `${NAME}` in the place of what that stands for."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}  # by value
        self._shown: dict[str, str] = {}  # by text
        self._pattern: re.Pattern[str] | None = None

    def __repr__(self) -> str:
        return f"Hidden({sorted(set(self._names.values()))})"

    def add(self, name: str, value: str) -> None:
        if len(value) >= MIN_LENGTH:
            self._names.setdefault(value, name)
            self._pattern = None

    def add_all(self, other: Hidden) -> None:
        """What another reading of the file has found."""
        for value, name in other._names.items():
            self.add(name, value)

    def cover(self, text: str) -> str:
        """The text as it may be said."""
        if not self._names:
            return text
        if self._pattern is None:
            self._pattern = self._compiled()
        return self._pattern.sub(lambda match: self._shown[match[0]], text)

    def _compiled(self) -> re.Pattern[str]:
        found: dict[str, str] = {}
        for value, name in self._names.items():
            for text in _folders(value):
                # Only where it ends: below it there may be others than the hidden one.
                found[text] = re.escape(text) + r"(?![\w.-]|/[\w.-])"
                self._shown.setdefault(text, f"${{{name}}}")
        for value, name in self._names.items():
            for text in _forms(value):
                found[text] = re.escape(text)
                self._shown[text] = f"${{{name}}}"
        return re.compile("|".join(found[text] for text in sorted(found, key=len, reverse=True)))


@contextmanager
def hiding_errors(hidden: Hidden) -> Iterator[None]:
    """An error that leaves here says what may be said."""
    try:
        yield
    except CamfanError as exc:
        exc.args = (hidden.cover(str(exc)),)
        raise


class HidingFormatter(logging.Formatter):
    """Of a log: hides what is hidden, tracebacks included, and writes only what can be printed. A
    message is one line, whatever is in it.
    """

    def __init__(self, layout: str, hidden: Hidden | None = None) -> None:
        super().__init__(layout)
        self._hidden = hidden or Hidden()

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - its name in logging
        own = isinstance(record.args, tuple) and any(isinstance(a, SiteError) for a in record.args)
        text = super().formatMessage(record)
        return text if own else printable(text)  # a report on the site file has lines of its own

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(self._hidden.cover(super().format(record)))


def _forms(value: str) -> set[str]:
    """A value, and what becomes of it in a message."""
    path = str(PurePath(value))
    value = value.rstrip("/")
    forms = {value, quote(value), quote(value, safe=""), unquote(value), repr(value)[1:-1], path}
    return {form for form in forms if len(form) >= MIN_LENGTH}


def _folders(value: str) -> list[str]:
    """Those that it lies in: a message says how far a path exists."""
    parents = PurePath(value).parents[:MAX_PARENTS] if value.startswith("/") else ()
    return [str(parent) for parent in parents if len(str(parent)) >= MIN_LENGTH]

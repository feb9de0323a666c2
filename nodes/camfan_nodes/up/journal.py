"""Where the lines of all processes go: to the terminal with a name before each, or to a file."""

from __future__ import annotations

import logging
import logging.handlers
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol, TextIO

from camfan_config.text.printable import printable

MAX_BYTES = 5_000_000  # then a second file is started; the one before it is kept
_COLOURS = (36, 33, 35, 34, 32, 31, 96, 93, 95, 94)  # of names, to tell them apart


class Journal(Protocol):
    """Takes a name and a line at a time."""

    def say(self, name: str, line: str) -> None: ...

    def close(self) -> None: ...


class TerminalJournal:
    """`driveway  | the line`, names in columns, coloured where there is a terminal."""

    def __init__(self, names: Sequence[str], stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._width = max((len(name) for name in names), default=0)
        self._colours: dict[str, int] = {}
        self._coloured = self._stream.isatty()

    def say(self, name: str, line: str) -> None:
        label = name.ljust(self._width)
        if self._coloured:
            colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
            label = f"\x1b[{colour}m{label}\x1b[0m"
        self._stream.write(f"{label} | {printable(line)}\n")
        self._stream.flush()

    def close(self) -> None:
        self._stream.flush()


class _QuietFileHandler(logging.handlers.RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - its name in logging
        """A full disk costs lines of the log, and puts nothing over the table."""


class FileJournal:
    """The same lines with their time, in a file of bounded size."""

    def __init__(self, path: Path) -> None:
        """Raises OSError if the file cannot be written."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = _QuietFileHandler(path, maxBytes=MAX_BYTES, backupCount=1, encoding="utf-8")

    def say(self, name: str, line: str) -> None:
        time = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
        self._file.handle(logging.makeLogRecord({"msg": f"{time} {name} | {printable(line)}"}))

    def close(self) -> None:
        self._file.close()

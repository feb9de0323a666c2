"""Where each value of a site file stands, and how a complaint about it becomes a problem.

`Places` is filled while the tree is converted and asked by every later check. A complaint never
shows what came from the environment, and the quoted line never shows a literal password.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from camfan_config.document.tree import Scalar, TextSpan
from camfan_config.messages.hidden import Hidden
from camfan_config.messages.problems import Problem
from camfan_config.text.printable import REPLACED, printable

KeyPath = tuple[str | int, ...]
MAX_SHOWN = 300  # characters; a longer line does not help
MAX_PROBLEMS = 100  # a file with more is the wrong file

_CREDENTIALS = re.compile(r"(?<=://)[^\n\"']+(?=@)")
_PASSWORD = re.compile(
    r"(?i)(\w*(?:passw|secret|token|pwd)\w*[\"']?\s*:\s*[\"']?)((?:\$\{[^}]*\}|[^\s\"',}])+)"
)
_LOGIN = re.compile(r"(?<=://).+(?=@)", re.DOTALL)
_SIMPLE = re.compile(r"[A-Za-z0-9_-]+")


class TooMany(Exception):  # noqa: N818 - ends the walk; `load` turns it into a SiteError
    """MAX_PROBLEMS have been found."""


@dataclass(frozen=True, slots=True)
class KeyPlace:
    key: TextSpan  # of a list item: the item
    value: TextSpan
    written: str | None  # a scalar's text as in the file
    foreign: bool = False


class Places:
    """Places by key path, and the problems found so far."""

    def __init__(self, file: str, lines: tuple[str, ...]) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.hidden = Hidden()
        self._lines = lines
        self._places: dict[KeyPath, KeyPlace] = {}
        self._wrong: set[KeyPath] = set()
        self._secret: set[TextSpan] = set()

    def __contains__(self, path: KeyPath) -> bool:
        return path in self._places

    def __getitem__(self, path: KeyPath) -> KeyPlace:
        return self._places[path]

    def put(self, path: KeyPath, place: KeyPlace) -> None:
        self._places[path] = place

    def hide(self, scalar: Scalar) -> None:
        """Its text is a secret even where it is written in the file."""
        self._secret.add(scalar.mark)

    def complain(
        self, path: KeyPath, message: str, *, suggestion: str | None = None, key: bool = False
    ) -> None:
        """At the value, or at the key; where neither is written, at what it would belong to."""
        written = path
        while written and written not in self._places:
            written, key = written[:-1], True
        place = self._places.get(written)
        mark = TextSpan(0, 0) if place is None else place.key if key else place.value
        self.complain_at(mark, path, message, suggestion=suggestion)

    def complain_at(
        self, mark: TextSpan | None, path: KeyPath, message: str, *, suggestion: str | None = None
    ) -> None:
        """At a mark of the file; None: the file as a whole."""
        self._wrong.add(path)
        known = mark is not None and mark.line < len(self._lines)
        source = self._shown(mark.line) if mark is not None and known else ""
        self.problems.append(
            Problem(
                file=self.file,
                line=mark.line + 1 if mark else 0,
                column=mark.column + 1 if mark else 0,
                key=dotted(path),
                message=_without_logins(message),
                source=source,
                length=mark.length if mark else 1,
                suggestion=None if suggestion is None else _without_logins(suggestion),
            )
        )
        if len(self.problems) >= MAX_PROBLEMS:
            raise TooMany

    def blame(self, path: KeyPath) -> None:
        """Take what stands there for wrong, as another complaint is about it already."""
        self._wrong.add(path)

    def sound(self, *paths: KeyPath) -> bool:
        """True when nothing wrong was found at, above or below any of the paths."""
        return not any(_touches(path, wrong) for path in paths for wrong in self._wrong)

    def line(self, path: KeyPath) -> int:
        """Counted from 1."""
        return self._places[path].key.line + 1 if path in self._places else 0

    def written(self, path: KeyPath, otherwise: object) -> str:
        """What the file says there: fit to be shown, whatever it was replaced by."""
        place = self._places.get(path)
        return str(otherwise) if place is None or place.written is None else place.written

    def _shown(self, line: int) -> str:
        text = self._lines[line]
        if len(text) > MAX_SHOWN:
            return ""
        for mark in self._secret:
            if mark.line == line:
                end = mark.column + mark.length
                text = text[: mark.column] + stars(text[mark.column : end]) + text[end:]
        text = _CREDENTIALS.sub(lambda match: stars(match[0]), text)
        text = _PASSWORD.sub(lambda match: match[1] + stars(match[2]), text)
        return "".join(char if char == "\t" else printable(char) or REPLACED for char in text)


def dotted(path: KeyPath) -> str:
    """`cameras.driveway.zones.drive[2]`, for people."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _SIMPLE.fullmatch(part) else quoted(part)
            text += f".{name}" if text else name
    return text


def quoted(text: str) -> str:
    """The text in quotes, on one line, never long, without the login of a URL."""
    text = _LOGIN.sub(lambda match: stars(match[0]), text)
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _without_logins(text: str) -> str:
    return _CREDENTIALS.sub(lambda match: stars(match[0]), text)


def stars(text: str) -> str:
    """The same length, with nothing left to read but quotes and `${...}`."""
    return re.sub(
        r"\$\{[^}]*\}|[\"']|.", lambda m: m[0] if m[0][0] in "$\"'" and m[0] != "$" else "*", text
    )


def _touches(path: KeyPath, wrong: KeyPath) -> bool:
    shorter = min(len(path), len(wrong))
    return path[:shorter] == wrong[:shorter]

"""Mistakes in a site file, and their places.

A problem is data; `SiteError` carries all of them at once. Nothing here prints or exits, and
nothing here ever holds a value that came from the environment or a secrets file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from camfan_config.errors import CamfanError


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it is, what it is, and what was probably meant."""

    file: str
    line: int  # from 1; 0: the file as a whole
    column: int  # from 1
    key: str  # `cameras.driveway.fps`; empty: no key in particular
    message: str
    source: str = ""  # the line of the file, literal passwords masked
    length: int = 1  # how much of it is underlined
    suggestion: str | None = None  # what to write instead

    @property
    def place(self) -> str:
        """`site.yaml:31:10`, which terminals and editors can jump to."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    @property
    def sentence(self) -> str:
        """The key, the complaint and the suggestion."""
        key = f"{self.key}: " if self.key else ""
        meant = f"; did you mean {self.suggestion!r}?" if self.suggestion is not None else ""
        return f"{key}{self.message}{meant}"

    def __str__(self) -> str:
        head = f"{self.place:<15}  {self.sentence}"
        if not self.source.strip():
            return head
        number, shown = f"{self.line:6}", self.source.replace("\t", " ")
        blank = " " * len(number)
        under = " " * (self.column - 1) + "^" * self.length
        return f"{head}\n{number} | {shown}\n{blank} | {under}"


class SiteError(CamfanError):
    """A site file cannot be used; `problems` says everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems), key=_position))
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        total = "1 error" if count == 1 else f"{count} errors"
        return "\n".join([*map(str, self.problems), f"{total}. Nothing was started."])


def _position(problem: Problem) -> tuple[str, int, int, str, str]:
    return problem.file, problem.line, problem.column, problem.key, problem.message

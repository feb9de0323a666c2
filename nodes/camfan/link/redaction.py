"""The text of reports and events as it may be sent: without what the site file got from elsewhere.

This is the one way out to other machines. The way out to this machine's terminal and log is
`HidingFormatter`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from camfan_config import Hidden
from camfan_wire.messages import Report

MOST = 1000  # characters of a text in a status; a longer one would refuse the whole of it


class Redaction:
    """Says `${NAME}` in the place of what that stands for."""

    def __init__(self, hidden: Hidden) -> None:
        self._hidden = hidden

    def of(self, report: Callable[[], Report]) -> Callable[[], Report]:
        """The same report, as it may be sent."""
        return lambda: self.report(report())

    def report(self, report: Report) -> Report:
        """A report without hidden values, and each text no longer than a status may have."""
        parts = {
            name: self._texts(part)
            for name in report.__struct_fields__
            if isinstance(part := getattr(report, name), Struct)
        }
        message = None if report.message is None else self._text(report.message)
        return replace(report, message=message, **parts)

    def _texts(self, figures: Struct) -> Struct:
        values = {name: getattr(figures, name) for name in figures.__struct_fields__}
        texts = {name: self._text(text) for name, text in values.items() if isinstance(text, str)}
        return replace(figures, **texts) if texts else figures

    def _text(self, text: str) -> str:
        return self._hidden.cover(text)[:MOST]

    def details(self, details: Mapping[str, object]) -> dict[str, object]:
        """The details of an event without hidden values, however deep they lie."""
        return {name: self._value(value) for name, value in details.items()}

    def _value(self, value: object) -> object:
        if isinstance(value, str):
            return self._hidden.cover(value)
        if isinstance(value, Mapping):
            return {name: self._value(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(one) for one in value]
        return value

"""Sets keys of one section of a YAML text, and changes nothing else of the text.

The places come from the parser, so comments, order, anchors, quotes and line ends stay. Knows YAML
only; whether the result is a site file is checked by loading it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from camfan_config.document.syntax import with_tabs_replaced

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BREAK = re.compile("\r\n|\n|\r")


class YamlEditError(Exception):
    """The section has a form that cannot be changed in place."""


@dataclass(frozen=True, slots=True)
class _YamlPart:
    """A part of the text: its first event, what it contains, and its last event."""

    event: yaml.Event
    children: tuple[_YamlPart, ...]
    end: yaml.Event

    @property
    def start(self) -> int:
        return _index(self.event.start_mark)

    @property
    def column(self) -> int:
        mark = self.event.start_mark
        return 0 if mark is None else int(mark.column)

    @property
    def is_flow(self) -> bool:
        return bool(getattr(self.event, "flow_style", False))

    def value_of(self, key: str) -> _YamlPart | None:
        """The value of a key of this mapping; None if the key is missing."""
        pairs = zip(self.children[::2], self.children[1::2], strict=True)
        return next((value for name, value in pairs if _text(name) == key), None)


def set_keys(text: str, section: str, values: Mapping[str, str], missing: Mapping[str, str]) -> str:
    """Set `values` in a section, and `missing` where the section has no such key.

    A section that is missing is added. Raises YamlEditError, and yaml.YAMLError for a text that
    YAML cannot parse.
    """
    for key, value in values.items():
        text = _set(text, section, key, value, replace=True)
    for key, value in missing.items():
        text = _set(text, section, key, value, replace=False)
    return text


def _set(text: str, section: str, key: str, value: str, *, replace: bool) -> str:
    root = _parse(text)
    if root is None:
        return text + _break(text, len(text)) + f"{section}: {{{key}: {value}}}\n"
    if not isinstance(root.event, yaml.MappingStartEvent):
        raise YamlEditError("the file is not a list of 'key: value' lines")
    there = root.value_of(section)
    if there is None:
        return _append_section(text, root, section, f"{key}: {value}")
    if _is_null(there):
        return _replace_scalar(text, there, f"{{{key}: {value}}}")
    if not isinstance(there.event, yaml.MappingStartEvent):
        raise YamlEditError(f"'{section}:' is not a section of 'key: value' lines")
    had = there.value_of(key)
    if had is None:
        return _insert(text, there, f"{key}: {value}")
    return _replace_scalar(text, had, value) if replace else text


def _append_section(text: str, root: _YamlPart, section: str, line: str) -> str:
    """The section behind the last one; where the text is in braces, before the first."""
    if root.is_flow:
        return _insert(text, root, f"{section}: {{{line}}}")
    end, indent, new_line = _index(root.end.start_mark), " " * root.column, _line_end(text)
    added = f"{indent}{section}:{new_line}{indent}  {line}{new_line}"
    return text[:end] + _break(text, end) + new_line + added + text[end:]


def _insert(text: str, mapping: _YamlPart, entry: str) -> str:
    """A new first entry of a mapping."""
    if not mapping.children:  # only braces can hold nothing
        end = _index(mapping.end.end_mark) - 1
        return text[:end] + entry + text[end:]
    first = mapping.children[0]
    between = ", " if mapping.is_flow else _line_end(text) + " " * first.column
    return text[: first.start] + entry + between + text[first.start :]


def _replace_scalar(text: str, node: _YamlPart, value: str) -> str:
    """Another value in the place of one; an anchor before it stays."""
    if isinstance(node.event, yaml.AliasEvent):
        return text[: node.start] + value + text[_index(node.event.end_mark) :]
    if not isinstance(node.event, yaml.ScalarEvent):
        raise YamlEditError("there is a mapping or a list in place of a value")
    token = _scalar_token(text, node)
    if token is None:  # an empty value
        end = _index(node.event.end_mark)
        return f"{text[:end]} {value}{text[end:]}"
    start, end = _index(token.start_mark), _index(token.end_mark)
    rest = _line_end(text) if token.style in ("|", ">") else ""
    return text[:start] + value + rest + text[end:]


def _scalar_token(text: str, node: _YamlPart) -> yaml.ScalarToken | None:
    end = _index(node.event.end_mark)
    for token in yaml.scan(_parsable(text)):
        inside = node.start <= _index(token.start_mark) and _index(token.end_mark) <= end
        if inside and isinstance(token, yaml.ScalarToken):
            return token
    return None


def _parse(text: str) -> _YamlPart | None:
    """The first document; None if there is none."""
    events = iter(yaml.parse(_parsable(text)))
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            return _part(events)
    return None


def _part(events: Iterator[yaml.Event]) -> _YamlPart:
    event = next(events)
    children: list[_YamlPart] = []
    if not isinstance(event, yaml.CollectionStartEvent):
        return _YamlPart(event, (), event)
    while True:
        child = _part(events)
        if isinstance(child.event, yaml.CollectionEndEvent):
            return _YamlPart(event, tuple(children), child.event)
        children.append(child)


def _parsable(text: str) -> str:
    """The same text in the same places, with tabs that PyYAML does not accept as spaces."""
    try:
        for _ in yaml.parse(text):
            pass
    except yaml.YAMLError:
        return with_tabs_replaced(text)
    return text


def _index(mark: Any) -> int:
    """The place of a mark in the text; parsing a text always gives one."""
    return int(mark.index)


def _text(node: _YamlPart) -> str | None:
    return node.event.value if isinstance(node.event, yaml.ScalarEvent) else None


def _is_null(node: _YamlPart) -> bool:
    return (
        isinstance(node.event, yaml.ScalarEvent)
        and node.event.style is None
        and node.event.value in _NULL
    )


def _line_end(text: str) -> str:
    """As the first line of the text ends."""
    found = _BREAK.search(text)
    return "\n" if found is None else found[0]


def _break(text: str, at: int) -> str:
    """What has to be written there so that a line begins."""
    return "" if at == 0 or text[at - 1] in "\r\n" else _line_end(text)

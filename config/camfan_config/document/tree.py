"""A YAML document as a tree in which every piece knows its place.

Values follow the YAML 1.2 core schema, as editors do: `no` and `22:30` are text, `010` is ten,
there are no dates. Keys are always text. Refused, each with its place: keys given twice, tags,
merge keys (`<<`), a second document, and whatever is larger, deeper or more aliased than any
site needs. What YAML cannot even parse is one `DocumentError`; everything else is collected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from camfan_config.document.syntax import explain, foreign_character, with_tabs_replaced

MAX_BYTES = 1_000_000
MAX_DEPTH = 20  # a site needs 7
MAX_NODES = 50_000  # with every alias written out
MAX_ALIASES = 200

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what PyYAML counts as the end of a line
_INT = re.compile(r"[-+]?[0-9]{1,40}|0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,40}|[0-9]{1,40}(\.[0-9]{0,40})?)([eE][-+]?[0-9]{1,3})?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {text: text[0] in "tT" for text in ("true", "True", "TRUE", "false", "False", "FALSE")}

Plain = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A stretch of one line, both counted from 0."""

    line: int
    column: int
    length: int = 1


@dataclass(frozen=True, slots=True)
class Scalar:
    text: str = field(repr=False)  # may be a secret once interpolated
    plain: bool  # unquoted, so that it can be a number
    mark: TextSpan
    written: str  # as in the file, so that it can always be shown
    interpolated: bool = False  # the text came out of a `${...}`
    found: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # names and their values

    @property
    def foreign(self) -> bool:
        """It came out of the environment or a secrets file: never shown."""
        return bool(self.found)

    @property
    def value(self) -> Plain:
        """What the text means under the YAML 1.2 core schema."""
        return resolve(self.text) if self.plain else self.text

    @property
    def absent(self) -> bool:
        """True for a `${...}` that came to nothing: the option counts as left out."""
        return self.interpolated and not self.text


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[YamlNode, ...]
    mark: TextSpan


@dataclass(frozen=True, slots=True)
class MappingEntry:
    key: Scalar
    value: YamlNode


@dataclass(frozen=True, slots=True)
class Mapping:
    entries: tuple[MappingEntry, ...]
    mark: TextSpan


YamlNode = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something wrong with the document itself."""

    mark: TextSpan
    message: str
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    root: YamlNode
    lines: tuple[str, ...]
    complaints: tuple[Complaint, ...]


class DocumentError(Exception):
    """The text is not YAML that can be read on; says why and, where known, at which place."""

    def __init__(
        self, message: str, mark: TextSpan | None = None, lines: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.message, self.mark, self.lines = message, mark, lines


def resolve(text: str) -> Plain:
    """The value of an unquoted scalar under the YAML 1.2 core schema."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _FLOAT.fullmatch(text) or _NO_NUMBER.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def read_document(raw: bytes) -> Document:
    """Raises DocumentError, and nothing else, for bytes that are not one YAML document."""
    text = _decode(raw)
    lines = tuple(_BREAK.split(text))
    _refuse_foreign_characters(lines)
    try:
        builder, root = _build(text, lines)
    except yaml.reader.ReaderError as exc:
        complaint = f"the character U+{ord(text[exc.position]):04X} cannot stand in a YAML file"
        raise DocumentError(complaint, _mark_at(text, exc.position), lines) from None
    except yaml.MarkedYAMLError as exc:
        words, place = explain(exc, lines)
        raise DocumentError(words, TextSpan(*place) if place else None, lines) from None
    except (yaml.YAMLError, ValueError, OverflowError) as exc:
        raise DocumentError(f"not YAML: {exc}", None, lines) from None
    except DocumentError as exc:
        raise DocumentError(exc.message, exc.mark, lines) from None
    return Document(root, lines, tuple(builder.complaints))


def _build(text: str, lines: tuple[str, ...]) -> tuple[_TreeBuilder, YamlNode]:
    try:
        builder = _TreeBuilder(lines)
        return builder, builder.build(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as exc:
        plain = with_tabs_replaced(text) if "\\t" in (exc.problem or "") else text
        if plain == text:
            raise
    builder = _TreeBuilder(lines)
    return builder, builder.build(yaml.parse(plain, Loader=yaml.SafeLoader))


def _refuse_foreign_characters(lines: tuple[str, ...]) -> None:
    found = foreign_character(lines)
    if found is not None:
        raise DocumentError(found[0], TextSpan(*found[1]), lines)


def _decode(raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        raise DocumentError(f"larger than {MAX_BYTES:,} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        before = raw[: exc.start].decode("utf-8", "replace")
        lines = tuple(_BREAK.split(raw.decode("utf-8", "replace")))
        complaint = f"byte 0x{raw[exc.start]:02x} is not UTF-8; save the file as UTF-8"
        raise DocumentError(complaint, _mark_at(before, len(before)), lines) from None


def _mark_at(text: str, position: int) -> TextSpan:
    before = _BREAK.split(text[:position])
    return TextSpan(len(before) - 1, len(before[-1]))


class _TreeBuilder:
    """Builds the tree out of the parser's events; its recursion is bounded by MAX_DEPTH."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        self._lines = lines
        self._anchors: dict[str, tuple[YamlNode, int]] = {}
        self._nodes = 0
        self._aliases = 0
        self._end: yaml.Event | None = None  # of the list or mapping read last
        self.complaints: list[Complaint] = []

    def build(self, events: Iterator[yaml.Event]) -> YamlNode:
        self._events = events
        root: YamlNode | None = None
        for event in events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            if root is not None:
                raise DocumentError("a second document; a site file has one", self._mark(event))
            root = self._node(next(events), ())
        return root or Scalar("", True, TextSpan(0, 0), "")

    def _node(self, event: yaml.Event, path: tuple[str | int, ...]) -> YamlNode:
        before = self._nodes
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        self._count(event, 1)
        if len(path) > MAX_DEPTH:
            raise DocumentError(f"nested deeper than {MAX_DEPTH} levels", self._mark(event))
        node = self._whole(event, path)
        if event.tag is not None:
            words = f"the tag {event.tag!r} has no meaning here; for a secret write ${{NAME}}"
            self.complaints.append(Complaint(node.mark, words, path))
        if event.anchor is not None and isinstance(node, Scalar) and not node.written:
            words = "a text that begins with '&' must be in quotes"
            self.complaints.append(Complaint(node.mark, words, path))
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._nodes - before)
        return node

    def _whole(
        self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, path: tuple[str | int, ...]
    ) -> YamlNode:
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, not event.style, self._mark(event), event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            items = tuple(self._items(path))
            return Sequence(items, self._mark(event, self._end))
        entries = tuple(self._entries(path))
        return Mapping(entries, self._mark(event, self._end))

    def _items(self, path: tuple[str | int, ...]) -> Iterator[YamlNode]:
        for index, event in enumerate(self._events):
            if isinstance(event, yaml.SequenceEndEvent):
                self._end = event
                return
            yield self._node(event, (*path, index))

    def _entries(self, path: tuple[str | int, ...]) -> Iterator[MappingEntry]:
        seen: dict[str, int] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                self._end = event
                return
            key = self._node(event, (*path, "?"))
            name = key.text if isinstance(key, Scalar) else "?"
            value = self._node(next(self._events), (*path, name))
            words = _key_complaint(key, seen)
            if words is not None:
                self.complaints.append(Complaint(key.mark, words, (*path, name)))
            elif isinstance(key, Scalar):
                seen[name] = key.mark.line + 1
                yield MappingEntry(key, value)

    def _alias(self, event: yaml.AliasEvent) -> YamlNode:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise DocumentError(f"more than {MAX_ALIASES} aliases", self._mark(event))
        if event.anchor not in self._anchors:
            words = f"the alias *{event.anchor} has no finished anchor &{event.anchor} before it"
            words += "; a text that begins with '*' must be in quotes"
            raise DocumentError(words, self._mark(event))
        node, size = self._anchors[event.anchor]
        self._count(event, size)
        return node

    def _count(self, event: yaml.Event, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            words = f"more than {MAX_NODES:,} values (aliases count each time)"
            raise DocumentError(words, self._mark(event))

    def _mark(self, event: yaml.Event, last: yaml.Event | None = None) -> TextSpan:
        start, end = event.start_mark, (last or event).end_mark
        assert start is not None  # the parser gives both to every event
        assert end is not None
        if end.line == start.line:
            stop = end.column
        else:  # as far as its first line goes
            line = self._lines[start.line] if start.line < len(self._lines) else ""
            stop = len(line.split(" #")[0].rstrip())
        return TextSpan(start.line, start.column, max(1, stop - start.column))


def _key_complaint(key: YamlNode, seen: dict[str, int]) -> str | None:
    if not isinstance(key, Scalar):
        return "a key must be text"
    if key.plain and key.text == "<<":
        return "merge keys ('<<') are not part of YAML 1.2; write the values out, or use defaults"
    if key.text in seen:
        return f"given twice; first on line {seen[key.text]}"
    return None

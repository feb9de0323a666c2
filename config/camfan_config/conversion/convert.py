"""The tree of a site file as the types of `types.py`, with every mistake found on the way.

Walks msgspec's description of the types, so a new field there needs nothing here. A value that
is wrong is complained about at its place and replaced by its default (or, if it has none, by a
stand-in), so that one run finds all mistakes; the result is good only if nothing was found.
"""

from __future__ import annotations

from collections.abc import Sequence as List
from dataclasses import replace
from pathlib import Path
from typing import Any

from msgspec import inspect

from camfan_config.conversion.hints import (
    corners_are_pairless,
    corners_are_pixels,
    holds_secret,
    in_place_of_a_list,
    in_place_of_a_mapping,
    is_polygon,
    missing_words,
    of_many,
    size_of,
    unknown_words,
)
from camfan_config.conversion.kinds import ValueKind, is_free_text, is_tagged, kind_of
from camfan_config.conversion.scalars import Wrong, read_scalar
from camfan_config.conversion.synonyms import key_for
from camfan_config.document.places import KeyPath, KeyPlace, Places, quoted
from camfan_config.document.tree import Mapping, MappingEntry, Scalar, Sequence, TextSpan, YamlNode
from camfan_config.site.inherit import inherited
from camfan_config.text.spelling import closest
from camfan_config.types import CameraBase, CameraDefaults, CustomCamera, Site

_MAPPING = "a mapping (key: value)"
_BAD: Any = object()  # in place of a value that has been complained about


def convert(root: YamlNode, places: Places, folder: Path, broken: frozenset[TextSpan]) -> Site:
    """`folder` is what relative paths start from; nodes at `broken` marks are skipped."""
    places.put((), KeyPlace(root.mark, root.mark, None))
    site = _Walk(places, folder, broken).value(inspect.type_info(Site), root, ())
    return site if isinstance(site, Site) else Site(version=1, site="", cameras={})


class _Walk:
    def __init__(self, places: Places, folder: Path, broken: frozenset[TextSpan]) -> None:
        self._places = places
        self._folder = folder
        self._broken = broken
        self._defaults: dict[str, object] = {}

    def value(self, info: inspect.Type, node: YamlNode, path: KeyPath) -> Any:
        """The value, or _BAD after a complaint."""
        kind = kind_of(info)
        if node.mark in self._broken:
            return _BAD
        if not isinstance(node, Mapping) and holds_secret(kind):
            kind = replace(kind, secret=True)
            self._hide(node)
        if isinstance(node, Scalar):
            if node.value is None and not node.interpolated:
                return None if kind.nullable else self._empty(kind, node, path)
            if kind.short and isinstance(kind.type, inspect.StructType):
                return self._short(kind.type, kind.short, node, path)
            return self._scalar(kind, node, path)
        if is_tagged(kind.type):
            return self._tagged(kind.type, node, path)
        if is_polygon(kind.type) and isinstance(node, Sequence) and self._corners(node, path):
            return _BAD
        if isinstance(node, Sequence):
            return self._sequence(kind, node, path)
        if isinstance(kind.type, inspect.DictType):
            return self._dict(kind.type, node, path)
        if isinstance(kind.type, inspect.StructType) and kind.unit is None:
            return self._struct(kind.type, node, path)
        words = f"{_MAPPING} where {_noun(kind)} is expected"
        self._places.complain(path, words, suggestion=size_of(kind, node))
        return _BAD

    def _hide(self, node: YamlNode) -> None:
        """All of what may be a password at a wrong place."""
        if isinstance(node, Scalar):
            self._places.hide(node)
        elif isinstance(node, Sequence):
            for item in node.items:
                self._hide(item)

    def _corners(self, node: Sequence, path: KeyPath) -> bool:
        """True after a complaint about corners that are not pairs of shares."""
        for index, item in enumerate(node.items):
            words = corners_are_pixels(item) or corners_are_pairless(item)
            if words:
                self._put(item.mark, item, (*path, index))
                self._places.complain((*path, index), words)
                return True
        return False

    def _empty(self, kind: ValueKind, node: Scalar, path: KeyPath) -> Any:
        if not path:
            message = "the file is empty; a site needs version, site and cameras"
        elif node.text:
            message = f"{node.text} is not allowed here; leave the key out instead"
        else:
            message = "has no value; give it one or leave the key out"
            if _noun(kind) == _MAPPING:
                message += "; its lines must be indented deeper"
        self._places.complain(path, message, key=not node.text)
        return _BAD

    def _scalar(self, kind: ValueKind, node: Scalar, path: KeyPath) -> Any:
        if kind.secret:
            self._places.hide(node)
        try:
            value = read_scalar(kind, node)
        except Wrong as exc:
            message = exc.message + (in_place_of_a_mapping(kind, node) or "")
            self._places.complain(path, message, suggestion=exc.suggestion)
            return _BAD
        if is_free_text(kind):
            for name, found in node.found:
                self._places.hidden.add(name, found)
        return str(self._folder / str(value)) if kind.unit == "path" else value

    def _short(self, info: inspect.StructType, name: str, node: Scalar, path: KeyPath) -> Any:
        """A mapping of which only one key is written, as its value alone."""
        field = next(field for field in info.fields if field.encode_name == name)
        value = self.value(field.type, node, path)
        return _BAD if value is _BAD else self._build(info, {field.name: value})

    def _sequence(self, kind: ValueKind, node: Sequence, path: KeyPath) -> Any:
        info = kind.type
        if isinstance(info, inspect.UnionType):  # a list or something short for it
            lists = [each for each in info.types if isinstance(each, inspect.VarTupleType)]
            info = lists[0] if lists else info
        if isinstance(info, inspect.VarTupleType):
            return self._items(info, node, path)
        if isinstance(info, inspect.TupleType) and len(info.item_types) == len(node.items):
            return self._all([*zip(info.item_types, node.items, strict=True)], path)
        found = f"a list of {len(node.items)}" if isinstance(info, inspect.TupleType) else "a list"
        words = f"{found} where {_noun(kind)} is expected{in_place_of_a_list(kind)}"
        self._places.complain(path, words, suggestion=size_of(kind, node))
        return _BAD

    def _items(self, info: inspect.VarTupleType, node: Sequence, path: KeyPath) -> Any:
        if len(node.items) < (info.min_length or 0):
            words = f"a list of {len(node.items)}; at least {info.min_length} are needed"
            self._places.complain(path, words)
            return _BAD
        return self._all([(info.item_type, item) for item in node.items], path)

    def _all(self, items: List[tuple[inspect.Type, YamlNode]], path: KeyPath) -> Any:
        values = []
        for index, (info, item) in enumerate(items):
            self._put(item.mark, item, (*path, index))
            values.append(self.value(info, item, (*path, index)))
        return _BAD if any(value is _BAD for value in values) else tuple(values)

    def _dict(self, info: inspect.DictType, node: Mapping, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        key_kind = kind_of(info.key_type)
        nameless = False
        for entry in node.entries:
            name, child = entry.key.text, (*path, entry.key.text)
            self._put(entry.key.mark, entry.value, child)
            if not isinstance(entry.value, Mapping) and of_many(info, name):
                if nameless:
                    continue  # one complaint is enough for all of them
                nameless = True
                words = f"{name!r} is a key of one of {path[-1]}; each of them has a name, and its"
                self._places.complain(child, f"{words} keys are indented below that", key=True)
                continue
            self._name(key_kind, name, child)
            value = self.value(info.value_type, entry.value, child)
            values[name] = self._hollow(info.value_type) if value is _BAD else value
        return {name: value for name, value in values.items() if value is not _BAD}

    def _hollow(self, info: inspect.Type) -> Any:
        """A stand-in of the type, so that its name is known where the file refers to it."""
        kind = kind_of(info)
        if is_tagged(kind.type):
            return CustomCamera()
        return self._build(kind.type, {}) if isinstance(kind.type, inspect.StructType) else _BAD

    def _name(self, kind: ValueKind, name: str, path: KeyPath) -> None:
        try:  # a key is text whatever it looks like
            read_scalar(kind, Scalar(name, False, TextSpan(0, 0), name))
        except Wrong as exc:
            self._places.complain(path, exc.message, suggestion=exc.suggestion, key=True)

    def _tagged(self, info: inspect.UnionType, node: YamlNode, path: KeyPath) -> Any:
        choices = {
            str(each.tag): each for each in info.types if isinstance(each, inspect.StructType)
        }
        if not isinstance(node, Mapping):
            words = f"a list where {_MAPPING} is expected; leave the '-' out"
            self._places.complain(path, words)
            return _BAD
        field = next(iter(choices.values())).tag_field or ""
        chosen = self._choice(field, choices, node, path)
        others = [each for tag, each in choices.items() if tag != chosen]
        known = choices.get(chosen) or inspect.type_info(CustomCamera)
        assert isinstance(known, inspect.StructType)
        return self._struct(known, node, path, others, certain=chosen in choices)

    def _choice(
        self, field: str, choices: dict[str, inspect.StructType], node: Mapping, path: KeyPath
    ) -> str:
        """The tag, or "" after a complaint."""
        entry = next((each for each in node.entries if each.key.text == field), None)
        if entry is None or self._absent(entry.value):
            if not any(key_for(each.key.text, (field,)) for each in node.entries):
                words = f"missing; it is one of {', '.join(choices)}"
                self._places.complain((*path, field), words)
            return ""
        self._put(entry.key.mark, entry.value, (*path, field))
        literal = inspect.LiteralType(tuple(choices))
        value = self.value(literal, entry.value, (*path, field))
        return "" if value is _BAD else str(value)

    def _struct(
        self,
        info: inspect.StructType,
        node: Mapping,
        path: KeyPath,
        others: List[inspect.StructType] = (),
        *,
        certain: bool = True,
    ) -> Any:
        fields = {field.encode_name: field for field in info.fields}
        given: dict[str, Any] = {}
        missing = {name for name, field in fields.items() if field.required}
        elsewhere = {field.encode_name for other in others for field in other.fields}
        for entry in node.entries:
            name, child = entry.key.text, (*path, entry.key.text)
            absent = self._absent(entry.value)
            if name == info.tag_field or (not path and name.startswith("x-")):
                continue
            if name in fields and not absent:
                missing.discard(name)
                self._put(entry.key.mark, entry.value, child)
                given[fields[name].name] = self.value(fields[name].type, entry.value, child)
            elif name in missing:
                missing.discard(name)
                self._came_to_nothing(entry.value, child)
            elif name not in fields and not (name in elsewhere and (absent or not certain)):
                meant = self._unknown(entry, child, info, others, certain=certain)
                if meant in missing:
                    missing.discard(meant)
                    self._places.blame((*path, meant))
        for name in sorted(missing, key=list(fields).index):
            self._places.complain((*path, name), missing_words(fields[name]))
        return self._build(info, given)

    def _absent(self, node: YamlNode) -> bool:
        return isinstance(node, Scalar) and node.absent and node.mark not in self._broken

    def _came_to_nothing(self, node: YamlNode, path: KeyPath) -> None:
        assert isinstance(node, Scalar)
        words = f"{quoted(node.written)} is empty, and the key is required"
        self._places.complain_at(node.mark, path, words)

    def _build(self, info: inspect.StructType, given: dict[str, Any]) -> Any:
        if issubclass(info.cls, CameraDefaults):
            self._defaults = {name: value for name, value in given.items() if value is not _BAD}
        if issubclass(info.cls, CameraBase):
            given = given | inherited(info.cls, given, self._defaults)
        good = {name: value for name, value in given.items() if value is not _BAD}
        for field in info.fields:
            if field.required and field.name not in good:
                good[field.name] = _stand_in(field.type)
        return info.cls(**good)

    def _unknown(
        self,
        entry: MappingEntry,
        path: KeyPath,
        info: inspect.StructType,
        others: List[inspect.StructType],
        *,
        certain: bool,
    ) -> str:
        """The key that was probably meant, so that it is not missed as well."""
        name = entry.key.text
        if isinstance(entry.value, Scalar) and any(kind_of(f.type).secret for f in info.fields):
            self._places.hide(entry.value)
        elsewhere = {field.encode_name for other in others for field in other.fields}
        own = [field.encode_name for field in info.fields]
        if info.tag_field is not None:
            own.append(info.tag_field)
        meant = key_for(name, own) or (None if key_for(name, elsewhere) else closest(name, own))
        other = name if name in elsewhere else None
        if other is None and meant is None:
            other = key_for(name, elsewhere) or closest(name, elsewhere, cutoff=0.8)
        words = unknown_words(name, own) or "unknown key"
        guessed = meant or ""
        if other is not None:
            tags = [str(o.tag) for o in others if other in {f.encode_name for f in o.fields}]
            plural = "s" if len(tags) > 1 else ""
            words = f"unknown key; {other!r} belongs to source{plural} {', '.join(tags)}"
            words += f", this camera is {info.tag!r}" if certain else ""
            meant = None
        if words.startswith("unknown key;"):
            meant = None  # the words say more than a key
        if ":" in name:
            path = (*path[:-1], name.partition(":")[0])  # what follows can be a secret
        self._places.complain_at(entry.key.mark, path, words, suggestion=meant)
        return guessed

    def _put(self, key: TextSpan, node: YamlNode, path: KeyPath) -> None:
        written = node.written if isinstance(node, Scalar) else None
        foreign = isinstance(node, Scalar) and node.foreign
        self._places.put(path, KeyPlace(key, node.mark, written, foreign))


def _noun(kind: ValueKind) -> str:
    """What belongs there, for messages."""
    if is_tagged(kind.type):
        return _MAPPING
    match kind.type:
        case inspect.DictType():
            return _MAPPING
        case inspect.StructType() if kind.unit is None:
            return _MAPPING
        case inspect.VarTupleType():
            return "a list"
        case inspect.TupleType(item_types=items):
            return f"a list of {len(items)}"
        case inspect.UnionType():
            return 'a list or "*"'
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType() | inspect.FloatType() if kind.unit in (None, "rate"):
            return "a number"
    return "one value"


def _stand_in(info: inspect.Type) -> Any:
    """Any value of the type; the site that contains it is never used."""
    match kind_of(info).type:
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.DictType():
            return {}
        case inspect.VarTupleType():
            return ()
    return ""

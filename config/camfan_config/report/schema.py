"""The JSON Schema (draft-07) of a site file, made from the types, for editors.

It says less than `load_site`: nothing about names that refer to each other, ports or devices.
"""

from __future__ import annotations

import json
from typing import Any

from msgspec import inspect

from camfan_config.conversion.kinds import is_tagged, kind_of
from camfan_config.text import units
from camfan_config.types import Site

Schema = dict[str, Any]

_INTERPOLATED: Schema = {
    "type": "string",
    "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:[-?][^}]*)?\}",
    "description": "${NAME}, ${NAME:-default} or ${NAME:?why it is needed}",
}
_REFERENCE: Schema = {"$ref": "#/definitions/interpolated"}
_UNITS: dict[str, Schema] = {
    "duration": {
        "anyOf": [{"type": "string", "pattern": units.DURATION_PATTERN}, {"const": 0}],
        "description": "500ms, 5s, 10m, 2h, 7d",
        "examples": ["5s", "10m", "7d"],
    },
    "bytes": {
        "anyOf": [{"type": "string", "pattern": units.BYTES_PATTERN}, {"const": 0}],
        "description": "512MB, 200GB, 64MiB",
        "examples": ["512MB", "200GB"],
    },
    "share": {
        "anyOf": [
            {"type": "string", "pattern": units.SHARE_PATTERN},
            {"type": "number", "minimum": 0, "maximum": 1},
        ],
        "description": "0.3%, or 0 to 1",
        "examples": ["0.3%"],
    },
    "rate": {
        "anyOf": [
            {"type": "number", "exclusiveMinimum": 0, "maximum": 120},
            {"type": "string", "pattern": units.RATE_PATTERN},
        ],
        "description": "frames per second, or 1/10s for one in 10 seconds",
        "examples": [10, "1/10s"],
    },
    "size": {
        "type": "string",
        "pattern": units.SIZE_PATTERN,
        "description": "1280x720",
        "examples": ["640x480", "1280x720", "1920x1080"],
    },
    "address": {
        "type": "string",
        "pattern": units.ADDRESS_PATTERN,
        "description": "127.0.0.1:8080",
        "examples": ["127.0.0.1:8080", "0.0.0.0:8080"],
    },
}


def site_schema() -> Schema:
    """The whole schema."""
    builder = _SchemaBuilder()
    root = builder.mapping(inspect.type_info(Site))
    root["patternProperties"] = {"^x-": {"description": "ignored; a place for anchors"}}
    root["properties"]["cameras"]["minProperties"] = 1
    head: Schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "camfan site file",
    }
    return {**head, **root, "definitions": builder.definitions}


def schema_text() -> str:
    """As it is committed."""
    return json.dumps(site_schema(), indent=2, ensure_ascii=False) + "\n"


def _units() -> Schema:
    """Each unit, or a `${NAME}` for it."""
    found: Schema = {}
    for unit, schema in _UNITS.items():
        examples = schema["examples"]
        rest = {key: value for key, value in schema.items() if key != "examples"}
        found[unit] = {"anyOf": [rest, _REFERENCE], "examples": examples}
    return found


class _SchemaBuilder:
    """Collects the mappings it meets under `definitions`."""

    def __init__(self) -> None:
        self.definitions: Schema = {"interpolated": _INTERPOLATED, **_units()}

    def of(self, info: inspect.Type) -> Schema:
        """A type with what its field says about it."""
        kind = kind_of(info)
        schema = self._unit_or_type(info)
        if kind.nullable:
            schema = {"anyOf": [schema, {"type": "null"}]}
        about = _description(info)
        if about is None:
            return schema
        if "$ref" in schema:  # in draft-07, nothing beside a $ref counts
            schema = {"allOf": [schema]}
        return {"description": about} | {k: v for k, v in schema.items() if k != "description"}

    def mapping(self, info: inspect.Type) -> Schema:
        """A mapping with its keys; no others allowed."""
        assert isinstance(info, inspect.StructType)
        properties = {field.encode_name: self._field(field) for field in info.fields}
        required = [field.encode_name for field in info.fields if field.required]
        if info.tag_field:
            properties = {info.tag_field: {"const": info.tag}, **properties}
            required = [info.tag_field, *required]
        about = (info.cls.__doc__ or "").strip()
        found: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
        return {"description": about, **found} | ({"required": required} if required else {})

    def _field(self, field: inspect.Field) -> Schema:
        schema = self.of(field.type)
        if isinstance(field.default, bool | int | float | str) and kind_of(field.type).unit is None:
            schema["default"] = field.default
        return schema

    def _unit_or_type(self, info: inspect.Type) -> Schema:
        kind = kind_of(info)
        if kind.unit in _UNITS:
            return {"$ref": f"#/definitions/{kind.unit}"}
        if is_tagged(kind.type):
            return self._tagged(kind.type)
        match kind.type:
            case inspect.StructType(cls=cls):
                if cls.__name__ not in self.definitions:
                    self.definitions[cls.__name__] = self.mapping(kind.type)
                whole: Schema = {"$ref": f"#/definitions/{cls.__name__}"}
                alone = [self.of(f.type) for f in kind.type.fields if f.encode_name == kind.short]
                return {"anyOf": [*alone, whole]} if alone else whole
            case inspect.DictType(key_type=key, value_type=value):
                return _dict(key, self.of(value))
            case inspect.VarTupleType(item_type=item, min_length=least):
                return {"type": "array", "items": self.of(item), "minItems": least or 0}
            case inspect.TupleType(item_types=items):
                each = [self.of(item) for item in items]
                return {
                    "type": "array",
                    "items": each,
                    "minItems": len(each),
                    "maxItems": len(each),
                }
            case inspect.UnionType(types=types):
                return {"anyOf": [self.of(each) for each in types]}
        return {"anyOf": [_scalar(kind.type), _REFERENCE]}

    def _tagged(self, info: inspect.UnionType) -> Schema:
        """`if` the key says so `then` this mapping: editors then complain about the right one."""
        structs = [each for each in info.types if isinstance(each, inspect.StructType)]
        field = structs[0].tag_field or ""
        tags = [each.tag for each in structs]
        branches = []
        for each in structs:
            self._unit_or_type(each)  # so that it is among the definitions
            then = {"$ref": f"#/definitions/{each.cls.__name__}"}
            known = {"properties": {field: {"const": each.tag}}, "required": [field]}
            branches.append({"if": known, "then": then})
        open_tag = {"properties": {field: _REFERENCE}, "required": [field]}
        branches.append({"if": open_tag, "then": self._any_of(structs, field)})
        about = "where the pictures come from"
        choice = {"description": about, "anyOf": [{"enum": tags}, _REFERENCE]}
        head: Schema = {"type": "object", "required": [field], "properties": {field: choice}}
        return {**head, "allOf": branches}

    def _any_of(self, structs: list[inspect.StructType], field: str) -> Schema:
        """The source is a `${NAME}`: any key of any source."""
        names = {name for each in structs for name in (f.encode_name for f in each.fields)}
        keys: Schema = {name: {} for name in sorted(names)}
        return {"properties": {field: {}, **keys}, "additionalProperties": False}


def _dict(key: inspect.Type, value: Schema) -> Schema:
    kind = kind_of(key)
    names: Schema = {}
    if isinstance(kind.type, inspect.StrType) and kind.type.pattern:
        names = {"propertyNames": {"pattern": _ecma(kind.type.pattern)}}
    return {"type": "object", **names, "additionalProperties": value}


def _scalar(info: inspect.Type) -> Schema:
    match info:
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.IntType() | inspect.FloatType():
            bounds = {
                "exclusiveMinimum": info.gt,
                "minimum": info.ge,
                "exclusiveMaximum": info.lt,
                "maximum": info.le,
            }
            sort = "integer" if isinstance(info, inspect.IntType) else "number"
            return {"type": sort} | {k: v for k, v in bounds.items() if v is not None}
        case inspect.LiteralType(values=values):
            return {"enum": list(values)}
        case inspect.StrType():
            pattern = {} if info.pattern is None else {"pattern": _ecma(info.pattern)}
            least = {} if info.min_length is None else {"minLength": info.min_length}
            most = {} if info.max_length is None else {"maxLength": info.max_length}
            return {"type": "string", **pattern, **least, **most}
    raise NotImplementedError(f"no JSON Schema for {info}")


def _ecma(pattern: str) -> str:
    """Python's end of text in the words of JSON Schema's regular expressions."""
    return pattern.replace(r"\Z", "$")


def _description(info: inspect.Type) -> str | None:
    """What the outermost `Meta` says."""
    while isinstance(info, inspect.Metadata):
        if info.extra_json_schema and "description" in info.extra_json_schema:
            return str(info.extra_json_schema["description"])
        info = info.type
    return None

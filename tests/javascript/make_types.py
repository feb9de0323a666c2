"""Writes `server.d.ts`: what the server sends and takes, as types for the pages' JavaScript.

Made from the types of the Python code before each check, so a field that is renamed there is an
error here. Run by `make lint-js`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from camfan_nodes.web import page_messages
from camfan_nodes.web.openapi import types_of
from camfan_nodes.web.routes import ROUTES

OUTPUT = Path(__file__).parent / "server.d.ts"
MESSAGES = (
    page_messages.PageHello,
    page_messages.SiteState,
    page_messages.PageEcho,
    page_messages.Want,
    page_messages.PageProbe,
    page_messages.Painted,
)
PLAIN = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "null": "null",
}

REQUESTS = {"Want", "Tile", "PageProbe", "Painted", "Settings", "Credentials"}

Schema = dict[str, Any]


def main() -> None:
    """The namespace `Server`, known to all checked files without an import."""
    _, schemas = msgspec.json.schema_components(
        [*types_of(ROUTES), *MESSAGES], ref_template="{name}"
    )
    lines = ["declare namespace Server {"]
    for name, schema in schemas.items():
        text = object_text(schema, optional=name in REQUESTS)
        lines.append(f"  type {name} = {text};")
    OUTPUT.write_text("\n".join([*lines, "}", ""]))


def type_text(schema: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "anyOf" in schema:
        return " | ".join(type_text(one) for one in schema["anyOf"])
    kind = schema.get("type")
    if kind == "object":
        return object_text(schema)
    if kind == "array":
        return f"Array<{type_text(schema.get('items') or {})}>"
    return PLAIN.get(str(kind), "unknown")


def object_text(schema: Schema, *, optional: bool = False) -> str:
    """`optional`: fields with a default may be left out, as in requests; answers have them all."""
    if "properties" not in schema:
        values = schema.get("additionalProperties")
        return f"Record<string, {type_text(values) if isinstance(values, dict) else 'unknown'}>"
    needed = schema.get("required", []) if optional else schema["properties"]
    fields = (
        f"{name}{'' if name in needed else '?'}: {type_text(one)}"
        for name, one in schema["properties"].items()
    )
    return "{ " + "; ".join(fields) + " }"


if __name__ == "__main__":
    main()

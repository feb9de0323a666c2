"""Query parameters and JSON bodies of a request as checked values, for all HTTP servers here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from aiohttp import web
from msgspec import Struct, inspect

Kind = TypeVar("Kind", bound=Struct)


def read_query(request: web.Request, kind: type[Kind]) -> Kind:
    """Raises HTTPBadRequest."""
    names = kind.__struct_encode_fields__
    said = {name: request.query[name] for name in names if name in request.query}
    try:
        return msgspec.convert(said, kind, strict=False)
    except msgspec.ValidationError as exc:
        name = str(exc).rpartition("$.")[2].rstrip("`")
        raise web.HTTPBadRequest(text=f"{name} is {_allowed(kind, name)}\n") from None


def _allowed(kind: type[Struct], name: str) -> str:
    """The values of a parameter, in words."""
    found = inspect.type_info(kind)
    assert isinstance(found, inspect.StructType)
    return _values(next(one.type for one in found.fields if one.encode_name == name))


def _values(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.UnionType):
        return " or ".join(_values(one) for one in kind.types if one != inspect.NoneType())
    if isinstance(kind, inspect.LiteralType):
        return " or ".join(str(value) for value in kind.values)
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        whole = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
        return f"{whole} from {kind.ge:g} to {kind.le:g}" if kind.le is not None else whole
    return "text"


async def read_body(request: web.Request, kind: type[Kind]) -> Kind:
    """Raises HTTPUnsupportedMediaType and HTTPBadRequest."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="the body is not JSON: application/json\n")
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise web.HTTPBadRequest(text=f"the body is not valid: {exc}\n") from exc


def json_response(
    body: Struct, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"} | dict(headers or {}),
    )

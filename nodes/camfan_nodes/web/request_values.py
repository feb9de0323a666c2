"""What a handler may read of a request: checked before by its route, so none of it can be wrong."""

from __future__ import annotations

from typing import TypeVar

from aiohttp import web
from msgspec import Struct

from camfan_nodes.web.principals import Principal

PRINCIPAL = web.RequestKey("principal", Principal)  # absent: neither logged in nor a token
CAMERA = web.RequestKey("camera", str)
QUERY = web.RequestKey("query", Struct)
BODY = web.RequestKey("body", Struct)

Kind = TypeVar("Kind", bound=Struct)


def principal_of(request: web.Request) -> Principal:
    """Not for routes whose rights are PUBLIC."""
    return request[PRINCIPAL]


def camera_of(request: web.Request) -> str:
    """The camera that the address names; the principal may see it."""
    return request[CAMERA]


def query_of(request: web.Request, kind: type[Kind]) -> Kind:
    """The parameters behind the `?`; `kind` is that of the route."""
    found = request[QUERY]
    assert isinstance(found, kind)
    return found


def body_of(request: web.Request, kind: type[Kind]) -> Kind:
    """The JSON body; `kind` is that of the route."""
    found = request[BODY]
    assert isinstance(found, kind)
    return found

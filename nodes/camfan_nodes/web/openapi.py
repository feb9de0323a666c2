"""The OpenAPI document: made from the table of routes and the types that it names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct

from camfan_config import NAME_PATTERN
from camfan_nodes.web.route import Answer, Rights, Route
from camfan_nodes.web.routes import ROUTES

Json = dict[str, Any]

NAME = f"^{NAME_PATTERN}$"
REFERENCES = "#/components/schemas/{name}"
DESCRIPTION = (
    "The cameras of a site: frames, streams, and their state. A camera that a user or token may "
    "not see is answered with 404, as one that does not exist."
)
SECURITY: Json = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "any user name, the token as the password",
    },
    "address": {"type": "apiKey", "in": "query", "name": "token"},
}


def openapi(version: str) -> Json:
    """The document: each route that has a summary."""
    routes = [route for route in ROUTES if route.summary]
    paths: Json = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    _, components = msgspec.json.schema_components(types_of(routes), ref_template=REFERENCES)
    return {
        "openapi": "3.1.0",
        "info": {"title": "camfan", "version": version, "description": DESCRIPTION},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": SECURITY},
    }


def types_of(routes: Iterable[Route]) -> list[type[Struct]]:
    """Each type of a body or an answer, once."""
    found: dict[type[Struct], None] = {}
    for route in routes:
        if route.body is not None:
            found[route.body] = None
        for one in (route.answer, *route.errors.values()):
            if isinstance(one, Answer) and not isinstance(one.content, str):
                found[one.content] = None
    return list(found)


def _operation(route: Route) -> Json:
    public = route.rights is Rights.PUBLIC
    operation: Json = {
        "summary": route.summary,
        "parameters": list(_parameters(route)),
        "responses": dict(_responses(route)),
        "security": [] if public else [{name: []} for name in SECURITY],
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(route.body)}
    return operation


def _parameters(route: Route) -> Iterator[Json]:
    if route.names_camera:
        schema = {"type": "string", "pattern": NAME}
        yield {"name": "camera", "in": "path", "required": True, "schema": schema}
    if route.query is not None:
        (shape,), components = msgspec.json.schema_components([route.query])
        for name, schema in components[shape["$ref"].rpartition("/")[2]]["properties"].items():
            yield {"name": name, "in": "query", "required": False, "schema": schema}


def _responses(route: Route) -> Iterator[tuple[str, Json]]:
    """The answer, the errors of the handler, and those of the checks before it."""
    answers = {404: "no such camera, or not permitted"} if route.names_camera else {}
    if route.query is not None or route.body is not None:
        answers[400] = "a parameter or the body is not valid"
    if route.rights is not Rights.PUBLIC:
        answers[401] = "log in, or send a token"
    if route.rights in (Rights.OPERATOR, Rights.SITE_OWNER):
        answers[403] = f"needs {route.rights.value}"
    elif route.method == "POST":
        answers[403] = "the request comes from a page of another site"
    if route.body is not None:
        answers[415] = "the body is not JSON"
    if route.per_second is not None:
        answers[429] = f"more than {route.per_second:g} requests a second"
    if route.slots is not None:
        answers[503] = f"too many {route.slots.what} are open"
    assert route.answer is not None, "a route with a summary has an answer"
    yield str(route.answer.status), _answer(route.answer)
    for status, one in sorted((answers | dict(route.errors)).items()):
        yield str(HTTPStatus(status).value), _answer(one)


def _answer(one: str | Answer) -> Json:
    answer = one if isinstance(one, Answer) else Answer(one, "text/plain")
    return {"description": answer.text, "content": _content(answer.content)}


def _content(content: type[Struct] | str) -> Json:
    if not isinstance(content, str):
        reference = {"$ref": REFERENCES.format(name=content.__name__)}
        return {"application/json": {"schema": reference}}
    if content == "application/json":
        return {content: {"schema": {"type": "object"}}}
    schema = {"type": "string"} | ({} if content == "text/plain" else {"format": "binary"})
    return {content: {"schema": schema}}
